package transform

import (
	"cmp"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
)

// TFIDFFit counts in how many texts each n-gram is, and makes a TFIDF of that.
// Its memory grows with the number of different n-grams only.
type TFIDFFit struct {
	config Weights
	ngrams ngrams
	words  map[string]*documents
	chars  map[string]*documents
	texts  int64
}

// documents counts the texts that an n-gram is in.
type documents struct {
	count int64
	last  int64 // the number of the last of them
}

// NewTFIDFFit begins to fit.
func NewTFIDFFit(c Weights) (*TFIDFFit, error) {
	grams, err := c.ngrams()
	return &TFIDFFit{config: c, ngrams: grams, words: map[string]*documents{}, chars: map[string]*documents{}}, err
}

// Add counts the n-grams of a batch's rows; first is the number of its first
// row, from 1.
func (f *TFIDFFit) Add(batch arrow.RecordBatch, first int64) error {
	return f.config.column().each(batch, first, f.AddText)
}

// AddText counts the n-grams of one text.
func (f *TFIDFFit) AddText(text string) {
	f.texts++
	count := func(all map[string]*documents) func([]byte) {
		return func(gram []byte) {
			d := all[string(gram)]
			if d == nil {
				d = new(documents)
				all[string(gram)] = d
			}
			if d.last != f.texts {
				d.count, d.last = d.count+1, f.texts
			}
		}
	}
	f.ngrams.each(text, count(f.words), count(f.chars))
}

// TFIDFStats describe what a TFIDF was fitted on.
type TFIDFStats struct {
	Texts    int64
	Distinct int // different n-grams
	Features int // those that have a number
}

// TFIDF ends the fit: n-grams get numbers by falling document frequency. Where
// that is equal, words come before characters, and then the order is that of
// the bytes; the order of the texts has no say in it.
func (f *TFIDFFit) TFIDF() (*TFIDF, TFIDFStats, error) {
	var ranked []feature
	for gram, d := range f.words {
		if d.count >= int64(f.config.MinDF) {
			ranked = append(ranked, feature{Words: gram, DF: d.count})
		}
	}
	for gram, d := range f.chars {
		if d.count >= int64(f.config.MinDF) {
			ranked = append(ranked, feature{Chars: gram, DF: d.count})
		}
	}
	slices.SortFunc(ranked, func(a, b feature) int {
		// One of Words and Chars is empty, so a feature of words has empty Chars
		// and comes first.
		return cmp.Or(cmp.Compare(b.DF, a.DF), cmp.Compare(a.Chars, b.Chars), cmp.Compare(a.Words, b.Words))
	})
	ranked = slices.Clone(ranked[:min(len(ranked), f.config.Features)])
	stats := TFIDFStats{Texts: f.texts, Distinct: len(f.words) + len(f.chars), Features: len(ranked)}
	v, err := newTFIDF(f.config, f.texts, ranked)
	return v, stats, err
}
