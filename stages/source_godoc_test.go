package stages

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
	"pipe/stages/godoc"
)

func TestSourceGodoc(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"a/a.go":          "// Package a does. It is small.\npackage a\n\n// F is a function.\nfunc F() {}\n",
		"b/b.go":          "// Package b is alone.\npackage b\n",
		"internal/c/c.go": "// Package c is internal.\npackage c\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	s := dagtest.Store(t)
	const a = `{"doc":"Package a does. It is small.","kind":"package","label":"a","package":"a","symbol":"a","text":"Package a does."}` + "\n" +
		`{"doc":"F is a function.","kind":"func","label":"a","package":"a","symbol":"F","text":"F is a function."}` + "\n"
	const b = `{"doc":"Package b is alone.","kind":"package","label":"b","package":"b","symbol":"b","text":"Package b is alone."}` + "\n"
	const c = `{"doc":"Package c is internal.","kind":"package","label":"internal","package":"internal/c","symbol":"c","text":"Package c is internal."}` + "\n"
	for with, want := range map[string]string{
		"min_examples: 0":                   a + b,
		"min_examples: 2":                   a,
		"{min_examples: 0, exclude: []}":    a + b + c,
		"{min_examples: 0, exclude: [a]}":   b + c,
		"{min_examples: 3, exclude: [cmd]}": "",
	} {
		k := dagtest.New(t, &SourceGodoc{}, with)
		k.Path = dir
		if got := dagtest.Rows(t, s, dagtest.Run(t, s, k, nil)["out"]); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", with, got, want)
		}
	}
	k := dagtest.New(t, &SourceGodoc{}, "exclude: [a, b, internal]")
	k.Path = dir
	_, err := dagtest.TryRun(t, s, k, nil)
	if want := "there are no documented declarations in " + dir + "; source.godoc reads Go packages, leaving out the folders named a, b, internal"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	k.Path = filepath.Join(dir, "bb")
	if _, got := dagtest.Check(k, nil); !strings.Contains(got, `path: there is no folder "`) {
		t.Errorf("check of a missing folder: %s", got)
	}
}

// The standard library gives the same bytes whatever the number of workers.
func TestSourceGodocOfGoroot(t *testing.T) {
	if _, err := godoc.GOROOT(context.Background(), os.Getenv); err != nil {
		t.Skipf("skipped: %v", err)
	}
	if testing.Short() {
		t.Skip("skipped: reads the whole standard library")
	}
	s := dagtest.Store(t)
	k := dagtest.New(t, &SourceGodoc{}, "")
	outside, _, err := k.Externals()
	if err != nil {
		t.Fatal(err)
	}
	if len(outside) < 40 || len(outside) > 80 {
		t.Errorf("%d outside paths", len(outside))
	}
	var first artifacts.Ref
	for _, procs := range []int{1, 4} {
		before := runtime.GOMAXPROCS(procs)
		out, metrics, err := dag.RunKind(context.Background(), s, k, nil, 7, nil, t.TempDir(), nil)
		runtime.GOMAXPROCS(before)
		if err != nil {
			t.Fatal(err)
		}
		if first.Digest == "" {
			first = out["out"]
		}
		if out["out"] != first {
			t.Errorf("with %d workers: %v, with 1: %v", procs, out["out"], first)
		}
		if out["out"].Rows < 5000 || metrics[1].Value < 20 {
			t.Errorf("%d declarations, metrics %v", out["out"].Rows, metrics)
		}
	}
}

func BenchmarkSourceGodoc(b *testing.B) {
	root, err := godoc.GOROOT(context.Background(), os.Getenv)
	if err != nil {
		b.Skipf("skipped: %v", err)
	}
	tree := godoc.Tree{Root: filepath.Join(root, "src"), Exclude: []string{"cmd", "internal", "vendor", "testdata"}}
	for b.Loop() {
		folders, err := tree.Folders()
		if err != nil {
			b.Fatal(err)
		}
		if err := tree.Read(context.Background(), folders, func([]godoc.Declaration) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
