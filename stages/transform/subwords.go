package transform

import (
	"encoding/json"
	"fmt"
	"io/fs"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/dag"
	"pipe/stages/tokenizer"
)

// Tokens configures Subwords.
type Tokens struct {
	Column  string `yaml:"column" json:"column" doc:"the column of text" required:"true" example:"text"`
	MaxLen  int    `yaml:"maxlen" json:"maxlen" doc:"ids of a row: a longer text loses its end, a shorter one is filled up with 0. A language model sets the length itself" default:"128" min:"1" max:"1048576"`
	Special bool   `yaml:"special_tokens" json:"special_tokens" doc:"whether a row has the tokens that the tokenizer puts around a text, [CLS] and [SEP] of BERT for example" default:"true"`
	Nulls   string `yaml:"nulls" json:"nulls" doc:"what a text that is null means: an error, or the empty text" default:"error" enum:"error,empty"`
}

func (c *Tokens) column() textColumn { return textColumn{c.Column, c.Nulls} }

// Signature says what Subwords of this configuration read and give; tokens is the
// number of different ids, -1 where it is not known.
func (c *Tokens) Signature(tokens int) *dag.Signature {
	t := Text{Column: c.Column, MaxLen: c.MaxLen}
	return t.Signature(tokens)
}

// Subwords turns a column of text into rows of the ids of a sub-word tokenizer.
type Subwords struct {
	config    Tokens
	tokenizer *tokenizer.Tokenizer
}

// NewSubwords joins a configuration and a tokenizer.
func NewSubwords(c Tokens, t *tokenizer.Tokenizer) *Subwords { return &Subwords{c, t} }

// Tokenizer cuts the texts.
func (s *Subwords) Tokenizer() *tokenizer.Tokenizer { return s.tokenizer }

// Signature implements Transform.
func (s *Subwords) Signature() dag.Signature { return *s.config.Signature(s.tokenizer.Size()) }

// Apply implements Transform.
func (s *Subwords) Apply(dst *Input, batch arrow.RecordBatch, first int64) error {
	if err := s.checkPadding(); err != nil {
		return err
	}
	return s.config.column().each(batch, first, func(text string) { s.AppendText(dst, text) })
}

// ApplyRow implements Transform.
func (s *Subwords) ApplyRow(dst *Input, row map[string]any) error {
	text, err := s.config.column().one(row)
	if err != nil {
		return err
	}
	if err := s.checkPadding(); err != nil {
		return err
	}
	s.AppendText(dst, text)
	return nil
}

// checkPadding refuses a tokenizer whose id 0 may be a piece of a text.
func (s *Subwords) checkPadding() error {
	switch token := s.tokenizer.Token(0); {
	case s.tokenizer.Special(0), token == "", token == "[PAD]", token == "<pad>":
		return nil
	default:
		return fmt.Errorf("rows of equal length are filled up with id 0, which is %q in this tokenizer; it is of use for language models only", token)
	}
}

// AppendText appends the row of one text.
func (s *Subwords) AppendText(dst *Input, text string) {
	from := len(dst.IDs)
	if s.config.Special {
		dst.IDs = s.tokenizer.EncodeFull(dst.IDs, text, s.config.MaxLen)
	} else {
		dst.IDs = s.tokenizer.Encode(dst.IDs, text)
	}
	end := from + s.config.MaxLen
	if len(dst.IDs) > end {
		dst.IDs = dst.IDs[:end]
	}
	dst.IDs = append(dst.IDs, make([]int32, end-len(dst.IDs))...)
	dst.Rows++
}

// EncodeText implements Language.
func (s *Subwords) EncodeText(dst []int32, text string) []int32 {
	return s.tokenizer.Encode(dst, text)
}

// DecodeIDs implements Language.
func (s *Subwords) DecodeIDs(ids []int32) string { return s.tokenizer.Decode(ids) }

// Token implements Language.
func (s *Subwords) Token(id int32) string { return s.tokenizer.Token(id) }

// Begin implements Language.
func (s *Subwords) Begin() []int32 { return s.tokenizer.Begin() }

// Ends implements Language.
func (s *Subwords) Ends() []int32 { return s.tokenizer.Ends() }

// save implements Transform.
func (s *Subwords) save(w Files) (any, error) {
	f, err := w.Create(tokenizerName)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(s.tokenizer.JSON()); err != nil {
		f.Close()
		return nil, err
	}
	return s.config, f.Close()
}

func loadSubwords(fsys fs.FS, config json.RawMessage) (Transform, error) {
	var c Tokens
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, fmt.Errorf("%s: %w", manifestName, err)
	}
	if c.MaxLen < 1 || c.MaxLen > MaxLength {
		return nil, fmt.Errorf("%s: maxlen must be from 1 to %d, is %d", manifestName, MaxLength, c.MaxLen)
	}
	b, err := fs.ReadFile(fsys, tokenizerName)
	if err != nil {
		return nil, err
	}
	t, err := tokenizer.Parse(b)
	if err != nil {
		return nil, err
	}
	return NewSubwords(c, t), nil
}
