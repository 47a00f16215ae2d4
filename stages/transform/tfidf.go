package transform

import (
	"fmt"
	"math"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/dag"
)

// Weights configures a TFIDF. The semantics are those of scikit-learn's
// TfidfVectorizer with norm="l2" and smooth_idf=True, for words (analyzer
// "word") and characters inside words (analyzer "char_wb") in one vector.
type Weights struct {
	Column      string  `yaml:"column" json:"column" doc:"the column of text" required:"true" example:"text"`
	Features    int     `yaml:"features" json:"features" doc:"numbers of a row, one for each of the n-grams that are in most texts; where there are fewer n-grams, the last stay 0" default:"20000" min:"1"`
	WordNgrams  []int   `yaml:"word_ngrams" json:"word_ngrams,omitempty" doc:"the shortest and the longest run of words that counts; [] for none" default:"[1, 2]"`
	CharNgrams  []int   `yaml:"char_ngrams" json:"char_ngrams,omitempty" doc:"the shortest and the longest run of characters of a word that counts, with the space at both ends of the word; [] for none" default:"[]" example:"[2, 4]"`
	SublinearTF bool    `yaml:"sublinear_tf" json:"sublinear_tf" doc:"whether an n-gram that occurs k times in a text counts 1 + ln k and not k" default:"true"`
	MinDF       int     `yaml:"min_df" json:"min_df" doc:"n-grams that are in fewer texts are left out" default:"1" min:"1"`
	Filters     *string `yaml:"filters" json:"filters,omitempty" doc:"the characters that separate words, beside the space; without it, ASCII punctuation except the apostrophe, tab and newline, as in Keras"`
	Lower       bool    `yaml:"lower" json:"lower" doc:"whether the text is made lower case" default:"true"`
	Normalize   Steps   `yaml:"normalize" json:"normalize,omitempty" doc:"steps that change the text first, in this order, also where the model is served" enum:"nfc,nfkc,lowercase,collapse_space,strip,strip_html,strip_control" example:"[nfc]"`
	Nulls       string  `yaml:"nulls" json:"nulls" doc:"what a text that is null means: an error, or the empty text" default:"error" enum:"error,empty"`
}

// Signature says what a TFIDF of this configuration reads and gives.
func (c *Weights) Signature() *dag.Signature {
	return &dag.Signature{
		Inputs: []dag.Column{{Name: c.Column, Type: arrow.BinaryTypes.String.String()}},
		Outputs: []dag.Column{{Name: "features", Doc: "weights of n-grams",
			Type: arrow.FixedSizeListOfNonNullable(int32(c.Features), arrow.PrimitiveTypes.Float32).String()}},
		Shape: []int{c.Features},
	}
}

func (c *Weights) column() textColumn { return textColumn{c.Column, c.Nulls} }

func (c *Weights) ngrams() (ngrams, error) {
	split, err := newSplitter(c.Normalize, c.Lower, c.Filters)
	return ngrams{split, newSpan(c.WordNgrams), newSpan(c.CharNgrams)}, err
}

// TFIDF turns a column of text into rows of weights, one for each n-gram: how
// often it occurs in the text, times ln((1+n)/(1+df)) + 1 for an n-gram that is
// in df of the n texts of the fit (Spärck Jones 1972), divided by the length
// of the row, so that each row has length 1, or 0 where nothing is known.
type TFIDF struct {
	config    Weights
	ngrams    ngrams
	documents int64
	features  []feature
	idf       []float64
	words     map[string]int32
	chars     map[string]int32
	counts    sync.Pool // of *[]int32: one for each feature, all 0
}

// feature is an n-gram of words or characters that has a number.
type feature struct {
	Words string `json:"words,omitempty"`
	Chars string `json:"chars,omitempty"`
	DF    int64  `json:"df"` // texts of the fit that have it
}

// newTFIDF takes the n-grams in the order of their numbers.
func newTFIDF(c Weights, documents int64, features []feature) (*TFIDF, error) {
	grams, err := c.ngrams()
	if err != nil {
		return nil, err
	}
	if len(features) > c.Features {
		return nil, fmt.Errorf("there are %d n-grams for %d features", len(features), c.Features)
	}
	v := &TFIDF{config: c, ngrams: grams, documents: documents, features: features, idf: make([]float64, len(features)),
		words: map[string]int32{}, chars: map[string]int32{}}
	v.counts.New = func() any { s := make([]int32, len(features)); return &s }
	for i, f := range features {
		index, gram := v.words, f.Words
		if f.Chars != "" {
			index, gram = v.chars, f.Chars
		}
		if _, dup := index[gram]; dup {
			return nil, fmt.Errorf("the n-gram %q has two numbers", gram)
		}
		if f.DF < 1 || f.DF > documents {
			return nil, fmt.Errorf("the n-gram %q is in %d of %d texts", gram, f.DF, documents)
		}
		index[gram] = int32(i)
		v.idf[i] = math.Log(float64(1+documents)/float64(1+f.DF)) + 1
	}
	return v, nil
}

// Signature implements Transform.
func (v *TFIDF) Signature() dag.Signature { return *v.config.Signature() }

// Apply implements Transform.
func (v *TFIDF) Apply(dst *Input, batch arrow.RecordBatch, first int64) error {
	return v.config.column().each(batch, first, func(text string) { v.AppendText(dst, text) })
}

// ApplyRow implements Transform.
func (v *TFIDF) ApplyRow(dst *Input, row map[string]any) error {
	text, err := v.config.column().one(row)
	if err != nil {
		return err
	}
	v.AppendText(dst, text)
	return nil
}

// AppendText appends the row of one text.
func (v *TFIDF) AppendText(dst *Input, text string) {
	from := len(dst.Values)
	dst.Values = append(dst.Values, make([]float32, v.config.Features)...)
	v.weigh(dst.Values[from:], text)
	dst.Rows++
}

// weigh fills a row of zeros. Sums go over the features in their order, and so
// do not depend on the order of the n-grams in the text.
func (v *TFIDF) weigh(row []float32, text string) {
	scratch := v.counts.Get().(*[]int32)
	defer v.counts.Put(scratch)
	counts := *scratch
	count := func(index map[string]int32) func([]byte) {
		return func(gram []byte) {
			if i, ok := index[string(gram)]; ok {
				counts[i]++
			}
		}
	}
	v.ngrams.each(text, count(v.words), count(v.chars))
	squares := 0.0
	for i, n := range counts {
		if n > 0 {
			w := v.weight(i, n)
			squares += w * w
		}
	}
	length := math.Sqrt(squares)
	for i, n := range counts {
		if n > 0 {
			row[i] = float32(v.weight(i, n) / length)
			counts[i] = 0
		}
	}
}

// weight is that of a feature that occurs n times in a text, before the row is
// scaled.
func (v *TFIDF) weight(i int, n int32) float64 {
	tf := float64(n)
	if v.config.SublinearTF {
		tf = 1 + math.Log(tf)
	}
	return tf * v.idf[i]
}
