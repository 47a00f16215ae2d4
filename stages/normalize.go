package stages

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/dag"
	"pipe/stages/transform"
)

var normalizeKind = dag.Info{
	Name:    "normalize",
	Version: 1,
	Doc: "Scales columns of numbers, by what it learns from rows: to mean 0 and standard deviation 1, or to the range from 0 to 1, as scikit-learn's StandardScaler and MinMaxScaler do. " +
		"The step is stored as a transform, so that a model takes raw rows. Nulls are errors; fill them with impute before. NaN counts as null.",
	Example: `scaled: { uses: normalize, in: { in: split.train, after: filled.transform }, with: { columns: [age, price] } }`,
	New:     func() dag.Kind { return &Normalize{} },
}

// Normalize is the kind normalize.
type Normalize struct {
	TabularColumns `yaml:",inline"`
	Method         string `yaml:"method" doc:"standard: mean 0 and standard deviation 1; min_max: from 0 to 1" default:"standard" enum:"standard,min_max"`
}

// Ports implements dag.Kind.
func (k *Normalize) Ports() (in, out []dag.Port) { return tabularPorts() }

// Check implements dag.Kind.
func (k *Normalize) Check(c *dag.Check) {
	names := k.check(c, k, "numbers are scaled")
	k.refusesNulls(c, names)
	k.checkOutputs(c, names, 1, func(f arrow.Field) (transform.ColumnFit, error) {
		return transform.NewTabular().PlaceScale(f.Name, f.Type)
	})
}

// Run implements dag.Kind.
func (k *Normalize) Run(ctx context.Context, env *dag.Env) error { return k.run(ctx, env, k) }

func (k *Normalize) suits(f arrow.Field) bool { return transform.TabularForm(f.Type) == "numbers" }

func (k *Normalize) mayFollow(c transform.TabularColumn) bool { return c.OneHot == nil }

func (k *Normalize) fit(t *transform.Tabular, name string, d arrow.DataType) (transform.ColumnFit, error) {
	return t.FitScale(name, d, k.Method)
}
