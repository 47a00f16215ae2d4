package stages

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/stages/transform"
)

var textTFIDFKind = dag.Info{
	Name:    "text.tfidf",
	Version: 1,
	Doc: "Learns which n-grams of words and characters a column of text has, and makes a transform of them that turns a text into one weight for each: " +
		"term frequency times inverse document frequency, with the semantics of scikit-learn's TfidfVectorizer. Fit it on training rows only. " +
		"Memory grows with the number of different n-grams.",
	Example: `words: { uses: text.tfidf, in: split.train, with: { column: text, features: 20000, word_ngrams: [1, 2], char_ngrams: [2, 4] } }`,
	New:     func() dag.Kind { return &TextTFIDF{} },
}

// TextTFIDF is the kind text.tfidf.
type TextTFIDF struct {
	transform.Weights `yaml:",inline"`
}

// Ports implements dag.Kind.
func (k *TextTFIDF) Ports() (in, out []dag.Port) {
	return []dag.Port{{Name: "in", Type: artifacts.Table, Doc: "rows to learn the n-grams from"}},
		[]dag.Port{{Name: dag.Out, Type: artifacts.Transform, Doc: "text to weights of n-grams"}}
}

// Check implements dag.Kind.
func (k *TextTFIDF) Check(c *dag.Check) {
	if f, ok := c.Column("in", "column", k.Column); ok && f.Type.ID() != arrow.STRING {
		c.Errorf("column", "must be text; %q is %s", k.Column, table.TypeName(f.Type))
	}
	checkSpan(c, "word_ngrams", k.WordNgrams)
	checkSpan(c, "char_ngrams", k.CharNgrams)
	if len(k.WordNgrams)+len(k.CharNgrams) == 0 {
		c.Errorf("word_ngrams", "and char_ngrams are both empty, so nothing counts")
	}
	c.Out[dag.Out] = dag.Schema{Type: artifacts.Transform, Signature: k.Weights.Signature()}
}

func checkSpan(c *dag.Check, field string, span []int) {
	const longest = 20
	if len(span) == 0 {
		return
	}
	if len(span) != 2 || span[0] < 1 || span[1] < span[0] || span[1] > longest {
		c.Errorf(field, "must be the shortest and the longest length, as [1, 2], of at least 1 and at most %d, is %v", longest, span)
	}
}

// Run implements dag.Kind.
func (k *TextTFIDF) Run(ctx context.Context, env *dag.Env) error {
	fit, err := transform.NewTFIDFFit(k.Weights)
	if err != nil {
		return err
	}
	if err := eachColumns(ctx, env, "in", []string{k.Column}, fit.Add); err != nil {
		return err
	}
	v, stats, err := fit.TFIDF()
	if err != nil {
		return err
	}
	if stats.Texts == 0 {
		return errors.New("the table has no rows to learn n-grams from")
	}
	if stats.Features == 0 {
		return fmt.Errorf("there is no n-gram in column %q: all %d texts are empty or hold only what separates words, or every n-gram is in fewer texts than min_df", k.Column, stats.Texts)
	}
	env.Logf("%d texts, %d different n-grams; %d of %d features are used", stats.Texts, stats.Distinct, stats.Features, k.Features)
	env.Metric("texts", float64(stats.Texts), 0)
	env.Metric("ngrams", float64(stats.Distinct), 0)
	env.Metric("features", float64(stats.Features), 0)
	folder, err := env.CreateFolder(dag.Out, artifacts.Transform)
	if err != nil {
		return err
	}
	return transform.Save(folder, v)
}
