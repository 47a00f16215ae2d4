package transform

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// What a transform of text does not know is counted in its own tokens.
func TestCountTokens(t *testing.T) {
	words, err := newVectorizer(Text{Column: "text", MaxLen: 2, Lower: true}, []string{"a", "reader"})
	if err != nil {
		t.Fatal(err)
	}
	grams := func(wordRuns, charRuns []int) *TFIDF {
		features := []feature{{Words: "a", DF: 1}, {Words: "a reader", DF: 1}}
		if charRuns != nil {
			features = []feature{{Chars: " a ", DF: 1}}
		}
		v, err := newTFIDF(Weights{Column: "text", Features: 5, WordNgrams: wordRuns, CharNgrams: charRuns, Lower: true}, 1, features)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for name, c := range map[string]struct {
		by              Counter
		text            string
		tokens, unknown int
	}{
		"words beyond the row's length count": {words, "A reader, a writer", 4, 1},
		"nothing":                             {words, "", 0, 0},
		"single words of n-grams":             {grams([]int{1, 2}, nil), "a reader", 2, 1},
		"pairs, where single words have none": {grams([]int{2, 2}, nil), "a reader writes", 2, 1},
		"characters":                          {grams(nil, []int{3, 3}), "a b", 2, 1},
	} {
		if tokens, unknown := c.by.CountTokens(c.text); tokens != c.tokens || unknown != c.unknown {
			t.Errorf("%s: %d tokens, %d unknown; want %d, %d", name, tokens, unknown, c.tokens, c.unknown)
		}
	}
}

// The rate of a vocabulary over the texts that it was fitted on is the one that the
// fit itself reports.
func TestCountTokensAgreesWithTheFit(t *testing.T) {
	texts := []string{"a b c", "a b", "a d e"}
	f, err := NewFit(Text{Column: "text", MinCount: 2, Lower: true, MaxLen: 3})
	if err != nil {
		t.Fatal(err)
	}
	rec := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "text", Type: arrow.BinaryTypes.String}}, nil))
	defer rec.Release()
	rec.Field(0).(*array.StringBuilder).AppendValues(texts, nil)
	batch := rec.NewRecordBatch()
	defer batch.Release()
	if err := f.Add(batch, 1); err != nil {
		t.Fatal(err)
	}
	v, stats, err := f.Vectorizer()
	if err != nil {
		t.Fatal(err)
	}
	all, none := 0, 0
	for _, s := range texts {
		tokens, unknown := v.CountTokens(s)
		all, none = all+tokens, none+unknown
	}
	if rate := float64(none) / float64(all); all != 8 || rate != stats.OOVRate || rate != 3.0/8 {
		t.Errorf("%d tokens, %d unknown; the fit says %v", all, none, stats.OOVRate)
	}
}
