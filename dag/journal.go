package dag

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
)

// Journal keeps a run's events as JSON lines, append-only, beside the text of
// its pipeline: the run stays readable after the file was edited. Each line
// ends with a checksum of what is before it, as the member "sum".
type Journal struct {
	f   *os.File
	w   *bufio.Writer
	err error

	line []byte // of the event before, for its room
}

// JournalFile and PipelineFile are the names in a run's folder.
const (
	JournalFile  = "journal.jsonl"
	PipelineFile = "pipeline.yaml"
)

// CreateJournal makes the folder of a run.
func CreateJournal(dir string, pipeline []byte) (*Journal, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("create the folder of a run: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, PipelineFile), pipeline, 0o666); err != nil {
		return nil, fmt.Errorf("keep the pipeline of a run: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, JournalFile), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o666)
	if err != nil {
		return nil, fmt.Errorf("create the journal of a run: %w", err)
	}
	return &Journal{f: f, w: bufio.NewWriterSize(f, 64<<10)}, nil
}

// Event implements Sink. Progress is for people who watch; it is not kept.
// What a running stage does is flushed at once, for those who follow, and so
// that a killed process leaves what it had done; hits come in hundreds and are
// not.
func (j *Journal) Event(e *Event) {
	if j.err != nil || e.Type == StageProgress {
		return
	}
	line, err := e.appendJSON(j.line[:0])
	j.write(line, err)
	if j.err == nil && e.Type != StageCached && e.Type != StageSkipped {
		j.err = j.w.Flush()
	}
}

// write adds an event that is JSON in j.line's room, unless that failed.
func (j *Journal) write(line []byte, err error) {
	if err != nil {
		j.err = err
		return
	}
	j.line = seal(line)
	_, j.err = j.w.Write(j.line)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sumLength is that of `,"sum":"01234567"}`.
const sumLength = 18

// seal adds the checksum to a JSON object and ends the line.
func seal(object []byte) []byte {
	body := object[:len(object)-1]
	const digits = "0123456789abcdef"
	sum := crc32.Checksum(body, castagnoli)
	body = append(body, `,"sum":"`...)
	for shift := 28; shift >= 0; shift -= 4 {
		body = append(body, digits[sum>>shift&0xf])
	}
	return append(body, "\"}\n"...)
}

// intact tells whether a line is what seal made of it.
func intact(line []byte) bool {
	n := len(line) - sumLength - 1
	if n < 0 {
		return false
	}
	body := line[:n:n]
	return bytes.Equal(line, seal(append(body, '}')))
}

// Close returns the first error that the journal met.
func (j *Journal) Close() error {
	err := errors.Join(j.err, j.w.Flush(), j.f.Close())
	if err != nil {
		return fmt.Errorf("write the journal of a run: %w", err)
	}
	return nil
}

// ErrJournalDamaged says that a journal holds what no run has written.
var ErrJournalDamaged = errors.New("the journal is damaged")

// ReadJournal gives the events of a run to f, in order. A last line that a
// kill has cut short is left out.
func ReadJournal(dir string, f func(*Event) error) error {
	file, err := os.Open(filepath.Join(dir, JournalFile))
	if err != nil {
		return fmt.Errorf("read the journal of a run: %w", err)
	}
	defer file.Close()
	r := bufio.NewReaderSize(file, 64<<10)
	for line := 1; ; line++ {
		b, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the journal of a run: %w", err)
		}
		var e Event
		if !intact(b) || json.Unmarshal(b, &e) != nil {
			return fmt.Errorf("%s:%d: %w: this line is not what was written", file.Name(), line, ErrJournalDamaged)
		}
		if err := f(&e); err != nil {
			return err
		}
	}
}

// TrimJournal cuts off what a kill has left of a last line, so that a run can
// go on in its journal. No journal is no error.
func TrimJournal(dir string) error {
	f, err := os.OpenFile(filepath.Join(dir, JournalFile), os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("continue the journal of a run: %w", err)
	}
	defer f.Close()
	end := int64(0) // of the last whole line
	r := bufio.NewReaderSize(f, 64<<10)
	for {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("continue the journal of a run: %w", err)
		}
		end += int64(len(line))
	}
	if err := f.Truncate(end); err != nil {
		return fmt.Errorf("continue the journal of a run: %w", err)
	}
	return nil
}
