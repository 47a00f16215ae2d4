package artifacts

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// tryLockKey returns the file that holds the lock of a key until it is closed,
// or nil when another holds it. The lock is on one byte, whose position is the
// key, of the one empty file "keys": an open-file-description lock, which
// excludes threads as well as processes. A file for each key would be made and
// removed for each stage, and ext4 makes new files slowly where it has just
// removed many.
func (s *Store) tryLockKey(k Key) (*os.File, error) {
	f, err := openLock(filepath.Join(s.dir, locksDir, "keys"))
	if err != nil {
		return nil, err
	}
	// 60 bits of the key fit into a file offset.
	position, err := strconv.ParseInt(string(k[:15]), 16, 64)
	if err == nil {
		err = unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK, Start: position, Len: 1})
	}
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return nil, nil
	}
	return nil, &os.PathError{Op: "lock", Path: f.Name(), Err: err}
}
