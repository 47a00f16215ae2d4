package stages

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
)

var splitKind = dag.Info{
	Name:    "split",
	Version: 1,
	Seeded:  true,
	Doc: "Divides rows into training, validation and test rows; each row goes to exactly one part and keeps its place among those of its part. " +
		"The numbers of rows are exact, for each class with stratify (to within one row), but with group, where they are exact on average. " +
		"The table is read twice and memory grows with the number of classes only.",
	Example: `split: { uses: split, in: clean, with: { train: 0.8, validation: 0.1, test: 0.1, stratify: label } }`,
	New:     func() dag.Kind { return &Split{} },
}

// Split is the kind split.
type Split struct {
	Train      float64 `yaml:"train" doc:"share of the rows for training" required:"true" above:"0" max:"1" example:"0.8"`
	Validation float64 `yaml:"validation" doc:"share for validation; 0 leaves the output out" default:"0" min:"0" below:"1" example:"0.1"`
	Test       float64 `yaml:"test" doc:"share for testing; 0 leaves the output out" default:"0" min:"0" below:"1" example:"0.1"`
	Stratify   string  `yaml:"stratify" doc:"a column of classes: each part gets its share of each class. A class too small for every part goes to train first" example:"label"`
	Group      string  `yaml:"group" doc:"a column: rows with equal value stay together" example:"user"`
	Order      string  `yaml:"order" doc:"random: rows are drawn; table: the first rows are for training and the last ones for testing, as is right for a table in order of time" default:"random" enum:"random,table"`
	Seed       *uint64 `yaml:"seed" doc:"of the draw; without it, the pipeline's seed" example:"7"`
}

// The parts in the order in which quotas are kept.
const (
	trainPart = iota
	validationPart
	testPart
	partCount
)

var partNames = [partCount]string{"train", "validation", "test"}

func (k *Split) shares() [partCount]float64 {
	return [partCount]float64{k.Train, k.Validation, k.Test}
}

// Ports implements dag.Kind: the parts whose share is above 0.
func (k *Split) Ports() (in, out []dag.Port) {
	in = []dag.Port{{Name: "in", Type: artifacts.Table, Doc: "rows"}}
	for p, share := range k.shares() {
		if share > 0 || k.Train == 0 { // train is 0 only before it is configured
			out = append(out, dag.Port{Name: partNames[p], Type: artifacts.Table, Doc: "rows for " + partNames[p]})
		}
	}
	return in, out
}

// Check implements dag.Kind.
func (k *Split) Check(c *dag.Check) {
	if sum := k.Train + k.Validation + k.Test; math.Abs(sum-1) > 1e-9 {
		c.Errorf("train", "train, validation and test must sum to 1, their sum is %.12g", sum)
	}
	k.checkMode(c)
	if k.Stratify != "" {
		if f, ok := c.Column("in", "stratify", k.Stratify); ok && !isClass(f.Type) {
			c.Errorf("stratify", "a column of classes must be text, whole numbers or true and false; %q is %s", k.Stratify, table.TypeName(f.Type))
		}
	}
	if k.Group != "" {
		c.Column("in", "group", k.Group)
	}
	if s := c.Columns("in"); s != nil {
		for p, share := range k.shares() {
			if share > 0 {
				// What the first rows show, one of the parts shows.
				c.Out[partNames[p]] = dag.Schema{Type: artifacts.Table, Table: s, First: c.In["in"].First}
			}
		}
	}
}

func (k *Split) checkMode(c *dag.Check) {
	switch {
	case k.Stratify != "" && k.Group != "":
		c.Errorf("group", "cannot be used together with stratify: groups are not divided, so classes could not get their shares")
	case k.Order == "table" && k.Stratify != "":
		c.Errorf("stratify", `cannot be used with "order: table", which lets the place of a row decide`)
	case k.Order == "table" && k.Group != "":
		c.Errorf("group", `cannot be used with "order: table", which lets the place of a row decide`)
	}
}

// isClass tells whether values of a type can be classes.
func isClass(t arrow.DataType) bool {
	return t.ID() == arrow.STRING || t.ID() == arrow.BOOL || arrow.IsInteger(t.ID())
}

// assigner decides about one row after the other, in the order of the table.
type assigner interface {
	// assign appends the part of each row of a batch; first is the number of its
	// first row.
	assign(parts []int, batch arrow.RecordBatch, first int64) ([]int, error)
}

// Run implements dag.Kind.
func (k *Split) Run(ctx context.Context, env *dag.Env) error {
	a, err := k.assigner(ctx, env)
	if err != nil {
		return err
	}
	counts, err := k.write(ctx, env, a)
	if err != nil {
		return err
	}
	total := int64(0)
	for p, share := range k.shares() {
		if share > 0 && counts[p] == 0 {
			return fmt.Errorf("no row is left for %s: its share of %g is too small for this table; the parts would have %d, %d and %d rows", partNames[p], share, counts[0], counts[1], counts[2])
		}
		total += counts[p]
	}
	env.Logf("%d rows: %d for training, %d for validation, %d for testing", total, counts[0], counts[1], counts[2])
	env.Metric("rows_in", float64(total), 0)
	for p, share := range k.shares() {
		if share > 0 {
			env.Metric("rows_"+partNames[p], float64(counts[p]), 0)
		}
	}
	return nil
}

func (k *Split) seed(env *dag.Env) uint64 {
	if k.Seed != nil {
		return *k.Seed
	}
	return env.Seed
}

// assigner makes the first pass over the table, where one is needed.
func (k *Split) assigner(ctx context.Context, env *dag.Env) (assigner, error) {
	if k.Group != "" {
		return newGroupSplit(k.Group, k.shares(), k.seed(env)), nil
	}
	classes, err := k.count(ctx, env)
	if err != nil {
		return nil, err
	}
	if classes.total == 0 {
		return nil, errors.New("the table has no rows to split")
	}
	quotas := apportion(classes.inOrder(), k.shares())
	if k.Stratify != "" {
		k.tellSmall(env, classes, quotas)
		env.Metric("classes", float64(len(classes.counts)), 0)
	}
	if k.Order == "table" {
		return &orderSplit{quota: quotas[""]}, nil
	}
	return newQuotaSplit(k.Stratify, quotas, k.seed(env)), nil
}

// tellSmall names the classes that are missing in some part.
func (k *Split) tellSmall(env *dag.Env, classes *classCounts, quotas map[string]*quota) {
	if len(classes.counts) == 1 {
		env.Logf("column %q has one class only: %s", k.Stratify, classes.names[classes.inOrder()[0].key])
	}
	for _, c := range classes.inOrder() {
		for p, share := range k.shares() {
			if share > 0 && quotas[c.key].left[p] == 0 {
				env.Logf("class %s has too few rows (%d) to be in %s", classes.names[c.key], c.count, partNames[p])
			}
		}
	}
}

// write makes the pass that divides the rows.
func (k *Split) write(ctx context.Context, env *dag.Env, a assigner) (counts [partCount]int64, err error) {
	r, err := env.Table("in")
	if err != nil {
		return counts, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var writers [partCount]table.Writer
	for p, share := range k.shares() {
		if share > 0 {
			if writers[p], err = env.CreateTable(partNames[p], r.Schema(), table.Arrow); err != nil {
				return counts, err
			}
		}
	}
	var parts []int
	var indices [partCount][]int
	done := int64(0)
	for batch, err := range table.All(r) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			parts, err = a.assign(parts[:0], batch, done+1)
		}
		if err != nil {
			return counts, err
		}
		for p := range indices {
			indices[p] = indices[p][:0]
		}
		for row, p := range parts {
			indices[p] = append(indices[p], row)
		}
		for p, w := range writers {
			if w == nil {
				continue
			}
			if err := writeRows(w, r.Schema(), batch, indices[p]); err != nil {
				return counts, err
			}
			counts[p] += int64(len(indices[p]))
		}
		done += batch.NumRows()
		env.Progress(done, max(r.Rows(), 0), "rows")
	}
	return counts, nil
}
