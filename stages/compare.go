package stages

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/dag/text"
	"pipe/stages/model"
	"pipe/stages/report"
	"pipe/stages/score"
)

var compareKind = dag.Info{
	Name:     "compare",
	Version:  3,
	Labelled: true,
	Doc: `Lets several models answer the same rows, and says what their differences are worth. best is the model with the highest
accuracy (of a regression, the lowest mean absolute error) on the rows of choose, so that data measures it without having chosen it; of equal
ones the first. A label that a model has no class for counts as wrong and is logged; where no row has one that is known, the stage fails.
The metrics are those of best on data. The report and the table of pairs have, for each two models, how often only one of them is right, the difference with its 95 % bootstrap interval, and the p of McNemar's test, as it is and after Holm's correction for as many
tests as there are pairs (of a regression, the interval alone).`,
	Example: `compare: { uses: compare, in: { models: [linear, lstm, cnn], data: split.test, choose: split.validation }, with: { names: [linear, LSTM, CNN] } }`,
	New:     func() dag.Kind { return &Compare{} },
}

// Compare is the kind compare.
type Compare struct {
	Names  []string `yaml:"names" doc:"what the models are called, in their order; without it, by the values of their matrix, or by number" example:"[linear, LSTM, CNN]"`
	Target string   `yaml:"target" doc:"the column with the truth; by default the one that the first model learnt to predict"`
}

// Ports implements dag.Kind.
func (k *Compare) Ports() (in, out []dag.Port) {
	return []dag.Port{
			{Name: "models", Type: artifacts.Model, Many: true, Doc: "the models, of one task"},
			{Name: "data", Type: artifacts.Table, Doc: "rows that no model has learnt from, with the truth"},
			{Name: "choose", Type: artifacts.Table, Optional: true, Doc: "other such rows, by which the best is chosen; without it, by data"},
		}, []dag.Port{
			{Name: dag.Out, Type: artifacts.Metrics, Doc: "the metrics of the best on data"},
			{Name: "best", Type: artifacts.Model, Doc: "the model that is best by the rows of choose"},
			{Name: "pairs", Type: artifacts.Table, Doc: "a row for each two models"},
			{Name: "report", Type: artifacts.Report, Doc: "a page with the models and the pairs"},
		}
}

var comparePairsSchema = arrow.NewSchema([]arrow.Field{
	{Name: "first", Type: arrow.BinaryTypes.String},
	{Name: "second", Type: arrow.BinaryTypes.String},
	{Name: "only_first", Type: arrow.PrimitiveTypes.Int64},
	{Name: "only_second", Type: arrow.PrimitiveTypes.Int64},
	{Name: "difference", Type: arrow.PrimitiveTypes.Float64},
	{Name: "low", Type: arrow.PrimitiveTypes.Float64},
	{Name: "high", Type: arrow.PrimitiveTypes.Float64},
	{Name: "p_value", Type: arrow.PrimitiveTypes.Float64},
	{Name: "p_holm", Type: arrow.PrimitiveTypes.Float64},
}, nil)

// Check implements dag.Kind.
func (k *Compare) Check(c *dag.Check) {
	all := c.InMany["models"]
	if len(all) == 1 {
		c.Errorf("in.models", "one model cannot be compared")
	}
	if n := len(k.Names); n > 0 && len(all) > 0 && n != len(all) {
		c.Errorf("names", "%d names for %d models", n, len(all))
	}
	for i, name := range k.Names {
		if slices.Index(k.Names, name) < i {
			c.Errorf(fmt.Sprintf("names[%d]", i), "two models are called %q", name)
		}
	}
	var first *dag.Signature
	same := true
	for _, m := range all {
		if m.Signature == nil {
			same = false
			continue
		}
		if t := m.Signature.Task; t != "" && t != score.Classification && t != score.Regression {
			c.Errorf("in.models", "%s is a model for %s, and ones that answer rows with labels or numbers are compared", m.Origin, t)
			return
		}
		checkInputs(c, m.Signature, "data", "choose")
		if first == nil {
			first = m.Signature
		}
		if m.Signature.Task != first.Task {
			c.Errorf("in.models", "%s is a model for %s and %s one for %s", all[0].Origin, first.Task, m.Origin, m.Signature.Task)
			return
		}
		same = same && reflect.DeepEqual(m.Signature, first)
	}
	if len(all) > 0 {
		checkTruth(c, k.Target, all[0].Signature, "data", "choose")
	}
	out := dag.Schema{Type: artifacts.Metrics, Metrics: score.Names("")}
	if first != nil {
		out.Metrics = score.Names(first.Task)
	}
	best := dag.Schema{Type: artifacts.Model}
	if same {
		best.Signature = first
	}
	c.Out[dag.Out], c.Out["best"], c.Out["report"] = out, best, dag.Schema{Type: artifacts.Report}
	c.Out["pairs"] = dag.Schema{Type: artifacts.Table, Table: comparePairsSchema}
}

// Run implements dag.Kind.
func (k *Compare) Run(ctx context.Context, env *dag.Env) error {
	refs := env.Inputs("models")
	if len(refs) < 2 {
		return fmt.Errorf("%d models cannot be compared", len(refs))
	}
	if len(k.Names) > 0 && len(k.Names) != len(refs) {
		return fmt.Errorf("%d names for %d models", len(k.Names), len(refs))
	}
	x := comparison{names: k.names(env), seed: env.Seed}
	var models []*model.Model
	for i := range refs {
		folder, err := env.FolderAt("models", i)
		if err != nil {
			return err
		}
		m, err := model.Load(folder)
		if err != nil {
			return fmt.Errorf("%s: %w", x.names[i], err)
		}
		if models = append(models, m); m.Task() != models[0].Task() {
			return fmt.Errorf("%s is a model for %s and %s one for %s", x.names[0], models[0].Task(), x.names[i], m.Task())
		}
	}
	var err error
	if x.all, err = k.answer(ctx, env, "data", models, x.names); err != nil {
		return err
	}
	chosen := x.all
	if env.Has("choose") {
		if chosen, err = k.answer(ctx, env, "choose", models, x.names); err != nil {
			return err
		}
		x.choosing = chosen
	}
	for i, c := range chosen {
		if c.wrong() < chosen[x.best].wrong() {
			x.best = i
		}
	}
	for i, c := range x.all {
		env.Logf("%s: %s", x.names[i], c.says())
	}
	env.Logf("%s is the best", x.names[x.best])
	return k.write(env, refs[x.best], &x)
}

// names are what the models are called.
func (k *Compare) names(env *dag.Env) []string {
	if len(k.Names) > 0 {
		return k.Names
	}
	var names []string
	for i, labels := range env.Labels("models") {
		var parts []string
		for _, l := range labels {
			parts = append(parts, l.Name+" "+text.FormatScalar(l.Value))
		}
		if len(parts) == 0 {
			parts = []string{fmt.Sprintf("model %d", i+1)}
		}
		names = append(names, strings.Join(parts, ", "))
	}
	return names
}

// answer lets all models answer all rows of a table.
func (k *Compare) answer(ctx context.Context, env *dag.Env, port string, models []*model.Model, names []string) ([]*contender, error) {
	target := k.Target
	if target == "" {
		target = models[0].Target().Name
	}
	var all []*contender
	for _, m := range models {
		x, err := newExamination(m, &Evaluate{Target: target})
		if err != nil {
			return nil, err
		}
		all = append(all, &contender{examination: x})
	}
	r, err := env.Table(port)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if !r.Schema().HasField(target) {
		return nil, fmt.Errorf("%s has no column %q to compare with (its columns: %s)", port, target, text.List(dag.ColumnNames(r.Schema())))
	}
	rows := int64(0)
	for batch, err := range table.All(r) {
		if err != nil {
			return nil, err
		}
		for i, c := range all {
			if err := c.answer(ctx, batch, rows+1); err != nil {
				return nil, fmt.Errorf("%s: %w", names[i], err)
			}
		}
		rows += batch.NumRows()
		env.Progress(rows, max(r.Rows(), 0), "rows of "+port)
	}
	if rows == 0 {
		return nil, fmt.Errorf("%s has no rows to compare on", port)
	}
	return all, unknownLabels(env, port, all, names)
}

// unknownLabels tells of rows whose label a model has no class for, and refuses a table
// in which no model knows any: its column is hardly that of the labels.
func unknownLabels(env *dag.Env, port string, all []*contender, names []string) error {
	strange := 0
	for i, c := range all {
		u := c.result().Unknown
		if u == nil {
			continue
		}
		if u.Rows == int64(len(c.off)) {
			strange++
		}
		env.Logf("%s: %d rows of %s have a label that the model has no class for; they count as wrong: %s", names[i], u.Rows, port, quote(u.Labels[0].Label))
		if strange == len(all) {
			return fmt.Errorf("no row of %s has a label in the column %q that a model has a class for (the classes: %s); set target to the column with the truth",
				port, c.target, text.List(c.model.Classes()))
		}
	}
	return nil
}

func (k *Compare) write(env *dag.Env, best artifacts.Ref, x *comparison) error {
	if err := env.Forward("best", best); err != nil {
		return err
	}
	pairs := x.pairs()
	w, err := env.CreateTable("pairs", comparePairsSchema, table.Parquet)
	if err != nil {
		return err
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, comparePairsSchema)
	defer b.Release()
	for _, p := range pairs {
		b.Field(0).(*array.StringBuilder).Append(x.names[p.first])
		b.Field(1).(*array.StringBuilder).Append(x.names[p.second])
		b.Field(2).(*array.Int64Builder).Append(int64(p.Wins))
		b.Field(3).(*array.Int64Builder).Append(int64(p.Losses))
		for i, v := range []dag.Float{p.Mean, p.Low, p.High, p.P, dag.Float(p.holm)} {
			b.Field(4 + i).(*array.Float64Builder).Append(float64(v))
		}
	}
	batch := b.NewRecordBatch()
	defer batch.Release()
	if err := w.Write(batch); err != nil {
		return err
	}
	page, err := env.CreateFile("report", artifacts.Report, "html")
	if err != nil {
		return err
	}
	if err := report.WriteComparison(page, x.page(pairs)); err != nil {
		return err
	}
	return writeMetrics(env, x.all[x.best].result())
}
