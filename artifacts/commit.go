package artifacts

import (
	"fmt"
	"os"
)

// createTemp makes a file in tmp/: read-only from the start for everybody but
// the holder of this descriptor, as objects are.
func (s *Store) createTemp() (*os.File, error) {
	return os.OpenFile(s.session.tempPath(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o444)
}

// putObject makes an object of bytes that are in memory. An object that is
// there already costs a read of it and no write.
func (s *Store) putObject(ref Ref, b []byte) error {
	if s.holdSound(ref) {
		return nil
	}
	temp := s.session.tempPath()
	if err := createSmall(temp, b, 0o444, syncNever); err != nil {
		return err
	}
	took, err := s.adopt(ref, temp)
	if !took {
		os.Remove(temp)
	}
	return err
}

// holdSound leases the object if the store has it undamaged.
func (s *Store) holdSound(ref Ref) bool {
	if err := s.gcLock.acquire(); err != nil {
		return false
	}
	defer s.gcLock.release()
	s.leases.takeRef(ref)
	f, err := s.openFile(ref.Digest)
	if err != nil {
		return false
	}
	defer f.Close()
	return s.check(f, ref.Digest, ref.Size) == nil
}

// adopt gives a finished file in tmp/ the name of its digest, and tells whether
// it did. An object that
// is there and known to be sound stays; one that this process has not hashed is
// replaced, because the new file's bytes have just been.
func (s *Store) adopt(ref Ref, temp string) (took bool, err error) {
	if err := s.gcLock.acquire(); err != nil {
		return false, err
	}
	defer s.gcLock.release()
	s.leases.takeRef(ref)
	path := s.objectPath(ref.Digest)
	if old, err := os.Lstat(path); err == nil && s.isVerified(ref.Digest, old) {
		return false, nil
	}
	if err := renameInto(temp, path); err != nil {
		return false, err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return true, err
	}
	if info.Size() != ref.Size {
		return true, fmt.Errorf("object %s: wrote %d bytes and found %d", ref.Digest, ref.Size, info.Size())
	}
	s.setVerified(ref.Digest, info)
	s.flushLater(ref.Digest)
	return true, nil
}
