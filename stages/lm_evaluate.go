package stages

import (
	"context"
	"fmt"
	"math"
	"slices"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/stages/model"
	"pipe/stages/score"
)

var lmEvaluateKind = dag.Info{
	Name:    "lm.evaluate",
	Version: 2,
	Doc: "Measures a language model on texts that it has not learnt from. The metrics are loss (nats a token, over windows as long as the model's, each without a past), " +
		"perplexity (its exponential), tokens, and bits_per_byte, by which models with different tokenizers can be compared.",
	Example: `evaluate: { uses: lm.evaluate, in: { model: train, data: split.test } }`,
	New:     func() dag.Kind { return &EvaluateLanguage{} },
}

// EvaluateLanguage is the kind lm.evaluate.
type EvaluateLanguage struct {
	Column    string `yaml:"column" doc:"the column of text" default:"text"`
	Separator string `yaml:"separator" doc:"what stands between the texts of two rows, as in lm.train" default:"end" enum:"end,newline,none"`
	Sample    string `yaml:"sample" doc:"a beginning that the model writes on, for the log"`
}

// Ports implements dag.Kind.
func (e *EvaluateLanguage) Ports() (in, out []dag.Port) {
	return []dag.Port{
			{Name: "model", Type: artifacts.Model, Doc: "the language model"},
			{Name: "data", Type: artifacts.Table, Doc: "texts"},
		}, []dag.Port{
			{Name: dag.Out, Type: artifacts.Metrics, Doc: "the metrics as JSON"},
		}
}

var lmMetrics = []string{"bits_per_byte", "loss", "perplexity", "tokens"}

// Check implements dag.Kind.
func (e *EvaluateLanguage) Check(c *dag.Check) {
	checkTask(c, "model", model.GenerationTask)
	checkTextColumn(c, "data", "column", e.Column)
	c.Out[dag.Out] = dag.Schema{Type: artifacts.Metrics, Metrics: lmMetrics}
}

// checkTask wants a model of one family.
func checkTask(c *dag.Check, port, task string) {
	if s := c.In[port].Signature; s != nil && s.Task != "" && s.Task != task {
		c.Errorf("in."+port, "%s is a model for %s, and one for %s is needed", c.In[port].Origin, s.Task, task)
	}
}

// Run implements dag.Kind.
func (e *EvaluateLanguage) Run(ctx context.Context, env *dag.Env) error {
	folder, err := env.Folder("model")
	if err != nil {
		return err
	}
	m, err := model.LoadLanguageModel(folder)
	if err != nil {
		return err
	}
	t := TrainLanguage{Column: e.Column, Separator: e.Separator}
	var tokens []int32
	err = t.eachTokens(ctx, env, "data", m.Language(), func(ids []int32) error {
		tokens = append(tokens, ids...)
		return nil
	})
	if err != nil {
		return err
	}
	loss, err := m.Measure(ctx, tokens)
	if err != nil {
		return err
	}
	bytes := len(m.Language().DecodeIDs(tokens))
	r := &score.Result{Version: score.Version, Task: model.GenerationTask, Rows: int64(len(tokens)), Metrics: map[string]dag.Float{
		"loss": dag.Float(loss), "perplexity": dag.Float(math.Exp(loss)), "tokens": dag.Float(len(tokens)),
		"bits_per_byte": dag.Float(loss / math.Ln2 * float64(len(tokens)) / float64(max(bytes, 1))),
	}}
	env.Logf("%d tokens: loss %.4f, perplexity %.4g, %.4f bits a byte", len(tokens), loss, math.Exp(loss), float64(r.Metrics["bits_per_byte"]))
	if e.Sample != "" {
		logSample(ctx, env, m, e.Sample, 1)
	}
	return writeMetrics(env, r)
}

// writeMetrics reports the scalars of a result and stores it as the output. Those that
// are asked for first come first, because a line of a terminal has room for a few.
func writeMetrics(env *dag.Env, r *score.Result, first ...string) error {
	var ms []dag.Metric
	rest := slices.DeleteFunc(r.ScalarNames(), func(name string) bool { return slices.Contains(first, name) })
	for _, name := range append(first, rest...) {
		ms = append(ms, dag.Metric{Name: name, Value: r.Metrics[name]})
	}
	env.LogMetrics(ms)
	b, err := r.Encode()
	if err != nil {
		return err
	}
	w, err := env.CreateFile(dag.Out, artifacts.Metrics, "json")
	if err != nil {
		return err
	}
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("write the metrics: %w", err)
	}
	return nil
}
