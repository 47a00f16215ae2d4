package stages

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/dag/text"
)

var concatKind = dag.Info{
	Name:    "concat",
	Version: 1,
	Doc:     "Puts the rows of tables one behind the other, in the order in which they are listed. Columns are matched by name and have the order of the first table.",
	Example: `all: { uses: concat, in: { in: [january, february] }, with: { columns: union } }`,
	New:     func() dag.Kind { return &Concat{} },
}

// Concat is the kind concat.
type Concat struct {
	Columns string `yaml:"columns" doc:"same: every table must have the same columns; union: a column that a table lacks is null there; intersection: only the columns that all have" default:"same" enum:"same,union,intersection"`
	Source  string `yaml:"source" doc:"the name of a new column that holds the number of the table that a row is from, from 1" example:"part"`
}

// Ports implements dag.Kind.
func (k *Concat) Ports() (in, out []dag.Port) {
	return []dag.Port{{Name: "in", Type: artifacts.Table, Many: true, Doc: "tables"}},
		[]dag.Port{{Name: dag.Out, Type: artifacts.Table, Doc: "all rows"}}
}

// Check implements dag.Kind.
func (k *Concat) Check(c *dag.Check) {
	var known []*arrow.Schema
	var names []string
	for i, in := range c.InMany["in"] {
		if in.Table == nil {
			return
		}
		known, names = append(known, in.Table), append(names, in.Origin)
		if in.Origin == "" {
			names[i] = fmt.Sprintf("table %d", i+1)
		}
	}
	if len(known) == 0 {
		return
	}
	s, err := k.schema(known, names)
	if err != nil {
		c.Errorf("in.in", "%v", err)
		return
	}
	c.Out[dag.Out] = dag.Schema{Type: artifacts.Table, Table: s}
}

// schema gives the columns of the result; names stand for the tables in errors.
func (k *Concat) schema(tables []*arrow.Schema, names []string) (*arrow.Schema, error) {
	fields := tables[0].Fields()
	for t, s := range tables[1:] {
		if k.Columns == "same" {
			if err := sameColumns(fields, s.Fields(), names[0], names[t+1]); err != nil {
				return nil, err
			}
		}
		for i := range fields {
			at := s.FieldIndices(fields[i].Name)
			if len(at) == 0 {
				fields[i].Nullable = true
				continue
			}
			f := s.Field(at[0])
			if !arrow.TypeEqual(f.Type, fields[i].Type) {
				return nil, fmt.Errorf("column %q is %s before and %s in %s; make them one type with derive", f.Name, table.TypeName(fields[i].Type), table.TypeName(f.Type), names[t+1])
			}
			fields[i].Nullable = fields[i].Nullable || f.Nullable
		}
		if k.Columns == "intersection" {
			fields = slices.DeleteFunc(fields, func(f arrow.Field) bool { return !s.HasField(f.Name) })
			continue
		}
		for _, f := range s.Fields() {
			if !slices.ContainsFunc(fields, func(g arrow.Field) bool { return g.Name == f.Name }) {
				f.Nullable = true
				fields = append(fields, f)
			}
		}
	}
	if len(fields) == 0 {
		return nil, errors.New("the tables have no column in common")
	}
	if k.Source != "" {
		if slices.ContainsFunc(fields, func(f arrow.Field) bool { return f.Name == k.Source }) {
			return nil, fmt.Errorf("a column is named %q already; choose another name for source", k.Source)
		}
		fields = append(fields, arrow.Field{Name: k.Source, Type: arrow.PrimitiveTypes.Int64})
	}
	return arrow.NewSchema(fields, nil), nil
}

// sameColumns names the columns that one of two tables lacks.
func sameColumns(a, b []arrow.Field, nameA, nameB string) error {
	missing := func(from, in []arrow.Field) (names []string) {
		for _, f := range from {
			if !slices.ContainsFunc(in, func(g arrow.Field) bool { return g.Name == f.Name }) {
				names = append(names, f.Name)
			}
		}
		return names
	}
	var lacks []string
	if m := missing(a, b); len(m) > 0 {
		lacks = append(lacks, fmt.Sprintf("%s lacks %s", nameB, text.List(m)))
	}
	if m := missing(b, a); len(m) > 0 {
		lacks = append(lacks, fmt.Sprintf("%s lacks %s", nameA, text.List(m)))
	}
	if len(lacks) == 0 {
		return nil
	}
	return fmt.Errorf("the tables have different columns: %s; set columns to union or intersection if that is meant", strings.Join(lacks, ", "))
}

// Run implements dag.Kind.
func (k *Concat) Run(ctx context.Context, env *dag.Env) error {
	schemas, names, total, err := k.look(env, "in")
	if err != nil {
		return err
	}
	schema, err := k.schema(schemas, names)
	if err != nil {
		return err
	}
	w, err := env.CreateTable(dag.Out, schema, table.Arrow)
	if err != nil {
		return err
	}
	done := int64(0)
	for i := range schemas {
		if err := k.append(ctx, env, "in", i, w, schema, &done, total); err != nil {
			return fmt.Errorf("%s: %w", names[i], err)
		}
	}
	env.Logf("%d rows of %d tables", done, len(schemas))
	env.Metric("rows_out", float64(done), 0)
	return nil
}

// look opens every table for its columns and its number of rows.
func (k *Concat) look(env *dag.Env, port string) (schemas []*arrow.Schema, names []string, total int64, err error) {
	for i, ref := range env.Inputs(port) {
		r, err := env.TableAt(port, i)
		if err != nil {
			return nil, nil, 0, err
		}
		schemas, names = append(schemas, r.Schema()), append(names, fmt.Sprintf("table %d", i+1))
		total += ref.Rows
		if err := r.Close(); err != nil {
			return nil, nil, 0, err
		}
	}
	if len(schemas) == 0 {
		return nil, nil, 0, errors.New("there is no table to put together")
	}
	return schemas, names, total, nil
}

// append writes the rows of one table.
func (k *Concat) append(ctx context.Context, env *dag.Env, port string, i int, w table.Writer, schema *arrow.Schema, done *int64, total int64) (err error) {
	r, err := env.TableAt(port, i)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for b, err := range table.All(r) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = k.write(w, schema, b, i)
		}
		if err != nil {
			return err
		}
		*done += b.NumRows()
		env.Progress(*done, max(total, *done), "rows")
	}
	return nil
}

// write writes a batch under the schema of the result.
func (k *Concat) write(w table.Writer, schema *arrow.Schema, b arrow.RecordBatch, source int) error {
	cols := make([]arrow.Array, schema.NumFields())
	for c, f := range schema.Fields() {
		at := b.Schema().FieldIndices(f.Name)
		switch {
		case k.Source != "" && c == len(cols)-1:
			cols[c] = repeated(int64(source+1), b.NumRows())
		case len(at) == 0:
			cols[c] = array.MakeArrayOfNull(memory.DefaultAllocator, f.Type, int(b.NumRows()))
		default:
			cols[c] = b.Column(at[0])
			cols[c].Retain()
		}
		defer cols[c].Release()
	}
	made := array.NewRecordBatch(schema, cols, b.NumRows())
	defer made.Release()
	return w.Write(made)
}

func repeated(v, n int64) arrow.Array {
	b := array.NewInt64Builder(memory.DefaultAllocator)
	defer b.Release()
	b.Reserve(int(n))
	for range n {
		b.UnsafeAppend(v)
	}
	return b.NewArray()
}
