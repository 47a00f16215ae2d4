package stages

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/stages/model"
)

var predictKind = dag.Info{
	Name:    "predict",
	Version: 2,
	Doc: `Answers every row of a table with a model. The columns of the table stay, and prediction, probability and
probabilities (one for each class, in the order of the model's classes) are added; a regression adds prediction only, a translator
no probabilities, and answers from a table have their source in their place.
Memory is bounded by the batch.`,
	Example: `predict: { uses: predict, in: { model: train, data: new }, with: { columns: [id] } }`,
	New:     func() dag.Kind { return &Predict{} },
}

// Predict is the configuration of predict.
type Predict struct {
	Columns []string `yaml:"columns" doc:"the columns of the table that stay; by default all" example:"[id, text]"`
	Top     int      `yaml:"top" doc:"adds a column top: so many labels, the most probable first, or translations in the order of beam search, fewer where it finds fewer different ones" default:"0" min:"0"`
}

// Ports implements dag.Kind.
func (p *Predict) Ports() (in, out []dag.Port) {
	return []dag.Port{
			{Name: "model", Type: artifacts.Model, Doc: "what answers"},
			{Name: "data", Type: artifacts.Table, Doc: "the rows, with the raw columns that the model reads"},
		}, []dag.Port{
			{Name: dag.Out, Type: artifacts.Table, Doc: "the rows with their predictions"},
		}
}

// Check implements dag.Kind.
func (p *Predict) Check(c *dag.Check) {
	out := dag.Schema{Type: artifacts.Table}
	if s := c.In["model"].Signature; s != nil {
		checkInputs(c, s, "data")
		switch {
		case s.Task == model.GenerationTask || s.Task == model.EmbeddingTask:
			c.Errorf("in.model", "%s is a model for %s and does not answer rows", c.In["model"].Origin, s.Task)
		case p.Top > 0 && !model.Ranks(s.Task):
			c.Errorf("top", "%s is a model for %s, which gives one answer", c.In["model"].Origin, s.Task)
		}
		out.Table = predictionsSchema(c, s, p.output())
	}
	c.Out[dag.Out] = out
}

// predictionsSchema says what the table on the port data becomes; nil where
// that is not known or not possible.
func predictionsSchema(c *dag.Check, s *dag.Signature, o model.Output) *arrow.Schema {
	data := c.Columns("data")
	if data == nil || len(s.Outputs) == 0 {
		return nil
	}
	for _, name := range o.Columns {
		if _, ok := c.Column("data", "columns", name); !ok {
			return nil
		}
	}
	schema, err := model.Schema(data, o, s.Task, s.Outputs[0].Type)
	if err != nil {
		c.Errorf("columns", "%v", err)
		return nil
	}
	return schema
}

func (p *Predict) output() model.Output { return model.Output{Columns: p.Columns, Top: p.Top} }

// Run implements dag.Kind.
func (p *Predict) Run(ctx context.Context, env *dag.Env) error {
	folder, err := env.Folder("model")
	if err != nil {
		return err
	}
	served, err := model.Open(folder)
	if err != nil {
		return err
	}
	m, ok := served.(model.Predictor)
	if !ok {
		return &model.TaskError{Has: served.Signature().Task}
	}
	r, err := env.Table("data")
	if err != nil {
		return err
	}
	defer r.Close()
	total := max(r.Rows(), 0)
	rows, err := model.PredictTable(ctx, m, r, p.output(), func(s *arrow.Schema) (table.Writer, error) {
		return env.CreateTable(dag.Out, s, table.Parquet)
	}, func(batch arrow.RecordBatch, first int64) error {
		env.Progress(first-1+batch.NumRows(), total, "rows")
		return nil
	})
	if err != nil {
		return err
	}
	env.Logf("answered %d rows", rows)
	env.Metric("rows", float64(rows), 0)
	return nil
}
