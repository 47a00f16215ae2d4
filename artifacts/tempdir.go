package artifacts

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// tempDirs are folders that were used and wait to be used again: a run of a
// thousand programs needs one for each, and ext4 makes new folders and files
// slowly where it has just removed many.
type tempDirs struct {
	mu   sync.Mutex
	free map[string][]string // by the file that is in them, "" for none
	with map[string]string   // of those that are given out: what TempDirWith was asked for
}

// TempDir gives an empty folder for files of this process, with an absolute
// path that nobody had before. It goes when the process ends, if not before.
func (s *Store) TempDir() (string, error) { return s.TempDirWith("") }

// TempDirWith is TempDir for those who write a file of that name anyway, with
// WriteAgain: the folder may have an old one.
func (s *Store) TempDirWith(file string) (string, error) {
	path, err := filepath.Abs(s.session.tempPath())
	if err != nil {
		return "", err
	}
	t := &s.temp
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.free == nil {
		t.free, t.with = map[string][]string{}, map[string]string{}
	}
	t.with[path] = file
	for free := t.free[file]; len(free) > 0; free = t.free[file] {
		old := free[len(free)-1]
		t.free[file] = free[:len(free)-1]
		if os.Rename(old, path) == nil {
			return path, nil
		}
	}
	return path, os.Mkdir(path, 0o777)
}

// ReturnTempDir empties a folder that TempDir gave. The next to get it knows
// it by another path, so that a program which was left behind with the old one
// cannot write there.
func (s *Store) ReturnTempDir(dir string) {
	t := &s.temp
	t.mu.Lock()
	file := t.with[dir]
	delete(t.with, dir)
	t.mu.Unlock()
	has := ""
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if e.Name() == file && canWriteAgain(path) {
			has = file
		} else if err == nil {
			err = os.RemoveAll(path)
		}
	}
	if err != nil {
		_ = os.RemoveAll(dir) // what stays is swept with the process's temporary files
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.free[has] = append(t.free[has], dir)
}

// canWriteAgain tells whether a file is one that WriteAgain has made, and of no
// other name: a program may have put anything in its place.
func canWriteAgain(path string) bool {
	var st syscall.Stat_t
	return lstat(path, &st) == nil && st.Mode&syscall.S_IFMT == syscall.S_IFREG && st.Mode&0o600 == 0o600 && st.Nlink == 1
}

// WriteAgain writes a file, over the one that TempDirWith has left there. It is
// cut to its length at the end: one that was emptied first, ext4 would send to the
// disk at once.
func WriteAgain(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|syscall.O_NOFOLLOW, 0o666)
	if err != nil {
		return err
	}
	if _, err = f.Write(b); err == nil {
		err = f.Truncate(int64(len(b)))
	}
	return errors.Join(err, f.Close())
}
