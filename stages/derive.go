package stages

import (
	"context"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/text"
	"pipe/stages/rows"
)

var deriveKind = dag.Info{
	Name:    "derive",
	Version: 1,
	Doc: "Adds columns that are computed from others, or replaces columns. Each expression may use the columns that stand before it. " +
		"A value that cannot be computed because of a null is null.",
	Example: `features: { uses: derive, in: people, with: { columns: { length: "size(text)", long: "length > 100", price: "double(price_text)" } } }`,
	New:     func() dag.Kind { return &Derive{} },
}

// Derive is the kind derive.
type Derive struct {
	Columns Derivations `yaml:"columns" doc:"expressions over the columns (CEL), by the names of the columns that they make, in the order in which they are computed" required:"true" example:"{length: size(text)}"`
	OnError string      `yaml:"on_error" doc:"what a value does that cannot be computed for another reason than a null, such as a text that is no number: fail, or become null" default:"fail" enum:"fail,null"`
}

// Derivations are expressions by name, in the order in which they are written.
type Derivations []Derivation

// Derivation is one of them. It is a list in the key, where maps have no order.
type Derivation struct {
	Name string `yaml:"name"`
	Expr string `yaml:"expr"`
}

// DecodeNode implements text.NodeDecoder.
func (ds *Derivations) DecodeNode(d *text.Decoder, n *text.Node) {
	if n.Kind != text.Mapping {
		d.Errorf(n, "type", "columns: expected a map of names and expressions, found %s", n.What())
		return
	}
	for i, k := range n.Keys {
		if strings.TrimSpace(k.Raw) == "" {
			d.Errorf(k, "value", "columns: a column needs a name")
			continue
		}
		if n.Items[i].Kind != text.Scalar || n.Items[i].Value == nil {
			d.Errorf(n.Items[i], "type", "columns.%s: expected an expression, found %s", k.Raw, n.Items[i].What())
			continue
		}
		*ds = append(*ds, Derivation{Name: k.Raw, Expr: n.Items[i].Text()})
	}
}

// TypeText names the type for the reference pages.
func (Derivations) TypeText() string { return "map of names to expressions" }

// Ports implements dag.Kind.
func (k *Derive) Ports() (in, out []dag.Port) {
	return []dag.Port{{Name: "in", Type: artifacts.Table, Doc: "rows"}},
		[]dag.Port{{Name: dag.Out, Type: artifacts.Table, Doc: "the same rows with the new columns"}}
}

// Check implements dag.Kind.
func (k *Derive) Check(c *dag.Check) {
	s := c.Columns("in")
	if s == nil {
		return
	}
	for _, d := range k.Columns {
		field := "columns." + d.Name
		p := c.Expr(field, d.Expr, dag.RowVars(s))
		if p == nil {
			return // what follows may use it
		}
		t, err := rows.ArrowType(p.Type)
		if err != nil {
			c.Errorf(field, "%v", err)
			return
		}
		s = withColumn(s, d.Name, t)
	}
	c.Out[dag.Out] = dag.Schema{Type: artifacts.Table, Table: s, First: c.Through("in", func(first arrow.RecordBatch) (arrow.RecordBatch, error) {
		steps, _, err := k.steps(first.Schema())
		if err != nil {
			return nil, err
		}
		return k.derive(steps, batch{first, 1})
	})}
}

// withColumn adds a column, or gives one that is there another type.
func withColumn(s *arrow.Schema, name string, t arrow.DataType) *arrow.Schema {
	f := arrow.Field{Name: name, Type: t, Nullable: true}
	fields := s.Fields()
	if at := s.FieldIndices(name); len(at) > 0 {
		fields[at[0]] = f
	} else {
		fields = append(fields, f)
	}
	return arrow.NewSchema(fields, nil)
}

// deriver computes one column.
type deriver struct {
	name   string
	column *rows.Column
	schema *arrow.Schema // with the column
	failed int64         // values that became null
}

// Run implements dag.Kind.
func (k *Derive) Run(ctx context.Context, env *dag.Env) (err error) {
	s, err := openStream(env)
	if err != nil {
		return err
	}
	defer s.close(&err)
	steps, schema, err := k.steps(s.Schema())
	if err != nil {
		return err
	}
	err = s.rewrite(ctx, schema, func(b batch) (arrow.RecordBatch, error) { return k.derive(steps, b) })
	for _, step := range steps {
		if step.failed > 0 {
			env.Logf("%d values of column %q could not be computed and are null", step.failed, step.name)
		}
	}
	return err
}

// steps binds the expressions to the columns of a table, and gives its schema
// with the new columns.
func (k *Derive) steps(schema *arrow.Schema) ([]*deriver, *arrow.Schema, error) {
	steps := make([]*deriver, len(k.Columns))
	for i, d := range k.Columns {
		column, err := rows.NewColumn(schema, d.Expr)
		if err != nil {
			return nil, nil, fmt.Errorf("column %q: %w", d.Name, err)
		}
		schema = withColumn(schema, d.Name, column.Type())
		steps[i] = &deriver{name: d.Name, column: column, schema: schema}
	}
	return steps, schema, nil
}

// derive adds the columns to a batch.
func (k *Derive) derive(steps []*deriver, b batch) (arrow.RecordBatch, error) {
	made := b.RecordBatch
	made.Retain()
	for _, step := range steps {
		col, failed, err := step.column.Compute(made, b.first, k.OnError == "null")
		if err != nil {
			made.Release()
			return nil, fmt.Errorf("column %q: %w", step.name, err)
		}
		step.failed += failed
		cols := append([]arrow.Array(nil), made.Columns()...)
		if at := step.schema.FieldIndices(step.name)[0]; at < len(cols) {
			cols[at] = col
		} else {
			cols = append(cols, col)
		}
		next := array.NewRecordBatch(step.schema, cols, made.NumRows())
		col.Release()
		made.Release()
		made = next
	}
	return made, nil
}
