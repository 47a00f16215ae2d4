package stages

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/dag/text"
	"pipe/stages/model"
	"pipe/stages/report"
	"pipe/stages/score"
)

var evaluateKind = dag.Info{
	Name:    "evaluate",
	Version: 5,
	Doc: `Measures a model on rows whose answer is known. It gives the metrics (as scikit-learn defines them, with
zero_division=0), every row with its prediction, and a report to look at. For labels the metrics are accuracy,
log_loss, precision, recall and f1 averaged over the classes (f1_macro, f1_weighted, …), roc_auc and
average_precision; with more than five classes top_5_accuracy; with two also precision, recall and f1 of the positive one. For numbers they are mse,
rmse, mae and r2. A label that the model has no class for counts as wrong and is
reported; where no row has one that is known, the stage fails. For pictures the report shows by Grad-CAM
which places of some right and wrong ones spoke for the answer.`,
	Example: `evaluate: { uses: evaluate, in: { model: train, data: split.test } }`,
	New:     func() dag.Kind { return &Evaluate{} },
}

// Evaluate is the configuration of evaluate.
type Evaluate struct {
	Target   string   `yaml:"target" doc:"the column with the truth; by default the one that the model learnt to predict"`
	Positive string   `yaml:"positive" doc:"of two classes, the one that precision, recall, f1, roc_auc and average_precision are about; by default the second in sorted order"`
	Columns  []string `yaml:"columns" doc:"the columns of the data that the table of predictions keeps; by default all"`
	Top      int      `yaml:"top" doc:"adds a column top to the predictions: so many labels, the most probable first" default:"0" min:"0"`
	Mistakes int      `yaml:"mistakes" doc:"how many of the worst mistakes the report shows" default:"25" min:"0" max:"1000"`
}

// Ports implements dag.Kind.
func (e *Evaluate) Ports() (in, out []dag.Port) {
	return []dag.Port{
			{Name: "model", Type: artifacts.Model, Doc: "what is measured"},
			{Name: "data", Type: artifacts.Table, Doc: "rows that the model has not learnt from, with the truth"},
		}, []dag.Port{
			{Name: dag.Out, Type: artifacts.Metrics, Doc: "the metrics as JSON"},
			{Name: "predictions", Type: artifacts.Table, Doc: "the rows with their predictions"},
			{Name: "report", Type: artifacts.Report, Doc: "a page with curves, confusion matrix and mistakes"},
		}
}

// Check implements dag.Kind.
func (e *Evaluate) Check(c *dag.Check) {
	metrics := dag.Schema{Type: artifacts.Metrics, Metrics: score.Names("")}
	predictions := dag.Schema{Type: artifacts.Table}
	if s := c.In["model"].Signature; s != nil {
		metrics.Metrics = score.Names(s.Task)
		checkInputs(c, s, "data")
		predictions.Table = predictionsSchema(c, s, e.output())
	}
	checkTruth(c, e.Target, c.In["model"].Signature, "data")
	c.Out[dag.Out], c.Out["predictions"], c.Out["report"] = metrics, predictions, dag.Schema{Type: artifacts.Report}
}

// checkTruth looks in tables for the column with the truth: the target that is
// configured or, where none is, the one that the model learnt to predict.
func checkTruth(c *dag.Check, target string, learnt *dag.Signature, tables ...string) {
	for _, port := range tables {
		switch {
		case target != "":
			c.Column(port, "target", target)
		case learnt != nil && learnt.Target != "":
			c.Column(port, "in."+port, learnt.Target)
		}
	}
}

func (e *Evaluate) output() model.Output { return model.Output{Columns: e.Columns, Top: e.Top} }

// Run implements dag.Kind.
func (e *Evaluate) Run(ctx context.Context, env *dag.Env) error {
	folder, err := env.Folder("model")
	if err != nil {
		return err
	}
	m, err := model.Load(folder)
	if err != nil {
		return err
	}
	x, err := newExamination(m, e)
	if err != nil {
		return err
	}
	r, err := env.Table("data")
	if err != nil {
		return err
	}
	defer r.Close()
	if !r.Schema().HasField(x.target) {
		return fmt.Errorf("data has no column %q to compare with (its columns: %s)", x.target, text.List(dag.ColumnNames(r.Schema())))
	}
	total := max(r.Rows(), 0)
	_, err = m.PredictTable(ctx, r, e.output(), func(s *arrow.Schema) (table.Writer, error) {
		return env.CreateTable("predictions", s, table.Parquet)
	}, func(batch arrow.RecordBatch, first int64, p *model.Predictions) error {
		env.Progress(first-1+batch.NumRows(), total, "rows")
		return x.observe(batch, first, p)
	})
	if err != nil {
		return err
	}
	result := x.result()
	if result.Rows == 0 {
		return fmt.Errorf("data has no rows to evaluate on")
	}
	if err := x.unknown.refuse(x, result); err != nil {
		return err
	}
	e.log(env, x, result)
	return e.write(env, m, x, result)
}

func (e *Evaluate) log(env *dag.Env, x *examination, r *score.Result) {
	var ms []dag.Metric
	for _, name := range r.ScalarNames() {
		ms = append(ms, dag.Metric{Name: name, Value: r.Metrics[name]})
	}
	env.LogMetrics(ms)
	if r.Task == score.Regression {
		env.Logf("%d rows: rmse %.4g, mae %.4g", r.Rows, r.Metrics["rmse"], r.Metrics["mae"])
		return
	}
	env.Logf("%d rows: accuracy %.4f, macro F1 %.4f, log loss %.4f", r.Rows, r.Metrics["accuracy"], r.Metrics["f1_macro"], r.Metrics["log_loss"])
	if u := r.Unknown; u != nil {
		env.Logf("%d of %d rows have a label that the model has no class for; they count as wrong: %s", u.Rows, r.Rows, x.unknown.list(u))
	}
}

func (e *Evaluate) write(env *dag.Env, m *model.Model, x *examination, r *score.Result) error {
	b, err := r.Encode()
	if err != nil {
		return err
	}
	w, err := env.CreateFile(dag.Out, artifacts.Metrics, "json")
	if err != nil {
		return err
	}
	if _, err := w.Write(b); err != nil {
		return err
	}
	ref, err := env.Input("model")
	if err != nil {
		return err
	}
	if w, err = env.CreateFile("report", artifacts.Report, "html"); err != nil {
		return err
	}
	page := reportPage(m, ref.Digest, x, r)
	if page.Pictures, err = x.gallery.explained(m); err != nil {
		return err
	}
	return report.Write(w, page)
}
