package artifacts

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

func TestMemos(t *testing.T) {
	ctx := context.Background()
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	name := DigestOf([]byte("a pipeline"))
	path := filepath.Join(s.dir, memosDir, string(name))
	is := func(want string, there bool) {
		t.Helper()
		if b, ok := ReadMemo(s.dir, name); ok != there || string(b) != want {
			t.Errorf("the memo is %q, %t", b, ok)
		}
	}
	is("", false)
	for _, body := range []string{"first", "second"} {
		if err := s.KeepMemo(name, []byte(body)); err != nil {
			t.Fatal(err)
		}
		is(body, true)
	}
	if found, err := s.Verify(ctx, nil); err != nil || len(found) > 0 {
		t.Errorf("a sound memo: %v %v", found, err)
	}

	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	if b, ok := ReadMemo(s.dir, name); ok {
		t.Errorf("a damaged memo gives %q", b)
	}
	if found, err := s.Verify(ctx, nil); err != nil || len(found) != 1 || found[0].Problem != FlippedBits || found[0].Path != path {
		t.Errorf("a damaged memo: %v %v", found, err)
	}
	if found, err := s.Verify(ctx, nil); err != nil || len(found) > 0 {
		t.Errorf("after that: %v %v", found, err)
	}

	if err := s.KeepMemo(name, []byte("third")); err != nil {
		t.Fatal(err)
	}
	roots := func() (Roots, error) { return Roots{}, nil }
	if _, err := s.GC(ctx, roots, GCOptions{DryRun: true}); err != nil {
		t.Fatal(err)
	}
	is("third", true)
	if _, err := s.GC(ctx, roots, GCOptions{}); err != nil {
		t.Fatal(err)
	}
	is("", false)
	if s.KeepMemo("../elsewhere", nil) == nil {
		t.Error("a memo of any name")
	}
}
