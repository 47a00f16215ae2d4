//go:build unix && !linux

package artifacts

import (
	"os"
	"path/filepath"
)

// tryLockKey returns the file that holds the lock of a key until it is closed,
// or nil when another holds it. Keys with the same first digits share a file,
// so that one of 4,096 waits for another without need.
func (s *Store) tryLockKey(k Key) (*os.File, error) {
	f, err := openLock(filepath.Join(s.dir, locksDir, "keys-"+string(k[:3])))
	if err != nil {
		return nil, err
	}
	got, err := tryLock(f, exclusive)
	if err != nil || !got {
		f.Close()
		return nil, err
	}
	return f, nil
}
