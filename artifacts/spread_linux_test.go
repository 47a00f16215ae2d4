package artifacts

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestSpread makes sure that each session's files, and the folders of the store,
// are far from what was removed beside them, where the file system can do that.
func TestSpread(t *testing.T) {
	probe := t.TempDir()
	spread(probe)
	if !isTopDir(t, probe) {
		t.Skip("skipped: this file system has no such flag")
	}
	dir := filepath.Join(t.TempDir(), "store")
	for range 2 { // a new store, and one that is there
		s, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]bool{dir: true, filepath.Join(dir, tmpDir): true, filepath.Join(dir, objectsDir): false, s.session.dir: false} {
			if got := isTopDir(t, path); got != want {
				t.Errorf("%s: the flag is %v, want %v", path, got, want)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSpreadOfNothing(t *testing.T) {
	spread(filepath.Join(t.TempDir(), "absent")) // is a hint, and no reason to fail
}

func isTopDir(t *testing.T, dir string) bool {
	t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	flags, err := unix.IoctlGetUint32(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	return err == nil && flags&topDir != 0
}
