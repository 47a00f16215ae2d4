package transform

import (
	"sort"

	"github.com/apache/arrow-go/v18/arrow"
)

// Fit counts the words of texts as they come and makes a Vectorizer of them.
// Its memory grows with the number of different words only.
type Fit struct {
	config Text
	split  splitter
	counts map[string]*wordCount
	order  int64

	texts, tokens int64
}

type wordCount struct {
	word  string
	count int64
	first int64 // words are numbered as they first appear
}

// NewFit begins to fit.
func NewFit(c Text) (*Fit, error) {
	split, err := c.splitter()
	if err != nil {
		return nil, err
	}
	return &Fit{config: c, split: split, counts: map[string]*wordCount{}}, nil
}

// Add counts the words of a batch's rows; first is the number of its first row,
// from 1.
func (f *Fit) Add(batch arrow.RecordBatch, first int64) error {
	return f.config.column().each(batch, first, f.AddText)
}

// AddText counts the words of one text.
func (f *Fit) AddText(text string) {
	f.texts++
	f.split.tokens(text, func(token []byte) bool {
		f.tokens++
		if c, ok := f.counts[string(token)]; ok {
			c.count++
			return true
		}
		w := string(token)
		f.counts[w] = &wordCount{word: w, count: 1, first: f.order}
		f.order++
		return true
	})
}

// Stats describe what a transform was fitted on.
type Stats struct {
	Texts, Tokens int64
	Distinct      int     // different words
	Words         int     // those that have an id of their own
	OOVRate       float64 // the share of the tokens that have none
}

// Vectorizer ends the fit: words get ids by falling frequency, and in the order
// of their first appearance where that is equal.
func (f *Fit) Vectorizer() (*Vectorizer, Stats, error) {
	ranked := make([]*wordCount, 0, len(f.counts))
	for w, c := range f.counts {
		// A word that is spelt like the oov_token is what has no id.
		if c.count >= int64(f.config.MinCount) && w != f.config.OOV {
			ranked = append(ranked, c)
		}
	}
	sort.Slice(ranked, func(i, j int) bool {
		if ranked[i].count != ranked[j].count {
			return ranked[i].count > ranked[j].count
		}
		return ranked[i].first < ranked[j].first
	})
	var words []string
	if f.config.OOV != "" {
		words = append(words, f.config.OOV)
	}
	if n := f.config.NumWords; n > 0 {
		ranked = ranked[:min(len(ranked), max(0, n-1-len(words)))]
	}
	known := int64(0)
	for _, c := range ranked {
		words = append(words, c.word)
		known += c.count
	}
	stats := Stats{Texts: f.texts, Tokens: f.tokens, Distinct: len(f.counts), Words: len(ranked)}
	if f.tokens > 0 {
		stats.OOVRate = float64(f.tokens-known) / float64(f.tokens)
	}
	v, err := newVectorizer(f.config, words)
	return v, stats, err
}

// Length counts the ids of a text before it is padded or cut.
func (v *Vectorizer) Length(text string) int {
	n := 0
	v.split.tokens(text, func(token []byte) bool {
		if v.id(token) != 0 {
			n++
		}
		return true
	})
	return n
}

// WithLength gives the same transform with another maxlen.
func (v *Vectorizer) WithLength(maxlen int) *Vectorizer {
	w := *v
	w.config.MaxLen = maxlen
	return &w
}
