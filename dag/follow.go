package dag

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// JournalReader reads the journal of a run that may go on being written. Close
// it.
type JournalReader struct {
	f    *os.File
	line int
	rest []byte // read, not yet given: at most the beginning of a line after the last newline
}

// FollowJournal opens the journal in a run's folder at its beginning.
func FollowJournal(dir string) (*JournalReader, error) {
	f, err := os.Open(filepath.Join(dir, JournalFile))
	if err != nil {
		return nil, fmt.Errorf("read the journal of a run: %w", err)
	}
	return &JournalReader{f: f}, nil
}

// Next returns the next event. io.EOF says that no further line is whole yet:
// call Next again later.
func (j *JournalReader) Next() (*Event, error) {
	for {
		if i := bytes.IndexByte(j.rest, '\n'); i >= 0 {
			line := j.rest[:i+1]
			j.rest = j.rest[i+1:]
			j.line++
			var e Event
			if !intact(line) || json.Unmarshal(line, &e) != nil {
				return nil, fmt.Errorf("%s:%d: %w: this line is not what was written", j.f.Name(), j.line, ErrJournalDamaged)
			}
			return &e, nil
		}
		part := make([]byte, len(j.rest)+64<<10)
		copy(part, j.rest)
		n, err := j.f.Read(part[len(j.rest):])
		j.rest = part[:len(j.rest)+n]
		if n == 0 {
			if err == nil || errors.Is(err, io.EOF) {
				return nil, io.EOF
			}
			return nil, fmt.Errorf("read the journal of a run: %w", err)
		}
	}
}

// Close gives the file back.
func (j *JournalReader) Close() error { return j.f.Close() }
