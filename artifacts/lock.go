package artifacts

import (
	"errors"
	"os"
	"syscall"
)

// Locks are flock(2) locks: they belong to an open file and not to a process,
// so they also exclude goroutines of one process, and they end with the
// process however it ends.

type lockMode int

const (
	shared    lockMode = syscall.LOCK_SH
	exclusive lockMode = syscall.LOCK_EX
)

// lockFile opens path, creating it where it is missing, and waits for the lock.
// Closing the file gives the lock back.
func lockFile(path string, mode lockMode) (*os.File, error) {
	f, err := openLock(path)
	if err != nil {
		return nil, err
	}
	if err := flock(f, int(mode)); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func openLock(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o666)
}

// tryLock takes the lock if that needs no waiting.
func tryLock(f *os.File, mode lockMode) (bool, error) {
	err := flock(f, int(mode)|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

func flock(f *os.File, how int) error {
	for {
		err := syscall.Flock(int(f.Fd()), how)
		if err == nil {
			return nil
		}
		if err != syscall.EINTR {
			return &os.PathError{Op: "flock", Path: f.Name(), Err: err}
		}
	}
}
