package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFullDisk runs on a file system that is too small: the error says so, and
// once there is room the next run completes.
func TestFullDisk(t *testing.T) {
	s := newScene(t)
	want := s.complete()
	disk := t.TempDir()
	mountTmpfs(t, disk, "size=2m")
	s.store = filepath.Join(disk, ".pipe")
	ballast := filepath.Join(disk, "ballast")
	check(t, os.WriteFile(ballast, make([]byte, 1500<<10), 0o666))
	code, said := s.pipe("run", "pipeline.yaml", "-q")
	if code != exitFailed || !strings.Contains(said, "no space left") && !strings.Contains(said, "disk is full") {
		t.Errorf("exit code %d:\n%s", code, said)
	}
	check(t, os.Remove(ballast))
	s.same(s.complete(), want)
	s.sound()
}

// TestUnusableStore opens stores that cannot be used: the error says why, the
// exit code is the documented one, and nothing is changed.
func TestUnusableStore(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(t *testing.T, s *scene)
		code    int
		says    string
	}{
		{"newer format", func(t *testing.T, s *scene) {
			s.writeStore("format", "pipe-store 99\n")
		}, exitFailed, "use the newer pipe that wrote it"},
		{"no format", func(t *testing.T, s *scene) {
			s.writeStore("objects/ab/cd", "x")
		}, exitDamaged, `the file "format" is missing`},
		{"damaged format", func(t *testing.T, s *scene) {
			s.writeStore("format", "pipe-st\x00re 1\n")
		}, exitDamaged, "is expected: this is no store of pipe, or a damaged one"},
		{"not a folder", func(t *testing.T, s *scene) {
			check(t, os.WriteFile(s.store, nil, 0o666))
		}, exitFailed, "this is not a folder"},
		{"read-only", func(t *testing.T, s *scene) {
			mountTmpfs(t, s.dirOfStore(), "ro")
		}, exitFailed, "read-only"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t)
			s.t = t
			c.prepare(t, s)
			code, said := s.pipe("run", "pipeline.yaml")
			if code != c.code || !strings.Contains(said, c.says) {
				t.Errorf("exit code %d, want %d and %q:\n%s", code, c.code, c.says, said)
			}
		})
	}
}

// TestMissingStore takes away a store, or its objects: whoever looks is told,
// and the next run makes everything again.
func TestMissingStore(t *testing.T) {
	s := newScene(t)
	if code, said := s.pipe("artifacts", "verify"); code != exitFailed || !strings.Contains(said, "nothing has been run yet") {
		t.Errorf("exit code %d:\n%s", code, said)
	}
	want := s.complete()
	check(t, os.RemoveAll(filepath.Join(s.store, "objects")))
	if code, said := s.pipe("artifacts", "verify"); code != exitDamaged || !strings.Contains(said, "is not in the store") {
		t.Errorf("without objects: exit code %d:\n%s", code, said)
	}
	got := s.complete()
	s.same(got, want)
	if len(got.ran) != faultStages {
		t.Errorf("%d stages ran, not all", len(got.ran))
	}
	s.sound()
}

func (s *scene) writeStore(name, text string) {
	s.t.Helper()
	path := filepath.Join(s.store, name)
	check(s.t, os.MkdirAll(filepath.Dir(path), 0o777))
	check(s.t, os.WriteFile(path, []byte(text), 0o666))
}

// dirOfStore makes the store's folder, empty.
func (s *scene) dirOfStore() string {
	s.t.Helper()
	check(s.t, os.MkdirAll(s.store, 0o777))
	return s.store
}
