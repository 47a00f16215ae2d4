package godoc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tree writes files and gives the tree that they are.
func tree(t *testing.T, files map[string]string) Tree {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return Tree{Root: dir, Exclude: []string{"vendor", "testdata"}}
}

func read(t *testing.T, tr Tree) (out []string) {
	t.Helper()
	folders, err := tr.Folders()
	if err != nil {
		t.Fatal(err)
	}
	err = tr.Read(context.Background(), folders, func(ds []Declaration) error {
		for _, d := range ds {
			out = append(out, fmt.Sprintf("%s %s %s %s: %s", d.Top, d.Package, d.Kind, d.Symbol, d.Text))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

const source = `// Package p is a package. It has more to say.
package p

// Limits of p.
const (
	Low  = 1
	High = 2
)

// ErrBad is returned [io.EOF]-like.
var ErrBad = 1

// A T is a type,
// on two lines.
type T[K any] struct{}

// NewT returns a T.
func NewT() *T[int] { return nil }

// Do does.
func (t *T[K]) Do() {}

// F is a function.
func F() {}

// unexported is not.
func unexported() {}

func Undocumented() {}
`

func TestRead(t *testing.T) {
	tr := tree(t, map[string]string{
		"a/p/p.go":          source,
		"a/p/p_test.go":     "package p\n\n// FromTest is in a test.\nfunc FromTest() {}\n",
		"a/p/gen.go":        "//go:build ignore\n\npackage main\n\n// Gen is a program's.\nfunc Gen() {}\n",
		"a/p/old.go":        "//go:build ignore && linux\n\npackage p\n\n// Old is ignored.\nfunc Old() {}\n",
		"a/p/testdata/x.go": "package x\n\n// X is test data.\nfunc X() {}\n",
		"vendor/v/v.go":     "package v\n\n// V is vendored.\nfunc V() {}\n",
		"_hidden/h.go":      "package h\n\n// H is hidden.\nfunc H() {}\n",
		"nested/go.mod":     "module nested\n",
		"nested/n.go":       "package n\n\n// N is of another module.\nfunc N() {}\n",
		"b/b.go":            "package b\n\n// B is first.\nfunc B() {}\n",
		"prog/main.go":      "// Prog is a program.\npackage main\n\n// Run runs.\nfunc Run() {}\n",
		"root.go":           "// Package root is on top.\npackage root\n",
		"a-b/platform_x.go": "//go:build x\n\npackage ab\n\nfunc Twice() {}\n",
		"a-b/platform_y.go": "//go:build y\n\npackage ab\n\n// Twice has a comment here.\nfunc Twice() {}\n",
		"a-b/platform_z.go": "//go:build !x && !y\n\npackage ab\n\n// Twice has another comment here.\nfunc Twice() {}\n",
	})
	want := []string{
		"root root package root: Package root is on top.",
		"a-b a-b func Twice: Twice has a comment here.",
		"a a/p package p: Package p is a package.",
		"a a/p const Low, High: Limits of p.",
		"a a/p var ErrBad: ErrBad is returned io.EOF-like.",
		"a a/p func F: F is a function.",
		"a a/p type T: A T is a type, on two lines.",
		"a a/p func NewT: NewT returns a T.",
		"a a/p method T[K].Do: Do does.",
		"b b func B: B is first.",
	}
	for range 5 {
		if got := read(t, tr); !slices.Equal(got, want) {
			t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	if tops, err := tr.Tops(); err != nil || !slices.Equal(tops, []string{"a", "a-b", "b", "prog", "root.go"}) {
		t.Errorf("tops: %v, %v", tops, err)
	}
	tr.Unexported = true
	if got := read(t, tr); !slices.Contains(got, "a a/p func unexported: unexported is not.") {
		t.Errorf("with unexported:\n%s", strings.Join(got, "\n"))
	}
}

func TestReadStops(t *testing.T) {
	files := map[string]string{}
	for i := range 100 {
		files[fmt.Sprintf("p%02d/p.go", i)] = source
	}
	tr := tree(t, files)
	folders, err := tr.Folders()
	if err != nil {
		t.Fatal(err)
	}
	stop := errors.New("stop")
	if err := tr.Read(context.Background(), folders, func([]Declaration) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("an error of yield: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	err = tr.Read(ctx, folders, func([]Declaration) error {
		if n++; n == 3 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || n > 60 {
		t.Errorf("after a cancel: %v, %d packages", err, n)
	}
}

func TestBrokenSource(t *testing.T) {
	tr := tree(t, map[string]string{"p/p.go": "package p\n\nfunc {\n"})
	err := tr.Read(context.Background(), []string{"p"}, func([]Declaration) error { return nil })
	if err == nil || !strings.Contains(err.Error(), filepath.Join("p", "p.go")+":3:6: ") {
		t.Errorf("%v does not name file, line and column", err)
	}
}

func TestGOROOT(t *testing.T) {
	empty := t.TempDir()
	_, err := GOROOT(context.Background(), func(string) string { return empty })
	if want := fmt.Sprintf("$GOROOT says %q, and there is no standard library in %s; set GOROOT to a whole Go installation, or give a source folder as path", empty, filepath.Join(empty, "src")); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	t.Setenv("PATH", empty)
	_, err = GOROOT(context.Background(), func(string) string { return "" })
	if err == nil || !strings.HasPrefix(err.Error(), `no Go installation was found: $GOROOT is not set and "go env GOROOT" failed`) {
		t.Errorf("without Go: %v", err)
	}
}

// What is fingerprinted is what Read depends on, and little more.
func TestKeep(t *testing.T) {
	tr := Tree{Exclude: []string{"internal"}}
	for rel, want := range map[string]bool{
		"p.go": true, "a/p.go": true, "p_test.go": false, "_p.go": false, ".p.go": false, "p.s": false, "README": false, "go.mod": true,
		"a/": true, "internal/": false, "a/internal/": false, "_a/": false, ".git/": false, "testdata/": true,
	} {
		name, isDir := strings.CutSuffix(rel, "/")
		if got := tr.Keep(name, isDir); got != want {
			t.Errorf("%s: %t, want %t", rel, got, want)
		}
	}
}
