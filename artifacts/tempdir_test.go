package artifacts

import (
	"os"
	"path/filepath"
	"testing"
)

// A file that is to be written again is the same one, with nothing of before in
// it, unless somebody has put something else in its place.
func TestTempDirKeepsAFileThatIsWrittenAgain(t *testing.T) {
	s := newStore(t)
	outside := filepath.Join(t.TempDir(), "outside")
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(os.WriteFile(outside, []byte("mine"), 0o666))
	round := func(content string, then func(path string)) os.FileInfo {
		t.Helper()
		dir, err := s.TempDirWith("list")
		check(err)
		path := filepath.Join(dir, "list")
		check(WriteAgain(path, []byte(content)))
		if b, err := os.ReadFile(path); err != nil || string(b) != content {
			t.Errorf("%q %v is there, want %q", b, err, content)
		}
		if left := filesIn(t, dir); len(left) != 1 {
			t.Errorf("beside it there is %q", left)
		}
		info, err := os.Lstat(path)
		check(err)
		check(os.WriteFile(filepath.Join(dir, "other"), nil, 0o666))
		then(path)
		s.ReturnTempDir(dir)
		return info
	}
	nothing := func(string) {}
	first := round("a long text", nothing)
	if second := round("short", nothing); !os.SameFile(first, second) {
		t.Error("the file was made anew")
	}
	for name, change := range map[string]func(string){
		"removed":       func(path string) { check(os.Remove(path)) },
		"a link":        func(path string) { check(os.Remove(path)); check(os.Symlink(outside, path)) },
		"one of two":    func(path string) { check(os.Link(path, outside+name(path))) },
		"the other one": func(path string) { check(os.Remove(path)); check(os.Link(outside, path)) },
		"a folder":      func(path string) { check(os.Remove(path)); check(os.MkdirAll(filepath.Join(path, "x"), 0o777)) },
		"read-only":     func(path string) { check(os.Chmod(path, 0o444)) },
	} {
		before := round("before "+name, change)
		if after := round("after", nothing); name == "one of two" && os.SameFile(before, after) {
			t.Error("a file with another name was written again")
		}
	}
	if b, err := os.ReadFile(outside); err != nil || string(b) != "mine" {
		t.Errorf("outside there is %q now: %v", b, err)
	}
	dir, err := s.TempDir()
	check(err)
	if left := filesIn(t, dir); len(left) > 0 {
		t.Errorf("an empty folder has %q", left)
	}
}

func name(path string) string { return filepath.Base(filepath.Dir(path)) }
