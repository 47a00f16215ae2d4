//go:build unix && !linux

package artifacts

import (
	"path/filepath"
)

// tryLockKey takes the lock of a key, and returns how to give it back, or nil
// when another holds it. Keys with the same first digits share a file,
// so that one of 4,096 waits for another without need.
func (s *Store) tryLockKey(k Key) (unlock func(), err error) {
	f, err := openLock(filepath.Join(s.dir, locksDir, "keys-"+string(k[:3])))
	if err != nil {
		return nil, err
	}
	got, err := tryLock(f, exclusive)
	if err != nil || !got {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}

// keyLocks has nothing to keep here.
type keyLocks struct{}

func (*keyLocks) close() {}
