package artifacts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
)

// session is a live process's place in tmp/. Its lock file is flock'ed for as
// long as the process lives, and the kernel drops the lock however the process
// dies; so whoever can take the lock knows that the folder is a leftover.
type session struct {
	dir  string
	lock *os.File
	next atomic.Int64
}

const sessionLock = "lock"

// openSession removes what dead processes left and makes a new session. Both
// happen under one lock: a session whose folder exists but whose lock is not
// yet taken must not look dead to another process.
func openSession(storeDir string) (*session, error) {
	guard, err := lockFile(filepath.Join(storeDir, locksDir, "sessions"), exclusive)
	if err != nil {
		return nil, err
	}
	defer guard.Close()

	tmp := filepath.Join(storeDir, tmpDir)
	if err := removeDeadSessions(tmp); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(tmp, strconv.Itoa(os.Getpid())+"-")
	if err != nil {
		return nil, err
	}
	lock, err := lockFile(filepath.Join(dir, sessionLock), exclusive)
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return &session{dir: dir, lock: lock}, nil
}

func removeDeadSessions(tmp string) error {
	entries, err := os.ReadDir(tmp)
	if err != nil {
		return err
	}
	for _, e := range entries {
		dir := filepath.Join(tmp, e.Name())
		if e.IsDir() && sessionAlive(dir) {
			continue
		}
		// A leftover that cannot be removed costs space and nothing else; the
		// next process tries again.
		_ = os.RemoveAll(dir)
	}
	return nil
}

// sessionAlive reports whether a process holds the lock of the session in dir.
// A session that cannot be looked at, because it is another user's, counts as
// alive: that costs space, the opposite could cost a run.
func sessionAlive(dir string) bool {
	f, err := os.Open(filepath.Join(dir, sessionLock))
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	defer f.Close()
	got, err := tryLock(f, exclusive)
	return err != nil || !got
}

// tempPath returns a new path in the session's folder.
func (s *session) tempPath() string {
	return s.dir + "/" + strconv.FormatInt(s.next.Add(1), 10)
}

func (s *session) close() error {
	// The folder goes before the lock, so that nobody sees a dead session and
	// removes it at the same time.
	err := os.RemoveAll(s.dir)
	if cerr := s.lock.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("end of session: %w", err)
	}
	return nil
}
