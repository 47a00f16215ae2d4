package artifacts

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestOpenMakesAStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "project", ".pipe")
	withStore(t, dir, func(*Store) {})
	for name, want := range map[string]string{"format": "pipe-store 1\n", ".gitignore": "*\n"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if left := filesIn(t, filepath.Join(dir, "tmp")); len(left) > 0 {
		t.Errorf("left in tmp: %q", left)
	}
}

func TestOpenFollowsAChangeOfFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	s := openStore(t, ".pipe")
	t.Chdir(t.TempDir())
	ref := mustPut(t, s, []byte("x"))
	if _, err := s.ReadAll(ref); err != nil {
		t.Error(err)
	}
}

func TestOpenThroughALink(t *testing.T) {
	dir := t.TempDir()
	disk := filepath.Join(dir, "big-disk")
	if err := os.Mkdir(disk, 0o777); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, ".pipe")
	if err := os.Symlink(disk, link); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, link)
	mustPut(t, s, []byte("x"))
}

func TestOpenRefuses(t *testing.T) {
	for _, test := range []struct {
		name    string
		prepare func(dir string) error
		want    string
	}{
		{"a file", func(d string) error { return os.WriteFile(d, nil, 0o666) }, "not a folder"},
		{"a newer format", writeFormatText("pipe-store 2\n"), "its format is 2 and this pipe reads up to 1"},
		{"another program's folder", writeFormatText("repository\n"), `holds "repository\n"`},
		{"an empty format", writeFormatText(""), "damaged"},
		{"objects without a format", func(d string) error { return os.MkdirAll(filepath.Join(d, "objects", "ab"), 0o777) }, `"format" is missing`},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), ".pipe")
			if err := test.prepare(dir); err != nil {
				t.Fatal(err)
			}
			before := filesIn(t, filepath.Dir(dir))
			_, err := Open(dir)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), dir) {
				t.Errorf("error %v", err)
			}
			if after := filesIn(t, filepath.Dir(dir)); len(after) != len(before) {
				t.Errorf("a refused store was written: %q", after)
			}
		})
	}
}

func writeFormatText(text string) func(string) error {
	return func(dir string) error {
		if err := os.Mkdir(dir, 0o777); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "format"), []byte(text), 0o666)
	}
}

func TestOpenBelowAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(file, ".pipe")); err == nil || !strings.Contains(err.Error(), "not a folder") {
		t.Errorf("error %v", err)
	}
}

func TestOpenWhereNothingCanBeWritten(t *testing.T) {
	dir := t.TempDir()
	if os.Getuid() == 0 {
		// Nothing is forbidden to root, except what the file system forbids.
		mountTmpfs(t, dir, "ro")
	} else if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	_, err := Open(filepath.Join(dir, ".pipe"))
	if err == nil || !strings.Contains(err.Error(), "read-only") && !strings.Contains(err.Error(), "no permission") {
		t.Errorf("error %v", err)
	}
}

func TestErrorsOfAStoreThatCannotBeWritten(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{&os.PathError{Op: "mkdir", Path: "p", Err: syscall.EROFS}, "mounted read-only"},
		{&os.PathError{Op: "mkdir", Path: "p", Err: syscall.EACCES}, "no permission"},
		{&os.PathError{Op: "mkdir", Path: "p", Err: syscall.ENOSPC}, "no space left"},
		{&os.PathError{Op: "mkdir", Path: "p", Err: syscall.EIO}, "input/output"},
	} {
		got := explainDir("/data/.pipe", test.err)
		if !strings.Contains(got.Error(), test.want) || !strings.Contains(got.Error(), "/data/.pipe") || !errors.Is(got, test.err.(*fs.PathError).Err) {
			t.Errorf("%v", got)
		}
	}
}
