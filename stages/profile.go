package stages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/stages/profile"
)

var profileKind = dag.Info{
	Name:    "profile",
	Version: 2,
	Seeded:  true,
	Doc: "Describes every column of a table: nulls, different and most frequent values, extremes, mean, quantiles, histogram, lengths of texts. " +
		"The table is read twice and memory depends on the number of columns only.",
	Example: `look: { uses: profile, in: clean }`,
	New:     func() dag.Kind { return &Profile{} },
}

// Profile is the kind profile.
type Profile struct {
	Columns []string `yaml:"columns" doc:"the columns to describe; without it, all" example:"[price, label]"`
}

// Ports implements dag.Kind.
func (k *Profile) Ports() (in, out []dag.Port) {
	return []dag.Port{{Name: "in", Type: artifacts.Table, Doc: "rows"}},
		[]dag.Port{
			{Name: dag.Out, Type: artifacts.Report, Doc: "a page for people (HTML)"},
			{Name: "statistics", Type: artifacts.File, Doc: "the same for programs (JSON)"},
		}
}

// Check implements dag.Kind.
func (k *Profile) Check(c *dag.Check) { checkColumns(c, "in", "columns", k.Columns) }

// Run implements dag.Kind.
func (k *Profile) Run(ctx context.Context, env *dag.Env) error {
	var b *profile.Builder
	passes := int64(1)
	pass := func(n int64) (err error) {
		r, err := openColumns(env, "in", k.Columns...)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, r.Close()) }()
		if b == nil {
			b = profile.NewBuilder(r.Schema(), env.Seed)
		}
		done := (n - 1) * r.Rows()
		for batch, err := range table.All(r) {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return err
			}
			if n == 1 {
				b.Add(batch)
			} else {
				b.AddAgain(batch)
			}
			done += batch.NumRows()
			env.Progress(done, max(passes*r.Rows(), 0), "rows")
		}
		return nil
	}
	if err := pass(1); err != nil {
		return err
	}
	if b.Again() {
		passes = 2
		if err := pass(2); err != nil {
			return err
		}
	}
	return k.write(env, b.Profile())
}

// write stores the page and the statistics.
func (k *Profile) write(env *dag.Env, p *profile.Profile) error {
	page, err := env.CreateFile(dag.Out, artifacts.Report, "html")
	if err != nil {
		return err
	}
	if err := p.WriteHTML(page); err != nil {
		return err
	}
	w, err := env.CreateFile("statistics", artifacts.File, "json")
	if err != nil {
		return err
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(p); err != nil {
		return fmt.Errorf("write the statistics: %w", err)
	}
	env.Logf("%d rows, %d columns", p.Rows, len(p.Columns))
	env.Metric("rows", float64(p.Rows), 0)
	env.Metric("columns", float64(len(p.Columns)), 0)
	return nil
}
