package stages

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/stages/transform"
)

var textVectorizeKind = dag.Info{
	Name:    "text.vectorize",
	Version: 1,
	Doc: "Learns a vocabulary and makes a transform of it that turns a column of text into rows of token ids, " +
		"with the semantics of Keras' Tokenizer, texts_to_sequences and pad_sequences. Fit it on training rows only. " +
		"Memory grows with the number of different words.",
	Example: `words: { uses: text.vectorize, in: split.train, with: { column: text, num_words: 10000, maxlen: 40 } }`,
	New:     func() dag.Kind { return &TextVectorize{} },
}

// TextVectorize is the kind text.vectorize.
type TextVectorize struct {
	transform.Text `yaml:",inline"`
}

// Ports implements dag.Kind.
func (k *TextVectorize) Ports() (in, out []dag.Port) {
	return []dag.Port{{Name: "in", Type: artifacts.Table, Doc: "rows to learn the vocabulary from"}},
		[]dag.Port{{Name: dag.Out, Type: artifacts.Transform, Doc: "text to token ids"}}
}

// Check implements dag.Kind.
func (k *TextVectorize) Check(c *dag.Check) {
	if f, ok := c.Column("in", "column", k.Column); ok && f.Type.ID() != arrow.STRING {
		c.Errorf("column", "must be text; %q is %s", k.Column, table.TypeName(f.Type))
	}
	if fewest := k.fewest(); k.NumWords > 0 && k.NumWords < fewest {
		c.Errorf("num_words", "must be 0 (all words) or at least %d, so that there is an id beside padding, is %d", fewest, k.NumWords)
	}
	tokens := k.NumWords
	if tokens == 0 {
		tokens = -1
	}
	c.Out[dag.Out] = dag.Schema{Type: artifacts.Transform, Signature: k.Text.Signature(tokens)}
}

// fewest is the least num_words that leaves an id for a word.
func (k *TextVectorize) fewest() int {
	if k.OOV != "" {
		return 3
	}
	return 2
}

// Run implements dag.Kind.
func (k *TextVectorize) Run(ctx context.Context, env *dag.Env) error {
	fit, err := transform.NewFit(k.Text)
	if err != nil {
		return err
	}
	if err := eachColumns(ctx, env, "in", []string{k.Column}, fit.Add); err != nil {
		return err
	}
	v, stats, err := fit.Vectorizer()
	if err != nil {
		return err
	}
	if stats.Texts == 0 {
		return errors.New("the table has no rows to learn a vocabulary from")
	}
	if stats.Words == 0 {
		return fmt.Errorf("there is no word in column %q: all %d texts are empty or hold only what separates words, or every word is rarer than min_count", k.Column, stats.Texts)
	}
	if k.MaxLen == 0 {
		longest, err := k.longest(ctx, env, v)
		if err != nil {
			return err
		}
		if longest > transform.MaxLength {
			return fmt.Errorf("the longest text has %d %ss and every row would be as long; set maxlen, to at most %d", longest, k.Level, transform.MaxLength)
		}
		v = v.WithLength(longest)
		env.Logf("maxlen is %d, as the longest text", longest)
	}
	env.Logf("%d texts, %d %ss, %d different; %d have an id, the others are %.2f %% of the text", stats.Texts, stats.Tokens, k.Level, stats.Distinct, stats.Words, 100*stats.OOVRate)
	env.Metric("texts", float64(stats.Texts), 0)
	env.Metric("tokens", float64(stats.Tokens), 0)
	env.Metric("vocabulary", float64(stats.Words), 0)
	env.Metric("oov_rate", stats.OOVRate, 0)
	folder, err := env.CreateFolder(dag.Out, artifacts.Transform)
	if err != nil {
		return err
	}
	return transform.Save(folder, v)
}

// longest makes the pass that finds maxlen.
func (k *TextVectorize) longest(ctx context.Context, env *dag.Env, v *transform.Vectorizer) (int, error) {
	longest := 1
	err := eachColumns(ctx, env, "in", []string{k.Column}, func(batch arrow.RecordBatch, _ int64) error {
		col := batch.Column(0).(*array.String)
		for i := range col.Len() {
			if !col.IsNull(i) {
				longest = max(longest, v.Length(col.Value(i)))
			}
		}
		return nil
	})
	return longest, err
}
