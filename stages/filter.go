package stages

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/expr"
	"pipe/stages/rows"
)

var filterKind = dag.Info{
	Name:    "filter",
	Version: 1,
	Doc:     "Keeps the rows for which an expression is true. A row for which it cannot be computed because of a null is not kept.",
	Example: `adults: { uses: filter, in: people, with: { where: "age >= 18 && country in ['SE', 'NO']" } }`,
	New:     func() dag.Kind { return &Filter{} },
}

// Filter is the kind filter.
type Filter struct {
	Where string `yaml:"where" doc:"an expression over the columns (CEL); a column whose name is no identifier is row[\"its name\"]" required:"true" example:"age >= 18"`
}

// Ports implements dag.Kind.
func (k *Filter) Ports() (in, out []dag.Port) {
	return []dag.Port{{Name: "in", Type: artifacts.Table, Doc: "rows"}},
		[]dag.Port{{Name: dag.Out, Type: artifacts.Table, Doc: "the rows that are kept, in their order"}}
}

// Check implements dag.Kind.
func (k *Filter) Check(c *dag.Check) {
	s := c.Columns("in")
	if s == nil {
		return
	}
	c.Expr("where", k.Where, dag.RowVars(s), expr.Bool)
	c.Out[dag.Out] = dag.Schema{Type: artifacts.Table, Table: s, First: c.Through("in", func(first arrow.RecordBatch) (arrow.RecordBatch, error) {
		where, err := rows.NewFilter(first.Schema(), k.Where)
		if err != nil {
			return nil, err
		}
		b := batch{first, 1}
		keep, err := where.Select(first, b.all(), 1)
		if err != nil {
			return nil, err
		}
		return rows.Take(first, keep), nil
	})}
}

// Run implements dag.Kind.
func (k *Filter) Run(ctx context.Context, env *dag.Env) (err error) {
	s, err := openStream(env)
	if err != nil {
		return err
	}
	defer s.close(&err)
	where, err := rows.NewFilter(s.Schema(), k.Where)
	if err != nil {
		return err
	}
	return s.pick(ctx, s.Schema(), func(b batch) ([]int, error) { return where.Select(b.RecordBatch, b.all(), b.first) })
}
