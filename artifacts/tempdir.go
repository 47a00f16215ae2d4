package artifacts

import (
	"os"
	"path/filepath"
	"sync"
)

// tempDirs are empty folders that were used and wait to be used again: a run
// of a thousand programs needs one for each, and ext4 makes new folders slowly
// where it has just removed many.
type tempDirs struct {
	mu   sync.Mutex
	free []string
}

// TempDir gives an empty folder for files of this process, with an absolute
// path that nobody had before. It goes when the process ends, if not before.
func (s *Store) TempDir() (string, error) {
	path, err := filepath.Abs(s.session.tempPath())
	if err != nil {
		return "", err
	}
	s.temp.mu.Lock()
	defer s.temp.mu.Unlock()
	for n := len(s.temp.free); n > 0; n = len(s.temp.free) {
		old := s.temp.free[n-1]
		s.temp.free = s.temp.free[:n-1]
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
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if err == nil {
			err = os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
	if err != nil {
		_ = os.RemoveAll(dir) // what stays is swept with the process's temporary files
		return
	}
	s.temp.mu.Lock()
	defer s.temp.mu.Unlock()
	s.temp.free = append(s.temp.free, dir)
}
