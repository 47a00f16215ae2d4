package stages

import (
	"context"
	"errors"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
)

var sampleKind = dag.Info{
	Name:    "sample",
	Version: 1,
	Seeded:  true,
	Doc: "Takes some of the rows, which keep their order: an exact number, drawn so that every choice of that many is equally probable. " +
		"The table is read twice and memory does not grow with it.",
	Example: `tenth: { uses: sample, in: docs, with: { share: 0.1, stratify: label } }`,
	New:     func() dag.Kind { return &Sample{} },
}

// Sample is the kind sample.
type Sample struct {
	Share    float64 `yaml:"share" doc:"the share of the rows" above:"0" max:"1" example:"0.1"`
	Rows     int64   `yaml:"rows" doc:"the number of rows; all, where the table has fewer" min:"1" example:"1000"`
	Stratify string  `yaml:"stratify" doc:"a column of classes, each of which gives its share, and at least one row" example:"label"`
	Order    string  `yaml:"order" doc:"random: rows are drawn; table: the first rows are taken" default:"random" enum:"random,table"`
	Seed     *uint64 `yaml:"seed" doc:"of the draw; without it, the pipeline's seed" example:"7"`
}

// Ports implements dag.Kind.
func (k *Sample) Ports() (in, out []dag.Port) {
	return []dag.Port{{Name: "in", Type: artifacts.Table, Doc: "rows"}},
		[]dag.Port{{Name: dag.Out, Type: artifacts.Table, Doc: "the rows that were drawn, in their order"}}
}

// Check implements dag.Kind.
func (k *Sample) Check(c *dag.Check) {
	switch {
	case k.Share == 0 && k.Rows == 0:
		c.Errorf("", "with.share or with.rows must say how many rows are wanted")
	case k.Share > 0 && k.Rows > 0:
		c.Errorf("rows", "cannot be used together with share")
	case k.Stratify != "" && k.Order == "table":
		c.Errorf("stratify", `cannot be used with "order: table", which lets the place of a row decide`)
	}
	if k.Stratify != "" {
		if f, ok := c.Column("in", "stratify", k.Stratify); ok && !isClass(f.Type) {
			c.Errorf("stratify", "a column of classes must be text, whole numbers or true and false; %q is %s", k.Stratify, table.TypeName(f.Type))
		}
	}
	if s := c.Columns("in"); s != nil {
		c.Out[dag.Out] = dag.Schema{Type: artifacts.Table, Table: s}
	}
}

// Run implements dag.Kind.
func (k *Sample) Run(ctx context.Context, env *dag.Env) (err error) {
	a, err := k.assigner(ctx, env)
	if err != nil {
		return err
	}
	s, err := openStream(env)
	if err != nil {
		return err
	}
	defer s.close(&err)
	var parts []int
	return s.pick(ctx, s.Schema(), func(b batch) ([]int, error) {
		if parts, err = a.assign(parts[:0], b.RecordBatch, b.first); err != nil {
			return nil, err
		}
		var taken []int
		for row, p := range parts {
			if p == trainPart {
				taken = append(taken, row)
			}
		}
		return taken, nil
	})
}

// assigner counts the rows. What is drawn counts as the training part of a
// split, and the rest as the test part.
func (k *Sample) assigner(ctx context.Context, env *dag.Env) (assigner, error) {
	split := Split{Stratify: k.Stratify, Seed: k.Seed}
	classes, err := split.count(ctx, env)
	if err != nil {
		return nil, err
	}
	if classes.total == 0 {
		return nil, errors.New("the table has no rows to draw from")
	}
	share := k.Share
	if k.Rows > 0 {
		share = min(1, float64(k.Rows)/float64(classes.total))
	}
	quotas := apportion(classes.inOrder(), [partCount]float64{trainPart: share, testPart: 1 - share})
	if k.Stratify == "" && k.Rows > 0 {
		// The quotient above may be a rounding away from the number.
		q := quotas[""]
		q.left = [partCount]int64{trainPart: min(k.Rows, q.total), testPart: max(0, q.total-k.Rows)}
	}
	if k.Order == "table" {
		return &orderSplit{quota: quotas[""]}, nil
	}
	a := newQuotaSplit(k.Stratify, quotas, split.seed(env))
	a.draw = generator(split.seed(env), "sample")
	return a, nil
}
