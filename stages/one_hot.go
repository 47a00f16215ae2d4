package stages

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/dag"
	"pipe/stages/transform"
)

var oneHotKind = dag.Info{
	Name:    "one_hot",
	Version: 1,
	Doc: "Makes numbers of categories: a column of text, true/false or codes becomes a column for each category that it learns, which says whether the row has it. " +
		"The step is stored as a transform, so that a model takes raw rows. Nulls are errors; fill them with impute before.",
	Example: `coded: { uses: one_hot, in: { in: split.train, after: filled.transform }, with: { columns: [plan, city], max_categories: 50 } }`,
	New:     func() dag.Kind { return &OneHot{} },
}

// OneHot is the kind one_hot.
type OneHot struct {
	TabularColumns `yaml:",inline"`
	MaxCategories  int    `yaml:"max_categories" doc:"how many categories of a column get a place: the most frequent ones" default:"100" min:"1" max:"100000"`
	Unknown        string `yaml:"unknown" doc:"what a category without a place is: zeros in all places, or an error" default:"zeros" enum:"zeros,error"`
}

// Ports implements dag.Kind.
func (k *OneHot) Ports() (in, out []dag.Port) { return tabularPorts() }

// Check implements dag.Kind.
func (k *OneHot) Check(c *dag.Check) {
	names := k.check(c, k, "categories are text, true/false, or whole numbers where those are named")
	k.refusesNulls(c, names)
	k.checkOutputs(c, names, -1, nil)
}

// Run implements dag.Kind.
func (k *OneHot) Run(ctx context.Context, env *dag.Env) error { return k.run(ctx, env, k) }

func (k *OneHot) suits(f arrow.Field) bool {
	return transform.TabularForm(f.Type) == "categories" || len(k.Columns) > 0 && arrow.IsInteger(f.Type.ID())
}

func (k *OneHot) mayFollow(c transform.TabularColumn) bool { return c.OneHot == nil && c.Scale == nil }

func (k *OneHot) fit(t *transform.Tabular, name string, d arrow.DataType) (transform.ColumnFit, error) {
	return t.FitOneHot(name, d, k.MaxCategories, k.Unknown)
}
