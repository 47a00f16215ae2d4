package artifacts

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Stats says how much is in a store.
type Stats struct {
	Objects     int   `json:"objects"`
	Bytes       int64 `json:"bytes"` // of the objects
	Records     int   `json:"records"`
	Quarantined int   `json:"quarantined"`
	Sessions    int   `json:"sessions"` // processes that have the store open, this one included
}

// Stats counts what is in the store.
func (s *Store) Stats(ctx context.Context) (Stats, error) {
	var st Stats
	err := s.walk(ctx, objectsDir, func(f storedFile) error {
		st.Objects++
		st.Bytes += f.size
		return nil
	})
	if err == nil {
		err = s.walk(ctx, keysDir, func(storedFile) error {
			st.Records++
			return nil
		})
	}
	if err != nil {
		return st, fmt.Errorf("store %s: %w", s.dir, err)
	}
	if damaged, err := os.ReadDir(filepath.Join(s.dir, quarantineDir)); err == nil {
		st.Quarantined = len(damaged)
	}
	sessions, err := os.ReadDir(filepath.Join(s.dir, tmpDir))
	if err != nil {
		return st, fmt.Errorf("store %s: %w", s.dir, err)
	}
	for _, e := range sessions {
		if sessionAlive(filepath.Join(s.dir, tmpDir, e.Name())) {
			st.Sessions++
		}
	}
	return st, nil
}

// Records calls yield with every readable record, in the order of keys, until
// it returns false. What they name need not be in the store.
func (s *Store) Records(ctx context.Context, yield func(*Record) bool) error {
	return s.walk(ctx, keysDir, func(f storedFile) error {
		r, err := s.loadRecord(Key(f.name))
		if err == nil && !yield(r) {
			return fs.SkipAll
		}
		return nil
	})
}
