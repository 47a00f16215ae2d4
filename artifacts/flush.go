package artifacts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// A flush waits for the disk, a millisecond or more, whatever its size. The
// bytes of large objects are flushed one by one before they get their name.
// All names, and the bytes of small objects, are flushed together: before the
// record of a stage that took longer than a flush does, before anything outside
// relies on them (Flush), and at Close. A power failure before that costs at
// most stages that are quickly run again, because what it leaves of an object
// has the wrong size or the wrong digest, and so is never used. The death of
// the process alone loses nothing: the kernel has the bytes.

func (s *Store) flushLater(d Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unflushed[d] = true
}

// fewFiles is up to where flushing one by one is quicker than a flush of the
// whole file system, which may have other programs' data to write.
const fewFiles = 16

// Flush returns when everything committed so far is on the disk. Call it
// before something that outlives a power failure starts to refer to an
// artifact, such as a row of the registry.
func (s *Store) Flush() error {
	s.mu.Lock()
	todo := s.unflushed
	s.unflushed = make(map[Digest]bool)
	s.mu.Unlock()

	if len(todo) > fewFiles && syncAll(s.dir) == nil {
		return nil
	}
	for d := range todo {
		// An object that is gone was collected or quarantined.
		if err := syncFile(s.objectPath(d)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("flush object %s: %w", d, noSpace(s.dir, s.objectPath(d), 1, err))
		}
	}
	return nil
}

// syncFile flushes a file, or the names in a folder.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	err = f.Sync()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
