package stages

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/dag"
	"pipe/stages/transform"
)

var imputeKind = dag.Info{
	Name:    "impute",
	Version: 1,
	Doc: "Fills gaps: each null of a column becomes the mean, the median or the most frequent of the values that it learns from, or a fixed value. " +
		"The step is stored as a transform, so that a model takes raw rows with gaps. NaN counts as null. A median holds 8 bytes for each row.",
	Example: `filled: { uses: impute, in: split.train, with: { columns: [age, income], strategy: median } }`,
	New:     func() dag.Kind { return &Impute{} },
}

// Impute is the kind impute.
type Impute struct {
	TabularColumns `yaml:",inline"`
	Strategy       string  `yaml:"strategy" doc:"what stands for a null; auto is the mean of numbers and the most frequent value of text and true/false" default:"auto" enum:"auto,mean,median,most_frequent,value"`
	Value          *string `yaml:"value" doc:"what stands for a null with strategy value; for columns of numbers, a number" example:"unknown"`
}

// Ports implements dag.Kind.
func (k *Impute) Ports() (in, out []dag.Port) { return tabularPorts() }

// Check implements dag.Kind.
func (k *Impute) Check(c *dag.Check) {
	if (k.Value != nil) != (k.Strategy == "value") {
		c.Errorf("value", "goes with strategy: value")
		return
	}
	what := "gaps are filled in numbers, text and true/false"
	if k.Strategy == "mean" || k.Strategy == "median" {
		what = "text and true/false have no " + k.Strategy + "; use most_frequent or value"
	}
	names := k.check(c, k, what)
	if s := c.Columns("in"); s != nil && k.Strategy == "value" {
		for _, name := range names {
			if f, ok := s.FieldsByName(name); ok && k.suits(f[0]) {
				if _, err := transform.NewTabular().FillWith(name, f[0].Type, *k.Value); err != nil {
					c.Errorf("value", "%v", err)
				}
			}
		}
	}
	k.checkOutputs(c, names, 1, func(f arrow.Field) (transform.ColumnFit, error) {
		return transform.NewTabular().PlaceFill(f.Name, f.Type)
	})
}

// Run implements dag.Kind.
func (k *Impute) Run(ctx context.Context, env *dag.Env) error { return k.run(ctx, env, k) }

func (k *Impute) suits(f arrow.Field) bool {
	form := transform.TabularForm(f.Type)
	return form == "numbers" || form != "" && k.Strategy != "mean" && k.Strategy != "median"
}

func (k *Impute) mayFollow(c transform.TabularColumn) bool {
	return c.Fill == nil && c.OneHot == nil && c.Scale == nil
}

func (k *Impute) fit(t *transform.Tabular, name string, d arrow.DataType) (transform.ColumnFit, error) {
	switch {
	case k.Strategy == "value":
		return t.FillWith(name, d, *k.Value)
	case k.Strategy != "auto":
		return t.FitImpute(name, d, k.Strategy)
	case transform.TabularForm(d) == "numbers":
		return t.FitImpute(name, d, "mean")
	}
	return t.FitImpute(name, d, "most_frequent")
}
