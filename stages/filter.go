package stages

import (
	"context"

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
	c.Out[dag.Out] = dag.Schema{Type: artifacts.Table, Table: s}
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
