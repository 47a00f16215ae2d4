package artifacts

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestLinkPlacesAReadOnlyFile(t *testing.T) {
	s := newStore(t)
	ref := mustPut(t, s, []byte("content"))
	path := filepath.Join(t.TempDir(), "in.bin")
	if err := s.Link(ref, path); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "content" {
		t.Errorf("%q, %v", got, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o222 != 0 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := s.Link(ref, path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("onto a file: %v", err)
	}
	absent := Ref{Type: File, Digest: someDigest, Size: 1}
	if err := s.Link(absent, filepath.Join(t.TempDir(), "x")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of what is not stored: %v", err)
	}
}

func TestTempDirGoesWithTheSession(t *testing.T) {
	var dir string
	withStore(t, filepath.Join(t.TempDir(), ".pipe"), func(s *Store) {
		var err error
		if dir, err = s.TempDir(); err != nil || !filepath.IsAbs(dir) {
			t.Fatalf("%q, %v", dir, err)
		}
		if err := os.WriteFile(filepath.Join(dir, "half"), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	})
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is left: %v", err)
	}
}

func TestTempDirComesBackEmptyUnderANewName(t *testing.T) {
	withStore(t, filepath.Join(t.TempDir(), ".pipe"), func(s *Store) {
		first, err := s.TempDir()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(first, "a", "b"), 0o777); err != nil {
			t.Fatal(err)
		}
		s.ReturnTempDir(first)
		second, err := s.TempDir()
		if err != nil || second == first {
			t.Fatalf("%q after %q, %v", second, first, err)
		}
		if entries, err := os.ReadDir(second); err != nil || len(entries) > 0 {
			t.Errorf("it has %v, %v", entries, err)
		}
		if _, err := os.Stat(first); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the old path still leads somewhere: %v", err)
		}
	})
}
