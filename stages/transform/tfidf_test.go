package transform

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// sklearnGolden is what testdata/record_tfidf.py records.
type sklearnGolden struct {
	Fit   []string
	Apply []string
	Cases []struct {
		Config   Weights
		Features int
		Rows     []map[string]float64
	}
}

func fitTFIDF(t testing.TB, c Weights, texts ...string) *TFIDF {
	t.Helper()
	f, err := NewTFIDFFit(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		f.AddText(text)
	}
	v, _, err := f.TFIDF()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestTFIDFEqualsScikitLearn(t *testing.T) {
	b, err := os.ReadFile("testdata/tfidf.json")
	if err != nil {
		t.Fatal(err)
	}
	var g sklearnGolden
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	if len(g.Cases) == 0 {
		t.Fatal("the golden has no cases")
	}
	for i, want := range g.Cases {
		c := want.Config
		c.Column, c.Features, c.Lower, c.MinDF = "text", 200, true, max(c.MinDF, 1)
		v := fitTFIDF(t, c, g.Fit...)
		if len(v.features) != want.Features {
			t.Errorf("case %d: %d n-grams, scikit-learn has %d", i, len(v.features), want.Features)
		}
		for j, text := range g.Apply {
			var in Input
			v.AppendText(&in, text)
			filled := 0
			for k, f := range v.features {
				w := want.Rows[j][f.Words+f.Chars]
				if w != 0 {
					filled++
				}
				if math.Abs(float64(in.Values[k])-w) > 1e-6 {
					t.Errorf("case %d, text %q: weight of %q is %v, scikit-learn has %v", i, text, f.Words+f.Chars, in.Values[k], w)
				}
			}
			if filled != len(want.Rows[j]) {
				t.Errorf("case %d, text %q: %d n-grams have a number, scikit-learn knows %d", i, text, filled, len(want.Rows[j]))
			}
		}
	}
}

// weights is the configuration of the other tests.
var weights = Weights{Column: "text", Features: 12, WordNgrams: []int{1, 2}, CharNgrams: []int{2, 3}, SublinearTF: true, MinDF: 1, Lower: true, Nulls: "error"}

func TestTFIDFBatchRowAndTextAgree(t *testing.T) {
	v := fitTFIDF(t, weights, "the cat sat", "The dog, the cat", "a dog")
	texts := []string{"the dog sat", "", "unseen?", "cat cat cat the"}
	var byText, byRow, byBatch Input
	for _, text := range texts {
		v.AppendText(&byText, text)
		if err := v.ApplyRow(&byRow, map[string]any{"text": text}); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.Apply(&byBatch, batch(t, `[{"text":"the dog sat"},{"text":""},{"text":"unseen?"},{"text":"cat cat cat the"}]`), 1); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(byText.Values, byRow.Values) || !slices.Equal(byText.Values, byBatch.Values) || byBatch.Rows != len(texts) {
		t.Errorf("by text %v, by row %v, by batch %v", byText.Values, byRow.Values, byBatch.Values)
	}
	for i, want := range []float64{1, 0, 0, 1} {
		squares := 0.0
		for _, w := range byText.Values[i*weights.Features : (i+1)*weights.Features] {
			squares += float64(w) * float64(w)
		}
		if math.Abs(squares-want) > 1e-6 {
			t.Errorf("%q: the squares add up to %v, want %v", texts[i], squares, want)
		}
	}
}

// The most frequent n-grams get numbers; those that have none leave no trace.
func TestTFIDFKeepsTheMostFrequent(t *testing.T) {
	c := weights
	c.Features, c.CharNgrams = 3, nil
	v := fitTFIDF(t, c, "b a", "a b c", "b")
	want := []feature{{Words: "b", DF: 3}, {Words: "a", DF: 2}, {Words: "a b", DF: 1}}
	if !slices.Equal(v.features, want) {
		t.Errorf("features %v, want %v", v.features, want)
	}
	reordered := fitTFIDF(t, c, "b", "a b c", "b a")
	if !slices.Equal(reordered.features, v.features) {
		t.Errorf("features depend on the order of the texts: %v and %v", reordered.features, v.features)
	}
}

func TestTFIDFBadValues(t *testing.T) {
	v := fitTFIDF(t, weights, "a b")
	var in Input
	err := v.Apply(&in, batch(t, `[{"text":"a"},{"text":null}]`), 41)
	if want := `row 42, column "text": the text is null; drop such rows with clean's drop_null, or set "nulls: empty"`; err == nil || err.Error() != want || in.Rows != 1 {
		t.Errorf("%v after %d rows", err, in.Rows)
	}
	var re *RowError
	if err := v.ApplyRow(&in, map[string]any{}); !errors.As(err, &re) || re.Msg != "it is missing" {
		t.Errorf("missing text: %v", err)
	}
}

func TestTFIDFSaveAndLoad(t *testing.T) {
	c := weights
	c.Features = 100
	v := fitTFIDF(t, c, "the cat sat", "die Katze saß")
	good := folder{}
	if err := Save(good, v); err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(fstest.MapFS(good))
	if err != nil {
		t.Fatal(err)
	}
	var a, b Input
	v.AppendText(&a, "The Katze sat")
	loaded.(*TFIDF).AppendText(&b, "The Katze sat")
	if !slices.Equal(a.Values, b.Values) {
		t.Errorf("%v before and %v after", a.Values, b.Values)
	}
	again := folder{}
	if err := Save(again, loaded); err != nil {
		t.Fatal(err)
	}
	for name := range good {
		if !bytes.Equal(good[name].Data, again[name].Data) {
			t.Errorf("%s has other bytes after it was loaded and saved", name)
		}
	}
	for _, c := range []struct{ from, to, want string }{
		{`"documents": 2`, `"documents": 0`, "texts"},
		{`"words": "cat"`, `"words": "the"`, "two numbers"},
		{`"features": [`, `"features": 7, "x": [`, "features.json"},
	} {
		data := good[featuresName].Data
		if !bytes.Contains(data, []byte(c.from)) {
			t.Fatalf("%s has no %s:\n%s", featuresName, c.from, data)
		}
		bad := maps.Clone(good)
		bad[featuresName] = &fstest.MapFile{Data: bytes.Replace(data, []byte(c.from), []byte(c.to), 1)}
		if _, err := Load(fstest.MapFS(bad)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want something about %q", c.to, err, c.want)
		}
	}
}

// Runs of characters never cross a word, and every one is part of the word.
func FuzzNgrams(f *testing.F) {
	for _, s := range []string{"", "a", "ab cd", "日本 語", "\xff\xfe x", strings.Repeat("ab ", 40)} {
		f.Add(s)
	}
	split, err := newSplitter(nil, true, nil)
	if err != nil {
		f.Fatal(err)
	}
	g := ngrams{split: split, words: span{1, 3}, chars: span{2, 4}}
	f.Fuzz(func(t *testing.T, s string) {
		var tokens []string
		split.tokens(s, func(token []byte) bool {
			tokens = append(tokens, string(token))
			return true
		})
		var got, want []string
		g.each(s, func(gram []byte) { got = append(got, string(gram)) }, func(gram []byte) {
			if n := len([]rune(string(gram))); n > 4 || n < 2 {
				t.Errorf("run of %d characters: %q", n, gram)
			}
			if inner := bytes.Trim(gram, " "); bytes.Contains(inner, []byte(" ")) {
				t.Errorf("run across words: %q", gram)
			}
		})
		for i := range tokens {
			for n := 1; n <= min(3, i+1); n++ {
				want = append(want, strings.Join(tokens[i+1-n:i+1], " "))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("runs of words %q, want %q", got, want)
		}
	})
}
