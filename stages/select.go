package stages

import (
	"context"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"pipe/artifacts"
	"pipe/dag"
)

var selectKind = dag.Info{
	Name:    "select",
	Version: 1,
	Doc:     "Chooses, orders and renames columns.",
	Example: `small: { uses: select, in: people, with: { columns: [id, full name], rename: { full name: name } } }`,
	New:     func() dag.Kind { return &Select{} },
}

// Select is the kind select.
type Select struct {
	Columns []string          `yaml:"columns" doc:"the columns to keep, in this order; without it, all but those in drop" example:"[id, name]"`
	Drop    []string          `yaml:"drop" doc:"the columns to leave out" example:"[comment]"`
	Rename  map[string]string `yaml:"rename" doc:"new names of columns, by their old names" example:"{full name: name}"`
}

// Ports implements dag.Kind.
func (k *Select) Ports() (in, out []dag.Port) {
	return []dag.Port{{Name: "in", Type: artifacts.Table, Doc: "rows"}},
		[]dag.Port{{Name: dag.Out, Type: artifacts.Table, Doc: "the same rows with the chosen columns"}}
}

// Check implements dag.Kind.
func (k *Select) Check(c *dag.Check) {
	if len(k.Columns) > 0 && len(k.Drop) > 0 {
		c.Errorf("drop", "cannot be used together with columns, which says already what is kept")
		return
	}
	s := c.Columns("in")
	if s == nil {
		return
	}
	checkColumns(c, "in", "columns", k.Columns)
	checkColumns(c, "in", "drop", k.Drop)
	ok := true
	for _, old := range sortedNames(k.Rename) {
		if _, found := c.Column("in", "rename."+old, old); !found {
			ok = false
		} else if !slices.Contains(k.kept(s), old) {
			c.Errorf("rename."+old, "the column %q is not kept", old)
			ok = false
		}
	}
	if !ok {
		return
	}
	out, at, err := k.apply(s)
	switch {
	case err == nil:
		c.Out[dag.Out] = dag.Schema{Type: artifacts.Table, Table: out, First: c.Through("in", func(first arrow.RecordBatch) (arrow.RecordBatch, error) { return picked(first, out, at), nil })}
	case len(k.Rename) > 0:
		c.Errorf("rename", "%v", err)
	}
}

// kept names the columns that stay, by their old names.
func (k *Select) kept(s *arrow.Schema) []string {
	if len(k.Columns) > 0 {
		return k.Columns
	}
	return slices.DeleteFunc(dag.ColumnNames(s), func(n string) bool { return slices.Contains(k.Drop, n) })
}

// apply gives the new schema, and the places of its columns in the old one.
func (k *Select) apply(s *arrow.Schema) (*arrow.Schema, []int, error) {
	at, err := columnsOf(s, k.kept(s))
	if err != nil {
		return nil, nil, err
	}
	if len(at) == 0 {
		return nil, nil, fmt.Errorf("no column is kept")
	}
	fields := make([]arrow.Field, len(at))
	for i, from := range at {
		fields[i] = s.Field(from)
	}
	out, err := renamed(fields, k.Rename)
	return out, at, err
}

// Run implements dag.Kind.
func (k *Select) Run(ctx context.Context, env *dag.Env) (err error) {
	s, err := openStream(env)
	if err != nil {
		return err
	}
	defer s.close(&err)
	schema, at, err := k.apply(s.Schema())
	if err != nil {
		return err
	}
	return s.rewrite(ctx, schema, func(b batch) (arrow.RecordBatch, error) { return picked(b.RecordBatch, schema, at), nil })
}

// picked gives the columns at some places of a batch, under a schema of their own.
func picked(b arrow.RecordBatch, schema *arrow.Schema, at []int) arrow.RecordBatch {
	cols := make([]arrow.Array, len(at))
	for i, from := range at {
		cols[i] = b.Column(from)
	}
	return array.NewRecordBatch(schema, cols, b.NumRows())
}
