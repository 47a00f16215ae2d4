package stages

import (
	"context"

	"pipe/artifacts/table"
	"pipe/dag"
)

var sourceTSVKind = dag.Info{
	Name:    "source.tsv",
	Version: 1,
	Doc:     "Reads a table from a file of tab-separated values.",
	Example: `docs: { uses: source.tsv, with: { path: sms.tsv, names: [label, text], quote: none } }`,
	New:     func() dag.Kind { return &SourceTSV{} },
}

// SourceTSV is the kind source.tsv.
type SourceTSV struct {
	TableFile `yaml:",inline"`
	Typed     `yaml:",inline"`
	Delimited `yaml:",inline"`
}

// Ports implements dag.Kind.
func (s *SourceTSV) Ports() (in, out []dag.Port) { return s.ports() }

func (s *SourceTSV) options() table.Options {
	o := table.Options{Format: table.TSV}
	s.Typed.fill(&o)
	s.Delimited.fill(&o)
	return o
}

// Check implements dag.Kind.
func (s *SourceTSV) Check(c *dag.Check) {
	if s.Delimited.check(c) {
		s.TableFile.check(c, s.options())
	}
}

// Run implements dag.Kind.
func (s *SourceTSV) Run(ctx context.Context, env *dag.Env) error { return s.run(ctx, env, s.options()) }
