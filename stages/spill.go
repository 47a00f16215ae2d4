package stages

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	"pipe/dag"
)

// spill keeps bytes that are written once, one behind the other, and then read in any
// order. What is over a bound goes to a temporary file: the operating system keeps of
// that what it has memory for. It is used by one goroutine.
type spill struct {
	most   int64                  // bytes that stay in memory
	folder func() (string, error) // where the file is made, once there is need
	chunks [][]byte               // in memory, all of chunkSize but the last
	size   int64                  // of all that was written
	file   *os.File               // nil before there is need
	ahead  *bufio.Writer          // to the file
}

const chunkSize = 1 << 20

// newSpill makes room for a stage: in memory up to a quarter of what the process may
// have, and beyond that in a folder that is removed when the stage ends.
func newSpill(env *dag.Env) *spill {
	return &spill{most: processMemory() / 4, folder: env.Temp}
}

// processMemory is GOMEMLIMIT, or where that is not set the memory of the machine.
func processMemory() int64 {
	machine := int64(dag.MachineMemory())
	if os.Getenv("GOMEMLIMIT") != "" { // else the limit is one of the garbage collector's own
		return min(debug.SetMemoryLimit(-1), machine)
	}
	return machine
}

// inMemory is how much of it is held in memory.
func (s *spill) inMemory() int64 { return min(s.size, int64(len(s.chunks))*chunkSize) }

// Write appends. It implements io.Writer.
func (s *spill) Write(b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		if s.file != nil || s.size >= s.most && s.size%chunkSize == 0 {
			var m int
			m, err = s.writeFile(b[n:])
			n += m
			s.size += int64(m)
			continue
		}
		if s.size%chunkSize == 0 {
			s.chunks = append(s.chunks, make([]byte, 0, chunkSize))
		}
		last := &s.chunks[len(s.chunks)-1]
		m := min(len(b)-n, chunkSize-len(*last))
		*last = append(*last, b[n:n+m]...)
		n += m
		s.size += int64(m)
	}
	return n, err
}

func (s *spill) writeFile(b []byte) (int, error) {
	if s.file == nil {
		dir, err := s.folder()
		if err != nil {
			return 0, err
		}
		if s.file, err = os.Create(filepath.Join(dir, "rows")); err != nil {
			return 0, err
		}
		s.ahead = bufio.NewWriterSize(s.file, chunkSize)
	}
	n, err := s.ahead.Write(b)
	if err != nil {
		err = fmt.Errorf("what does not fit into memory goes to a temporary file: %w", err)
	}
	return n, err
}

// ReadAt fills b with what was written from an offset on.
func (s *spill) ReadAt(b []byte, at int64) error {
	if at < 0 || at+int64(len(b)) > s.size {
		return fmt.Errorf("%d bytes at %d are asked for, and %d are there", len(b), at, s.size)
	}
	for len(b) > 0 && at < s.inMemory() {
		n := copy(b, s.chunks[at/chunkSize][at%chunkSize:])
		b, at = b[n:], at+int64(n)
	}
	if len(b) == 0 {
		return nil
	}
	if err := s.ahead.Flush(); err != nil {
		return err
	}
	_, err := s.file.ReadAt(b, at-s.inMemory())
	return err
}

// Close closes the file.
func (s *spill) Close() error {
	if s.file == nil {
		return nil
	}
	return errors.Join(s.ahead.Flush(), s.file.Close())
}
