package artifacts

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

func TestImportStoresTheBytesOfAFile(t *testing.T) {
	s := newStore(t)
	later(s)
	for _, size := range []int{0, 10, 2*blockSize + 3} {
		for _, how := range []Placement{Copied, Linked} {
			path := filepath.Join(t.TempDir(), "data")
			content := randomBytes(uint64(size), size)
			if err := os.WriteFile(path, content, 0o666); err != nil {
				t.Fatal(err)
			}
			ref, err := s.Import(path, File, "bin", how)
			if err != nil {
				t.Fatal(err)
			}
			if ref != (Ref{Type: File, Format: "bin", Digest: DigestOf(content), Size: int64(size)}) {
				t.Errorf("%+v", ref)
			}
			if got, err := s.ReadAll(ref); err != nil || !bytes.Equal(got, content) {
				t.Errorf("%d bytes, %v: %v", size, how, err)
			}
			if again, err := s.Import(path, File, "bin", how); err != nil || again != ref {
				t.Errorf("again: %+v, %v", again, err)
			}
			if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, content) {
				t.Errorf("the file itself: %v", err)
			}
		}
	}
}

func TestLinkedFileIsTheObject(t *testing.T) {
	s := newStore(t)
	path := filepath.Join(filepath.Dir(s.Dir()), "data")
	if err := os.WriteFile(path, []byte("content"), 0o666); err != nil {
		t.Fatal(err)
	}
	ref, err := s.Import(path, File, "", Linked)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	object, err := os.Stat(s.objectPath(ref.Digest))
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(file, object) {
		t.Skip("skipped: the file system shares blocks, so no link was needed")
	}
	if file.Mode().Perm()&0o222 != 0 {
		t.Errorf("mode %v", file.Mode())
	}
}

func TestImportFolder(t *testing.T) {
	s := newStore(t)
	dir := outsideFixture(t, map[string]string{"a/b": "1", "run.sh": "#!", ".hidden": "2", "skip/x": "3"})
	if err := os.Chmod(filepath.Join(dir, "run.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	keep := func(rel string, isDir bool) bool { return rel != "skip" }
	ref, err := s.ImportFolder(dir, File, keep, Copied)
	if err != nil {
		t.Fatal(err)
	}
	folder, err := s.OpenFolder(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(folder, "a/b", "run.sh", ".hidden"); err != nil {
		t.Error(err)
	}
	out := filepath.Join(t.TempDir(), "out")
	if err := folder.Link(out); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(out, "run.sh")); err != nil || info.Mode().Perm()&0o100 == 0 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, err := os.Stat(filepath.Join(out, "skip")); err == nil {
		t.Error("what keep leaves out was stored")
	}
	if again, err := s.ImportFolder(out, File, nil, Copied); err != nil || again != ref {
		t.Errorf("a round trip gives %+v, %v", again, err)
	}
}

func TestImportRefuses(t *testing.T) {
	s := newStore(t)
	dir := outsideFixture(t, map[string]string{"bad\nname": "x"})
	if _, err := s.ImportFolder(dir, File, nil, Copied); err == nil || !strings.Contains(err.Error(), "control character") {
		t.Errorf("error %v", err)
	}
	if _, err := s.Import(dir, File, "", Copied); err == nil || !strings.Contains(err.Error(), "no file") {
		t.Errorf("error %v", err)
	}
	if _, err := s.Import(filepath.Join(dir, "absent"), File, "", Copied); err == nil {
		t.Error("an absent file was imported")
	}
}

// TestExtractStaysInside: what is in the target folder before must not lead the
// files out of it.
func TestExtractStaysInside(t *testing.T) {
	s := newStore(t)
	f, err := s.CreateFolder(File)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Add("sub/file", mustPut(t, s, []byte("x"))); err != nil {
		t.Fatal(err)
	}
	ref, err := f.Commit()
	if err != nil {
		t.Fatal(err)
	}
	folder, err := s.OpenFolder(ref)
	if err != nil {
		t.Fatal(err)
	}
	for _, extract := range []func(string) error{folder.Extract, folder.Link} {
		target, elsewhere := t.TempDir(), t.TempDir()
		if err := os.Symlink(elsewhere, filepath.Join(target, "sub")); err != nil {
			t.Fatal(err)
		}
		if err := extract(target); err == nil {
			t.Error("a link out of the folder was followed")
		}
		if got := filesIn(t, elsewhere); len(got) > 0 {
			t.Errorf("written outside: %q", got)
		}
	}
}

// TestImportMoved gives files to the store: one that is nobody else's is the
// object itself, one with a second name stays what it was.
func TestImportMoved(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, filepath.Join(dir, ".pipe"))
	for _, c := range []struct {
		name  string
		other func(path string) error // gives the file a second name
		moved bool
	}{
		{"alone", func(string) error { return nil }, true},
		{"linked", func(path string) error { return os.Link(path, path+".other") }, false},
		{"symbolic", func(path string) error {
			if err := os.Rename(path, path+".target"); err != nil {
				return err
			}
			return os.Symlink(path+".target", path)
		}, false},
	} {
		path := filepath.Join(dir, c.name)
		if err := os.WriteFile(path, []byte(c.name), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := c.other(path); err != nil {
			t.Fatal(err)
		}
		ref, err := s.Import(path, File, "txt", Moved)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if b, err := s.ReadAll(ref); err != nil || string(b) != c.name {
			t.Errorf("%s: %q, %v", c.name, b, err)
		}
		info, err := os.Stat(path)
		if moved := errors.Is(err, fs.ErrNotExist); moved != c.moved {
			t.Errorf("%s: moved: %v, %v", c.name, moved, err)
		}
		if err == nil && info.Mode().Perm() != 0o644 {
			t.Errorf("%s: its mode is %v now", c.name, info.Mode())
		}
	}
}

// A file that is in the folder under two names is there for both.
func TestMovedFolderWithLinks(t *testing.T) {
	for range 20 { // files are taken on all cores
		s, dir := newStore(t), t.TempDir()
		for name, text := range map[string]string{"a": "one", "b": "two", "d/x": "three"} {
			path := filepath.Join(dir, name)
			os.MkdirAll(filepath.Dir(path), 0o777)
			if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		for link, target := range map[string]string{"c": "a", "aa": "b", "e": "d"} {
			if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
				t.Fatal(err)
			}
		}
		ref, err := s.ImportFolder(dir, File, nil, Moved)
		if err != nil {
			t.Fatal(err)
		}
		folder, err := s.OpenFolder(ref)
		if err != nil {
			t.Fatal(err)
		}
		digests := map[string]Digest{}
		for _, f := range folder.List() {
			digests[f.Path] = f.Digest
		}
		if len(digests) != 6 || digests["a"] != digests["c"] || digests["b"] != digests["aa"] || digests["d/x"] != digests["e/x"] {
			t.Fatalf("the folder has %v", digests)
		}
	}
}
