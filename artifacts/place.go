package artifacts

import (
	"fmt"
	"io"
	"os"
)

// Link puts a stored artifact of one file at path, for a program that wants a
// file: a read-only hard link where the file system can, else a copy. The
// object is verified first. A file that is there already is an error.
func (s *Store) Link(ref Ref, path string) error {
	o, err := s.Open(ref)
	if err != nil {
		return err
	}
	defer o.Close()
	if os.Link(s.objectPath(ref.Digest), path) == nil {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return fmt.Errorf("place an artifact: %w", err)
	}
	_, err = io.Copy(f, o)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		os.Remove(path)
		return fmt.Errorf("place an artifact at %s: %w", path, err)
	}
	return nil
}

// Copy writes a stored artifact of one file to path, where nothing may be yet.
// The copy is the caller's.
func (s *Store) Copy(ref Ref, path string) error {
	o, err := s.Open(ref)
	if err != nil {
		return err
	}
	defer o.Close()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	if reflink(f, o.file) != nil {
		_, err = io.Copy(f, o)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
