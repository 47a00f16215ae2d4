package stages

import (
	"context"

	"pipe/artifacts/table"
	"pipe/dag"
)

var sourceCSVKind = dag.Info{
	Name:    "source.csv",
	Version: 1,
	Doc:     "Reads a table from a file of CSV (RFC 4180).",
	Example: `docs: { uses: source.csv, with: { path: reviews.csv, rename: { review: text, sentiment: label } } }`,
	New:     func() dag.Kind { return &SourceCSV{} },
}

// SourceCSV is the kind source.csv.
type SourceCSV struct {
	TableFile `yaml:",inline"`
	Typed     `yaml:",inline"`
	Delimited `yaml:",inline"`
}

// Ports implements dag.Kind.
func (s *SourceCSV) Ports() (in, out []dag.Port) { return s.ports() }

func (s *SourceCSV) options() table.Options {
	o := table.Options{Format: table.CSV}
	s.Typed.fill(&o)
	s.Delimited.fill(&o)
	return o
}

// Check implements dag.Kind.
func (s *SourceCSV) Check(c *dag.Check) {
	if s.Delimited.check(c) {
		s.TableFile.check(c, s.options())
	}
}

// Run implements dag.Kind.
func (s *SourceCSV) Run(ctx context.Context, env *dag.Env) error { return s.run(ctx, env, s.options()) }
