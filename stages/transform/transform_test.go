package transform

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// words is the configuration of most tests.
var words = Text{Column: "text", NumWords: 100, MaxLen: 4, Padding: "pre", Truncating: "pre", Lower: true, Level: "word", MinCount: 1, Nulls: "error"}

// folder is an artifact folder in memory.
type folder fstest.MapFS

func (f folder) Create(name string) (io.WriteCloser, error) { return &file{folder: f, name: name}, nil }

type file struct {
	bytes.Buffer
	folder folder
	name   string
}

func (f *file) Close() error {
	f.folder[f.name] = &fstest.MapFile{Data: f.Bytes()}
	return nil
}

func batch(t testing.TB, rows string) arrow.RecordBatch {
	t.Helper()
	s := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}, {Name: "text", Type: arrow.BinaryTypes.String, Nullable: true}}, nil)
	b, _, err := array.RecordFromJSON(memory.DefaultAllocator, s, strings.NewReader(rows))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Release)
	return b
}

func TestBatchRowAndTextAgree(t *testing.T) {
	v := fit(t, words, "a b c", "a b", "a")
	var byText, byRow, byBatch Input
	for _, text := range []string{"c b a", "", "a x a", "a b c a b c"} {
		v.AppendText(&byText, text)
		if err := v.ApplyRow(&byRow, map[string]any{"text": text, "n": 1.0}); err != nil {
			t.Fatal(err)
		}
	}
	b := batch(t, `[{"n":1,"text":"c b a"},{"n":2,"text":""},{"n":3,"text":"a x a"},{"n":4,"text":"a b c a b c"}]`)
	for _, part := range []arrow.RecordBatch{b.NewSlice(0, 1), b.NewSlice(1, 4)} {
		if err := v.Apply(&byBatch, part, 1); err != nil {
			t.Fatal(err)
		}
		part.Release()
	}
	want := []int32{0, 3, 2, 1, 0, 0, 0, 0, 0, 0, 1, 1, 3, 1, 2, 3}
	for name, in := range map[string]Input{"text": byText, "row": byRow, "batch": byBatch} {
		if in.Rows != 4 || !slices.Equal(in.IDs, want) {
			t.Errorf("by %s: %d rows %v, want 4 rows %v", name, in.Rows, in.IDs, want)
		}
	}
}

func TestBadValues(t *testing.T) {
	v := fit(t, words, "a b c")
	const null = `row 42, column "text": the text is null; drop such rows with clean's drop_null, or set "nulls: empty"`
	var in Input
	err := v.Apply(&in, batch(t, `[{"n":1,"text":"a"},{"n":2,"text":null}]`), 41)
	if err == nil || err.Error() != null || in.Rows != 1 {
		t.Errorf("null in a batch: %v after %d rows", err, in.Rows)
	}
	f, _ := NewFit(words)
	if err := f.Add(batch(t, `[{"n":1,"text":"a"},{"n":2,"text":null}]`), 41); err == nil || err.Error() != null {
		t.Errorf("null in a fit: %v", err)
	}
	for want, row := range map[string]map[string]any{
		`row 1, column "text": it is missing`:                                                                  {"other": "a"},
		`row 1, column "text": it must be text, is 7 (float64)`:                                                {"text": 7.0},
		`row 1, column "text": the text is null; drop such rows with clean's drop_null, or set "nulls: empty"`: {"text": nil},
	} {
		err := v.ApplyRow(&in, row)
		var re *RowError
		if !errors.As(err, &re) || err.Error() != want {
			t.Errorf("%v: %v, want %s", row, err, want)
		}
	}
	lenient := words
	lenient.Nulls = "empty"
	v = fit(t, lenient, "a b c")
	in.Reset()
	if err := v.Apply(&in, batch(t, `[{"n":2,"text":null}]`), 1); err != nil || !slices.Equal(in.IDs, []int32{0, 0, 0, 0}) {
		t.Errorf("null as empty text: %v, %v", in.IDs, err)
	}
	if err := v.ApplyRow(&in, map[string]any{"text": nil}); err != nil || in.Rows != 2 {
		t.Errorf("null as empty text in a row: %v", err)
	}
}

func TestApplyNeedsItsColumn(t *testing.T) {
	c := words
	c.Column = "body"
	v := fit(t, c, "a")
	err := v.Apply(&Input{}, batch(t, `[{"n":1,"text":"a"}]`), 1)
	if want := `the table has no column "body"; its columns: [n text]`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	c.Column = "n"
	v = fit(t, c, "a")
	err = v.Apply(&Input{}, batch(t, `[{"n":1,"text":"a"}]`), 1)
	if want := `column "n" must be utf8, is int64`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// A word that is spelt like the oov_token is what has no id. (Keras gives it a
// second id and leaves id 1 without use.)
func TestWordLikeTheOOVToken(t *testing.T) {
	c := words
	c.OOV = "unk"
	v := fit(t, c, "unk unk a")
	if got, want := v.Words(), []string{"", "unk", "a"}; !slices.Equal(got, want) {
		t.Errorf("words %q, want %q", got, want)
	}
}

func TestMinCountAndStats(t *testing.T) {
	c := words
	c.MinCount, c.NumWords = 2, 3
	f, err := NewFit(c)
	if err != nil {
		t.Fatal(err)
	}
	f.AddText("a a a b b c c d")
	v, stats, err := f.Vectorizer()
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"", "a", "b"}; !slices.Equal(v.Words(), want) {
		t.Errorf("words %q, want %q", v.Words(), want)
	}
	if want := (Stats{Texts: 1, Tokens: 8, Distinct: 4, Words: 2, OOVRate: 3.0 / 8}); stats != want {
		t.Errorf("stats %+v, want %+v", stats, want)
	}
}

func TestSaveAndLoad(t *testing.T) {
	g := readKeras(t)
	for i := range g.Cases {
		v := g.fitted(t, i)
		v.config.Normalize = Steps{"nfkc", "collapse_space"}
		v, err := newVectorizer(v.config, v.words[1:])
		if err != nil {
			t.Fatal(err)
		}
		first, second := folder{}, folder{}
		if err := Save(first, v); err != nil {
			t.Fatal(err)
		}
		back, err := Load(fstest.MapFS(first))
		if err != nil {
			t.Fatalf("case %d: %v", i, err)
		}
		if err := Save(second, back); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(slices.Sorted(maps.Keys(first)), []string{"tokenizer.json", "transform.json"}) {
			t.Fatalf("files: %v", slices.Sorted(maps.Keys(first)))
		}
		for name := range first {
			if !bytes.Equal(first[name].Data, second[name].Data) {
				t.Errorf("case %d: %s differs after loading and saving:\n%s\n%s", i, name, first[name].Data, second[name].Data)
			}
		}
		var a, b Input
		for _, text := range g.Apply {
			v.AppendText(&a, text)
			if err := back.ApplyRow(&b, map[string]any{"text": text}); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(a.IDs, b.IDs) {
			t.Errorf("case %d: the loaded transform gives other ids", i)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	good := folder{}
	if err := Save(good, fit(t, words, "a b")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ file, from, to, want string }{
		{"transform.json", `"version": 1`, `"version": 2`, "load transform: the version of transform.json is 2 and this pipe reads 1"},
		{"transform.json", `"kind": "text.vectorize"`, `"kind": "text.guess"`, `load transform: its kind is "text.guess" and this pipe knows text.vectorize, text.tfidf, tabular, text.embed, image.pixels, text.tokenize, speech.features`},
		{"transform.json", `"maxlen": 4`, `"maxlen": 0`, "load transform text.vectorize: transform.json: maxlen must be from 1 to 1048576, is 0"},
		{"transform.json", `"maxlen": 4`, `"maxlen": 4000000000`, "load transform text.vectorize: transform.json: maxlen must be from 1 to 1048576, is 4000000000"},
		{"tokenizer.json", `"a": 1`, `"a": 7`, `load transform text.vectorize: tokenizer.json: the id 7 of "a" is out of range or given twice`},
		{"tokenizer.json", `"": 0`, `"z": 0`, `load transform text.vectorize: tokenizer.json: id 0 must be the empty word, which stands for padding`},
	} {
		bad := folder{}
		for name, f := range good {
			data := f.Data
			if name == c.file {
				if !bytes.Contains(data, []byte(c.from)) {
					t.Fatalf("%s has no %s:\n%s", c.file, c.from, data)
				}
				data = bytes.Replace(data, []byte(c.from), []byte(c.to), 1)
			}
			bad[name] = &fstest.MapFile{Data: data}
		}
		if _, err := Load(fstest.MapFS(bad)); err == nil || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	for name := range good {
		torn := maps.Clone(good)
		delete(torn, name)
		if _, err := Load(fstest.MapFS(torn)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("without %s: %v", name, err)
		}
	}
}

// The ids do not depend on the order in which texts of equal counts come in
// batches, and ties go by first appearance.
func TestFitIsIndependentOfBatches(t *testing.T) {
	rows := batch(t, `[{"n":1,"text":"b a"},{"n":2,"text":"c a"},{"n":3,"text":"d d"}]`)
	want := []string{"", "a", "d", "b", "c"}
	for range 20 {
		f, _ := NewFit(words)
		for at := int64(0); at < 3; {
			n := 1 + rand.Int64N(3-at)
			part := rows.NewSlice(at, at+n)
			if err := f.Add(part, at+1); err != nil {
				t.Fatal(err)
			}
			part.Release()
			at += n
		}
		v, _, _ := f.Vectorizer()
		if !slices.Equal(v.Words(), want) {
			t.Fatalf("words %q, want %q", v.Words(), want)
		}
	}
}

func TestGiganticText(t *testing.T) {
	text := strings.Repeat("alpha beta ", 1<<20) + "gamma"
	v := fit(t, words, text)
	var in Input
	v.AppendText(&in, text)
	if want := []int32{2, 1, 2, 3}; !slices.Equal(in.IDs, want) || cap(in.IDs) > 64 {
		t.Errorf("ids %v of capacity %d, want %v", in.IDs, cap(in.IDs), want)
	}
}

func TestConcurrentUse(t *testing.T) {
	c := words
	c.Normalize = Steps{"nfkc", "lowercase", "strip_html", "collapse_space"}
	v := fit(t, c, "alpha beta gamma ΟΔΟΣ")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			var in Input
			for range 500 {
				in.Reset()
				v.AppendText(&in, "<b>Gamma</b> beta ΟΔΟΣ Alpha")
				if want := []int32{3, 2, 4, 1}; !slices.Equal(in.IDs, want) {
					t.Errorf("ids %v, want %v", in.IDs, want)
					return
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkAppendText(b *testing.B) {
	c := words
	c.MaxLen = 40
	const text = "Reader.Next advances to the next entry in the tar archive, and returns an error."
	v := fit(b, c, text)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	var in Input
	for b.Loop() {
		in.Reset()
		v.AppendText(&in, text)
	}
}
