package artifacts

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// keyLocks are the locks of keys that a Store holds. One is on one byte, whose
// position is the key, of the one empty file "keys": an open-file-description
// lock, which ends with the process however it ends. A file for each key would
// be made and removed for each stage, and ext4 makes new files slowly where it
// has just removed many. The description is opened once, so what it has locked
// is known here, and it excludes all others: those of other processes, and of other Stores in
// this one.
type keyLocks struct {
	mu   sync.Mutex
	fd   int            // of the file; not open while held is nil
	held map[int64]bool // positions
}

// tryLockKey takes the lock of a key, and returns how to give it back, or nil
// when another holds it.
func (s *Store) tryLockKey(k Key) (unlock func(), err error) {
	// 60 bits of the key fit into a file offset.
	position, err := strconv.ParseInt(string(k[:15]), 16, 64)
	if err != nil {
		return nil, err
	}
	l, path := &s.keyLocks, filepath.Join(s.dir, locksDir, "keys")
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.open(path); err != nil {
		return nil, err
	}
	if l.held[position] {
		return nil, nil
	}
	switch err := l.set(position, unix.F_WRLCK); {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EACCES):
		return nil, nil
	case err != nil:
		return nil, &os.PathError{Op: "lock", Path: path, Err: err}
	}
	l.held[position] = true
	return func() { l.unlock(position) }, nil
}

func (l *keyLocks) open(path string) error {
	if l.held != nil {
		return nil
	}
	fd, err := ignoringEINTR(func() (int, error) {
		return syscall.Open(path, syscall.O_RDWR|syscall.O_CREAT|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0o666)
	})
	if err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	l.fd, l.held = fd, map[int64]bool{}
	return nil
}

func (l *keyLocks) set(position int64, how int16) error {
	return unix.FcntlFlock(uintptr(l.fd), unix.F_OFD_SETLK, &unix.Flock_t{Type: how, Start: position, Len: 1})
}

func (l *keyLocks) unlock(position int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[position] { // or the file has been closed meanwhile, and the lock with it
		_ = l.set(position, unix.F_UNLCK) // cannot fail; others would wait until the store is closed
		delete(l.held, position)
	}
}

// close gives all locks back.
func (l *keyLocks) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held != nil {
		syscall.Close(l.fd)
		l.held = nil
	}
}
