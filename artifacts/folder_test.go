package artifacts

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

func TestFolder(t *testing.T) {
	s := newStore(t)
	shared := mustPut(t, s, []byte("shared"))
	build := func(order []string) Ref {
		f, err := s.CreateFolder(Model)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Abort()
		for _, name := range order {
			w, err := f.Create(name)
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(w, "content of "+name)
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Add("z/shared.bin", shared); err != nil {
			t.Fatal(err)
		}
		ref, err := f.Commit()
		if err != nil {
			t.Fatal(err)
		}
		return ref
	}
	names := []string{"weights.safetensors", "a/b/c.json", "a-b", "a/d", "network.json"}
	ref := build(names)
	if again := build([]string{"network.json", "a/d", "a-b", "weights.safetensors", "a/b/c.json"}); again != ref {
		t.Errorf("the order of files changes the folder: %v, %v", ref, again)
	}
	if !ref.IsFolder() || ref.Type != Model || !s.Has(ref) {
		t.Errorf("ref %+v", ref)
	}

	folder, err := s.OpenFolder(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(folder, append(names, "z/shared.bin")...); err != nil {
		t.Error(err)
	}
	for _, extract := range []func(string) error{folder.Extract, folder.Link} {
		dir := filepath.Join(t.TempDir(), "out")
		if err := extract(dir); err != nil {
			t.Fatal(err)
		}
		for _, f := range folder.List() {
			want, err := folder.ReadFile(f.Path)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(filepath.Join(dir, f.Path)); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %q, %v", f.Path, got, err)
			}
		}
		if err := extract(dir); !errors.Is(err, fs.ErrExist) {
			t.Errorf("extract onto existing files: %v", err)
		}
	}
	if err := os.Remove(s.objectPath(shared.Digest)); err != nil {
		t.Fatal(err)
	}
	if s.Has(ref) {
		t.Error("a folder without one of its files is there")
	}
}

func TestFolderWithinAFolder(t *testing.T) {
	s := newStore(t)
	inner, err := s.CreateFolder(Transform)
	if err != nil {
		t.Fatal(err)
	}
	if err := inner.Add("vocabulary.json", mustPut(t, s, []byte("{}"))); err != nil {
		t.Fatal(err)
	}
	innerRef, err := inner.Commit()
	if err != nil {
		t.Fatal(err)
	}
	build := func(names ...string) (Ref, error) {
		outer, err := s.CreateFolder(Model)
		if err != nil {
			t.Fatal(err)
		}
		defer outer.Abort()
		for _, name := range names {
			if err := outer.Add(name, innerRef); err != nil {
				t.Fatal(err)
			}
		}
		return outer.Commit()
	}
	ref, err := build("words", "more/words")
	if err != nil {
		t.Fatal(err)
	}
	folder, err := s.OpenFolder(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(folder, "words/vocabulary.json", "more/words/vocabulary.json"); err != nil {
		t.Error(err)
	}
	if _, err := build("words", "words/vocabulary.json"); err == nil || !strings.Contains(err.Error(), `"words/vocabulary.json" is a file and also the folder`) {
		t.Errorf("a name that is a file and a folder: error %v", err)
	}
}

func TestFolderRefusesNames(t *testing.T) {
	s := newStore(t)
	f, err := s.CreateFolder(File)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Abort()
	ref := mustPut(t, s, []byte("x"))
	for _, name := range []string{"", ".", "..", "/a", "a/", "a//b", "a/../b", "./a", "../a", `a\b`, "a\x00b", "a\nb", "\xff", strings.Repeat("n", 256)} {
		if _, err := f.Create(name); err == nil {
			t.Errorf("Create(%q) succeeded", name)
		}
		if err := f.Add(name, ref); err == nil {
			t.Errorf("Add(%q) succeeded", name)
		}
	}
	if err := f.Add("twice", ref); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Create("twice"); err == nil {
		t.Error("a name was taken twice")
	}
}

func TestFolderWithAnOpenFileIsNotCommitted(t *testing.T) {
	s := newStore(t)
	f, err := s.CreateFolder(File)
	if err != nil {
		t.Fatal(err)
	}
	w, err := f.Create("half")
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, "half of")
	if _, err := f.Commit(); err == nil || !strings.Contains(err.Error(), "still open") {
		t.Errorf("error %v", err)
	}
	if left := remains(t, s); len(left) > 0 {
		t.Errorf("left in the session: %q", left)
	}
}
