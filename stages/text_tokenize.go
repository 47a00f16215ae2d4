package stages

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/stages/tokenizer"
	"pipe/stages/transform"
)

var textTokenizeKind = dag.Info{
	Name:    "text.tokenize",
	Version: 1,
	Doc: "Makes a transform that cuts a column of text into sub-words. The tokenizer is learnt from the table (byte-level BPE, with the merges that Hugging Face's " +
		"trainer finds), or read from a tokenizer.json (BPE, WordPiece or whole words), whose ids it gives. Every text can be told in byte-level tokens and comes " +
		"back from them byte for byte. With vocab_size 257 the tokens are the bytes.",
	Example: `tokens: { uses: text.tokenize, in: split.train, with: { column: text, vocab_size: 4096 } }`,
	New:     func() dag.Kind { return &TextTokenize{} },
}

// TextTokenize is the kind text.tokenize.
type TextTokenize struct {
	transform.Tokens `yaml:",inline"`
	File             dag.Path `yaml:"file" doc:"a tokenizer.json, or a folder that has one, in place of learning" example:"gpt2/tokenizer.json"`
	VocabSize        int      `yaml:"vocab_size" doc:"how many tokens are learnt at most: the end of a text, 256 bytes, and merges" default:"4096" min:"257" max:"4194304"`
	MinFrequency     int64    `yaml:"min_frequency" doc:"pairs that are rarer are not merged" default:"2" min:"1"`
}

// Ports implements dag.Kind.
func (k *TextTokenize) Ports() (in, out []dag.Port) {
	return []dag.Port{{Name: "in", Type: artifacts.Table, Optional: true, Doc: "rows to learn from; needed unless file is given"}},
		[]dag.Port{{Name: dag.Out, Type: artifacts.Transform, Doc: "text to token ids"}}
}

// Check implements dag.Kind.
func (k *TextTokenize) Check(c *dag.Check) {
	tokens := k.VocabSize
	switch learn := c.In["in"].Type != ""; {
	case learn && k.File != "":
		c.Errorf("file", "the tokenizer is either read from a file or learnt from the input; leave one of the two out")
	case !learn && k.File == "":
		c.Errorf("", "connect a table to learn from, or name a tokenizer.json with file")
	case k.File != "":
		tokens = -1
		if t, err := k.read(); os.IsNotExist(err) {
			c.Hintf("missing-file", "file", nearFiles(string(k.File)), "there is no %q", k.path())
		} else if err != nil {
			c.Errorf("file", "%v", err)
		} else {
			tokens = t.Size()
		}
	default:
		if f, ok := c.Column("in", "column", k.Column); ok && f.Type.ID() != arrow.STRING {
			c.Errorf("column", "must be text; %q is %s", k.Column, table.TypeName(f.Type))
		}
	}
	c.Out[dag.Out] = dag.Schema{Type: artifacts.Transform, Signature: k.Tokens.Signature(tokens)}
}

func (k *TextTokenize) path() string {
	p := string(k.File)
	if info, err := os.Stat(p); err == nil && info.IsDir() {
		p = filepath.Join(p, "tokenizer.json")
	}
	return p
}

func (k *TextTokenize) read() (*tokenizer.Tokenizer, error) {
	b, err := os.ReadFile(k.path())
	if err != nil {
		return nil, err
	}
	return tokenizer.Parse(b)
}

// Run implements dag.Kind.
func (k *TextTokenize) Run(ctx context.Context, env *dag.Env) error {
	t, err := k.make(ctx, env)
	if err != nil {
		return err
	}
	env.Logf("%s", t.Describe())
	env.Metric("vocabulary", float64(t.Size()), 0)
	folder, err := env.CreateFolder(dag.Out, artifacts.Transform)
	if err != nil {
		return err
	}
	return transform.Save(folder, transform.NewSubwords(k.Tokens, t))
}

func (k *TextTokenize) make(ctx context.Context, env *dag.Env) (*tokenizer.Tokenizer, error) {
	if k.File != "" {
		return k.read()
	}
	if !env.Has("in") {
		return nil, errors.New("there is neither a table to learn from nor a file")
	}
	tr := tokenizer.NewTrainer()
	err := eachColumns(ctx, env, "in", []string{k.Column}, func(batch arrow.RecordBatch, first int64) error {
		col := batch.Column(0).(*array.String)
		for i := range col.Len() {
			switch {
			case !col.IsNull(i):
				tr.Add(col.Value(i))
			case k.Nulls != "empty":
				return &transform.RowError{Row: first + int64(i), Column: k.Column, Msg: `the text is null; drop such rows with clean's drop_null, or set "nulls: empty"`}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if tr.Bytes == 0 {
		return nil, fmt.Errorf("there is no text in column %q to learn from", k.Column)
	}
	env.Logf("%d texts, %d bytes, %d different words", tr.Texts, tr.Bytes, tr.Words())
	env.Metric("texts", float64(tr.Texts), 0)
	return tr.Train(k.VocabSize, k.MinFrequency)
}
