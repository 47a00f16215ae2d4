package artifacts

import (
	"fmt"
	"os"
)

// unflushed is a finished file in tmp/ that is not known to be on the disk yet.
type unflushed struct {
	ref  Ref
	temp string
}

// fewFiles is up to where flushing one by one is quicker than a flush of the
// whole file system, which may have other programs' data to write.
const fewFiles = 16

// adoptAll flushes the files, all together where they are many, and makes them
// objects.
func (s *Store) adoptAll(files []unflushed) error {
	if len(files) <= fewFiles || syncAll(s.dir) != nil {
		for _, u := range files {
			if err := syncFile(u.temp); err != nil {
				return err
			}
		}
	}
	for _, u := range files {
		if err := s.adopt(u.ref, u.temp); err != nil {
			return err
		}
		os.Remove(u.temp) // still there if the store had the object
	}
	return nil
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

// adopt gives a finished file in tmp/ the name of its digest. An object that
// is there and known to be sound stays; one that this process has not hashed is
// replaced, because the new file's bytes have just been.
func (s *Store) adopt(ref Ref, temp string) error {
	if err := s.gcLock.acquire(); err != nil {
		return err
	}
	defer s.gcLock.release()
	s.leases.takeRef(ref)
	path := s.objectPath(ref.Digest)
	if old, err := os.Lstat(path); err == nil && s.isVerified(ref.Digest, old) {
		return nil
	}
	if err := renameInto(temp, path); err != nil {
		return err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if info.Size() != ref.Size {
		return fmt.Errorf("object %s: wrote %d bytes and found %d", ref.Digest, ref.Size, info.Size())
	}
	s.setVerified(ref.Digest, info)
	return nil
}
