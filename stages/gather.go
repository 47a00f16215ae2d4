package stages

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/dag/text"
	"pipe/stages/rows"
	"pipe/stages/score"
)

var gatherKind = dag.Info{
	Name:     "gather",
	Version:  2,
	Labelled: true,
	Doc: `Brings what the variants of a matrix or a foreach give together in one table. Of metrics there is a row
for each variant, with a column for each metric; of tables there are all rows. The values of the matrix stand in columns before
them, so that each row tells which variant it is from.`,
	Example: `compare: { uses: gather, in: tune.evaluate, with: { metrics: [accuracy, f1_macro] } }`,
	New:     func() dag.Kind { return &Gather{} },
}

// Gather is the kind gather.
type Gather struct {
	Metrics []string `yaml:"metrics" doc:"the metrics that become columns, in this order; by default all that are there, by name" example:"[accuracy, f1_macro]"`
}

// Ports implements dag.Kind.
func (g *Gather) Ports() (in, out []dag.Port) {
	return []dag.Port{
			{Name: "metrics", Type: artifacts.Metrics, Many: true, Optional: true, Lack: dag.NeedsSome, Doc: "metrics, a row of the result each"},
			{Name: "tables", Type: artifacts.Table, Many: true, Optional: true, Lack: dag.NeedsSome, Doc: "tables with the same columns, whose rows are put one behind the other"},
		}, []dag.Port{
			{Name: dag.Out, Type: artifacts.Table, Doc: "one table"},
		}
}

// Check implements dag.Kind.
func (g *Gather) Check(c *dag.Check) {
	metrics, tables := c.InMany["metrics"], c.InMany["tables"]
	switch {
	case (len(metrics) > 0) == (len(tables) > 0):
		c.Hintf("missing-input", "", "connect metrics or tables", "it gathers metrics or tables, one of the two")
	case len(metrics) > 0:
		g.checkMetrics(c, metrics)
	case len(g.Metrics) > 0:
		c.Errorf("metrics", "tables are connected, and no metrics")
	default:
		g.checkTables(c, tables)
	}
}

// checkMetrics looks for the metrics that are named; the columns are known
// where they are.
func (g *Gather) checkMetrics(c *dag.Check, in []dag.Schema) {
	for i, name := range g.Metrics {
		for _, s := range in {
			if !s.HasMetric(name) {
				hint := text.DidYouMean(name, s.Metrics)
				if hint == "" {
					hint = "its metrics: " + text.List(s.Metrics)
				}
				c.Hintf("missing-metric", fmt.Sprintf("metrics[%d]", i), hint, "%s has no metric %q", s.Origin, name)
				break
			}
		}
	}
	if len(g.Metrics) == 0 {
		return
	}
	s, err := metricsSchema(c.Labels["metrics"], g.Metrics)
	if err != nil {
		c.Errorf("metrics", "%v", err)
		return
	}
	c.Out[dag.Out] = dag.Schema{Table: s}
}

func (g *Gather) checkTables(c *dag.Check, in []dag.Schema) {
	schemas, names := make([]*arrow.Schema, len(in)), make([]string, len(in))
	for i, s := range in {
		if schemas[i], names[i] = s.Table, cmp.Or(s.Origin, fmt.Sprintf("table %d", i+1)); s.Table == nil {
			return
		}
	}
	s, err := tablesSchema(c.Labels["tables"], schemas, names)
	if err != nil {
		c.Errorf("in.tables", "%v", err)
		return
	}
	c.Out[dag.Out] = dag.Schema{Table: s}
}

// Run implements dag.Kind.
func (g *Gather) Run(ctx context.Context, env *dag.Env) error {
	if env.Has("tables") {
		return g.tables(ctx, env)
	}
	return g.metrics(env)
}

func (g *Gather) metrics(env *dag.Env) error {
	all := make([]map[string]float64, len(env.Inputs("metrics")))
	seen := map[string]bool{}
	for i := range all {
		b, err := env.ReadAt("metrics", i)
		if err != nil {
			return err
		}
		if all[i], err = metricValues(b); err != nil {
			return err
		}
		for name := range all[i] {
			seen[name] = true
		}
	}
	names := g.Metrics
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(seen))
	}
	labels := env.Labels("metrics")
	schema, err := metricsSchema(labels, names)
	if err != nil {
		return err
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	first := schema.NumFields() - len(names)
	for i, values := range all {
		for c := range first {
			if err := rows.Append(b.Field(c), labelAs(labels[i], schema.Field(c))); err != nil {
				return err
			}
		}
		for c, name := range names {
			if v, there := values[name]; there && !math.IsNaN(v) {
				b.Field(first + c).(*array.Float64Builder).Append(v)
			} else {
				b.Field(first + c).AppendNull()
			}
		}
	}
	w, err := env.CreateTable(dag.Out, schema, table.Parquet)
	if err != nil {
		return err
	}
	batch := b.NewRecordBatch()
	defer batch.Release()
	env.Logf("%d variants, %d metrics", len(all), len(names))
	return w.Write(batch)
}

func (g *Gather) tables(ctx context.Context, env *dag.Env) error {
	put := Concat{Columns: "same"}
	schemas, names, total, err := put.look(env, "tables")
	if err != nil {
		return err
	}
	labels := env.Labels("tables")
	schema, err := tablesSchema(labels, schemas, names)
	if err != nil {
		return err
	}
	w, err := env.CreateTable(dag.Out, schema, table.Arrow)
	if err != nil {
		return err
	}
	done := int64(0)
	for i := range schemas {
		labelled := labelWriter{Writer: w, schema: schema, labels: labels[i]}
		if err := put.append(ctx, env, "tables", i, labelled, dropFirst(schema, schema.NumFields()-schemas[0].NumFields()), &done, total); err != nil {
			return fmt.Errorf("%s: %w", names[i], err)
		}
	}
	env.Logf("%d rows of %d tables", done, len(schemas))
	return nil
}

// labelWriter puts the columns of the labels before those of each batch.
type labelWriter struct {
	table.Writer
	schema *arrow.Schema
	labels []dag.Label
}

func (w labelWriter) Write(b arrow.RecordBatch) error {
	n := w.schema.NumFields() - int(b.NumCols())
	cols := make([]arrow.Array, 0, w.schema.NumFields())
	for c := range n {
		field := w.schema.Field(c)
		made, err := rows.Build(field.Type, int(b.NumRows()), func(to array.Builder, from, until int) error {
			for range until - from {
				if err := rows.Append(to, labelAs(w.labels, field)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		defer made.Release()
		cols = append(cols, made)
	}
	made := array.NewRecordBatch(w.schema, append(cols, b.Columns()...), b.NumRows())
	defer made.Release()
	return w.Writer.Write(made)
}

func dropFirst(s *arrow.Schema, n int) *arrow.Schema { return arrow.NewSchema(s.Fields()[n:], nil) }

func metricsSchema(labels [][]dag.Label, names []string) (*arrow.Schema, error) {
	fields := labelFields(labels)
	for _, name := range names {
		if slices.ContainsFunc(fields, func(f arrow.Field) bool { return f.Name == name }) {
			return nil, fmt.Errorf("the matrix has a value named %q, as has a metric; give the former another name", name)
		}
		fields = append(fields, arrow.Field{Name: name, Type: arrow.PrimitiveTypes.Float64, Nullable: true})
	}
	return arrow.NewSchema(fields, nil), nil
}

func tablesSchema(labels [][]dag.Label, schemas []*arrow.Schema, names []string) (*arrow.Schema, error) {
	if len(schemas) == 0 {
		return nil, errors.New("there is no table to gather")
	}
	s, err := (&Concat{Columns: "same"}).schema(schemas, names)
	if err != nil {
		return nil, err
	}
	fields := labelFields(labels)
	for _, f := range fields {
		if s.HasField(f.Name) {
			return nil, fmt.Errorf("the tables have a column %q, which is also the name of a value of the matrix; give the latter another name", f.Name)
		}
	}
	return arrow.NewSchema(append(fields, s.Fields()...), nil), nil
}

// labelFields are the columns of the labels, in the order in which they are
// met. One whose values are of several types is text.
func labelFields(labels [][]dag.Label) (fields []arrow.Field) {
	for i, of := range labels {
		for _, label := range of {
			t := labelType(label.Value)
			at := slices.IndexFunc(fields, func(f arrow.Field) bool { return f.Name == label.Name })
			switch {
			case at < 0:
				fields = append(fields, arrow.Field{Name: label.Name, Type: t, Nullable: i > 0})
			case !arrow.TypeEqual(fields[at].Type, t):
				fields[at].Type = arrow.BinaryTypes.String
			}
		}
		for f := range fields { // a variant that lacks it has nothing there
			if !slices.ContainsFunc(of, func(l dag.Label) bool { return l.Name == fields[f].Name }) {
				fields[f].Nullable = true
			}
		}
	}
	return fields
}

func labelType(v any) arrow.DataType {
	switch v.(type) {
	case int64:
		return arrow.PrimitiveTypes.Int64
	case float64:
		return arrow.PrimitiveTypes.Float64
	case bool:
		return arrow.FixedWidthTypes.Boolean
	}
	return arrow.BinaryTypes.String
}

// labelAs is a variant's value for a column; nil where it has none.
func labelAs(labels []dag.Label, f arrow.Field) any {
	for _, l := range labels {
		if l.Name == f.Name {
			if f.Type.ID() == arrow.STRING {
				return text.FormatScalar(l.Value)
			}
			return l.Value
		}
	}
	return nil
}

// metricValues reads a metrics artifact: what evaluate writes, or the JSON
// object of numbers that a program wrote.
func metricValues(b []byte) (map[string]float64, error) {
	var numbers map[string]float64
	if json.Unmarshal(b, &numbers) == nil {
		return numbers, nil
	}
	result, err := score.Parse(b)
	if err != nil {
		return nil, err
	}
	return result.Scalars(), nil
}
