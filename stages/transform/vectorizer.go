package transform

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/dag"
)

// KerasFilters are the characters that separate words unless the configuration
// says otherwise.
const KerasFilters = "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n"

// MaxLength bounds maxlen: every row of a batch takes that much memory, and a
// model's folder may be somebody else's.
const MaxLength = 1 << 20

// Text configures a Vectorizer. Names, defaults and semantics are those of
// Keras' Tokenizer, texts_to_sequences and pad_sequences.
type Text struct {
	Column     string  `yaml:"column" json:"column" doc:"the column of text" required:"true" example:"text"`
	NumWords   int     `yaml:"num_words" json:"num_words" doc:"ids run from 1 to num_words-1 and go to the most frequent words, 0 is padding; num_words 0 means that every word gets one" default:"10000" min:"0"`
	MaxLen     int     `yaml:"maxlen" json:"maxlen" doc:"ids of a row; without it, those of the longest text that the transform is fitted on" min:"1" max:"1048576" example:"40"`
	Padding    string  `yaml:"padding" json:"padding" doc:"the end at which a short text is filled up with 0" default:"pre" enum:"pre,post"`
	Truncating string  `yaml:"truncating" json:"truncating" doc:"the end at which a long text is cut" default:"pre" enum:"pre,post"`
	OOV        string  `yaml:"oov_token" json:"oov_token,omitempty" doc:"the name of id 1, which then stands for every word that has none; without it, those words are left out" example:"<OOV>"`
	Filters    *string `yaml:"filters" json:"filters,omitempty" doc:"the characters that separate words, beside the space; without it, ASCII punctuation except the apostrophe, tab and newline, as in Keras"`
	Lower      bool    `yaml:"lower" json:"lower" doc:"whether the text is made lower case" default:"true"`
	Level      string  `yaml:"level" json:"level" doc:"what gets an id: words, or characters, for which filters have no meaning" default:"word" enum:"word,char"`
	MinCount   int     `yaml:"min_count" json:"min_count" doc:"words that are rarer get no id" default:"1" min:"1"`
	Normalize  Steps   `yaml:"normalize" json:"normalize,omitempty" doc:"steps that change the text first, in this order, also where the model is served" enum:"nfc,nfkc,lowercase,collapse_space,strip,strip_html,strip_control" example:"[nfc]"`
	Nulls      string  `yaml:"nulls" json:"nulls" doc:"what a text that is null means: an error, or the empty text" default:"error" enum:"error,empty"`
}

func (c *Text) column() textColumn { return textColumn{c.Column, c.Nulls} }

// Signature says what a Vectorizer of this configuration reads and gives;
// tokens is the number of different ids. A length that is not set is -1.
func (c *Text) Signature(tokens int) *dag.Signature {
	length := c.MaxLen
	typ := arrow.DataType(arrow.ListOfNonNullable(arrow.PrimitiveTypes.Int32))
	if length == 0 {
		length = -1
	} else {
		typ = arrow.FixedSizeListOfNonNullable(int32(length), arrow.PrimitiveTypes.Int32)
	}
	return &dag.Signature{
		Inputs:  []dag.Column{{Name: c.Column, Type: arrow.BinaryTypes.String.String()}},
		Outputs: []dag.Column{{Name: "tokens", Type: typ.String(), Doc: "token ids, 0 is padding"}},
		Shape:   []int{length},
		Tokens:  tokens,
	}
}

// Vectorizer turns a column of text into rows of token ids.
type Vectorizer struct {
	config Text
	split  splitter
	index  map[string]int32 // the id of each word that has one
	words  []string         // by id; words[0] is padding and empty
	oov    int32            // the id of words that are not in index; 0: they are left out
}

// newVectorizer takes the words in the order of their ids, from 1; with an
// oov_token, that is the first of them.
func newVectorizer(c Text, words []string) (*Vectorizer, error) {
	split, err := c.splitter()
	if err != nil {
		return nil, err
	}
	v := &Vectorizer{config: c, split: split, index: make(map[string]int32, len(words)), words: append([]string{""}, words...)}
	for i, w := range words {
		if _, dup := v.index[w]; dup {
			return nil, fmt.Errorf("the word %q has two ids", w)
		}
		v.index[w] = int32(i + 1)
	}
	if c.OOV != "" {
		v.oov = 1
		if len(words) == 0 || words[0] != c.OOV {
			return nil, fmt.Errorf("id 1 is not the oov_token %q", c.OOV)
		}
	}
	return v, nil
}

// Signature implements Transform.
func (v *Vectorizer) Signature() dag.Signature { return *v.config.Signature(len(v.words)) }

// Words lists the words by id; the first, of id 0, is empty and stands for
// padding. The list is not to be changed.
func (v *Vectorizer) Words() []string { return v.words }

// LeavesOut tells whether words that have no id are left out of a text, because
// there is no oov_token.
func (v *Vectorizer) LeavesOut() bool { return v.oov == 0 }

// Apply implements Transform.
func (v *Vectorizer) Apply(dst *Input, batch arrow.RecordBatch, first int64) error {
	return v.config.column().each(batch, first, func(text string) { v.AppendText(dst, text) })
}

// ApplyRow implements Transform.
func (v *Vectorizer) ApplyRow(dst *Input, row map[string]any) error {
	text, err := v.config.column().one(row)
	if err != nil {
		return err
	}
	v.AppendText(dst, text)
	return nil
}

// AppendText appends the row of one text.
func (v *Vectorizer) AppendText(dst *Input, text string) {
	length := v.config.MaxLen
	from := len(dst.IDs)
	dst.IDs = append(dst.IDs, make([]int32, length)...)
	row := ring{ids: dst.IDs[from:], keepFirst: v.config.Truncating == "post"}
	v.split.tokens(text, func(token []byte) bool {
		if id := v.id(token); id != 0 {
			return row.add(id)
		}
		return true
	})
	row.finish(v.config.Padding == "pre")
	dst.Rows++
}

// id gives the id of a word, 0 where it is left out.
func (v *Vectorizer) id(token []byte) int32 {
	if id, ok := v.index[string(token)]; ok {
		return id
	}
	return v.oov
}

// ring takes the ids of a text of any length and keeps as many as a row has:
// its memory does not grow with the text.
type ring struct {
	ids       []int32
	n         int // how many were added
	keepFirst bool
}

// add tells whether it wants more.
func (r *ring) add(id int32) bool {
	if r.keepFirst && r.n >= len(r.ids) {
		return false
	}
	r.ids[r.n%len(r.ids)] = id
	r.n++
	return true
}

// finish puts the ids in order and fills the row up with zeros.
func (r *ring) finish(padFront bool) {
	size := len(r.ids)
	switch {
	case r.n > size:
		rotate(r.ids, r.n%size)
	case padFront:
		copy(r.ids[size-r.n:], r.ids[:r.n])
		clear(r.ids[:size-r.n])
	}
}

// rotate moves the first k elements behind the others, by three reversals.
func rotate(s []int32, k int) {
	reverse(s[:k])
	reverse(s[k:])
	reverse(s)
}

func reverse(s []int32) {
	for i, j := 0, len(s)-1; i < j; i, j = i+1, j-1 {
		s[i], s[j] = s[j], s[i]
	}
}
