package stages

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/dag/dagtest"
	"pipe/stages/transform"
)

// textsOf reads the first column of a table.
func textsOf(t *testing.T, s *artifacts.Store, ref artifacts.Ref) (out []string) {
	t.Helper()
	r, err := dag.OpenTable(s, ref, "out")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for b, err := range table.All(r) {
		if err != nil {
			t.Fatal(err)
		}
		for i := range int(b.NumRows()) {
			out = append(out, strings.Clone(b.Column(1).(*array.String).Value(i))+": "+strings.Clone(b.Column(0).(*array.String).Value(i)))
		}
	}
	return out
}

func TestSourceText(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string]string{
		"b.txt": "one\r\ntwo\n\n \nthree", "a/c.txt": "ä", "a/d.go": "package d", ".hidden/x.txt": "no", "skip/y.txt": "no", "empty.txt": "\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(data), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	s := dagtest.Store(t)
	for _, c := range []struct {
		with string
		want []string
	}{
		{`exclude: [skip]`, []string{"a/c.txt: ä", "a/d.go: package d", "b.txt: one\r\ntwo\n\n \nthree"}},
		{`exclude: [skip], include: ["*.txt"], rows: line`, []string{"a/c.txt: ä", "b.txt: one", "b.txt: two", "b.txt: three"}},
		{`exclude: [skip], include: [b.txt], rows: paragraph`, []string{"b.txt: one\r\ntwo", "b.txt: three"}},
		{`exclude: [skip], limit: 12`, []string{"a/c.txt: ä", "a/d.go: package d"}},
	} {
		out := dagtest.Run(t, s, dagtest.New(t, &SourceText{}, "{path: "+dir+", "+c.with+"}"), nil)["out"]
		if got := textsOf(t, s, out); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.with, got, c.want)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "latin1.txt"), []byte("caf\xe9"), 0o666); err != nil {
		t.Fatal(err)
	}
	_, _, err := dag.RunKind(context.Background(), s, dagtest.New(t, &SourceText{}, "{path: "+dir+"}"), nil, 1, nil, t.TempDir(), nil)
	if err == nil || !strings.Contains(err.Error(), "latin1.txt: byte 4 is not UTF-8") {
		t.Errorf("a file in Latin-1: %v", err)
	}
}

func TestSourceTextWithoutText(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string]string{"none.txt": "", "blank.txt": " \n\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	s := dagtest.Store(t)
	for with, want := range map[string]string{
		"{path: " + dir + "/none.txt}":           "the file " + dir + "/none.txt is empty",
		"{path: " + dir + "/blank.txt}":          "nothing but white space in the file " + dir + "/blank.txt; keep_empty: true keeps such rows",
		"{path: " + dir + "}":                    "nothing but white space in the files of " + dir,
		"{path: " + dir + `, include: ["*.md"]}`: `no file in ` + dir + ` is read; names are chosen by include ["*.md"] and exclude []`,
	} {
		_, err := dagtest.TryRun(t, s, dagtest.New(t, &SourceText{}, with), nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v, want %q", with, err, want)
		}
	}
}

func TestTextTokenizeReadsAFile(t *testing.T) {
	s := dagtest.Store(t)
	learnt := dagtest.Run(t, s, dagtest.New(t, &TextTokenize{}, "{column: text, vocab_size: 280, maxlen: 5}"), map[string]artifacts.Ref{"in": rhymes(t, s)})["out"]
	folder, err := s.OpenFolder(learnt)
	if err != nil {
		t.Fatal(err)
	}
	first, err := transform.Load(folder)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "tokenizer.json")
	if err := os.WriteFile(file, first.(*transform.Subwords).Tokenizer().JSON(), 0o666); err != nil {
		t.Fatal(err)
	}
	out := dagtest.Run(t, s, dagtest.New(t, &TextTokenize{}, "{column: text, file: "+file+", maxlen: 5}"), nil)["out"]
	if out != learnt {
		t.Error("the tokenizer is another after it was written and read")
	}
	_, problems := dagtest.Check(dagtest.New(t, &TextTokenize{}, "{column: text}"), nil)
	if want := "connect a table to learn from, or name a tokenizer.json with file"; !strings.Contains(problems, want) {
		t.Errorf("%s, want %s", problems, want)
	}
}
