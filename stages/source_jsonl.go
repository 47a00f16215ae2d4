package stages

import (
	"context"

	"pipe/artifacts/table"
	"pipe/dag"
)

var sourceJSONLKind = dag.Info{
	Name:    "source.jsonl",
	Version: 1,
	Doc:     "Reads a table from a file of JSON Lines, one object a line.",
	Example: `docs: { uses: source.jsonl, with: { path: events.jsonl.gz, columns: [text, label] } }`,
	New:     func() dag.Kind { return &SourceJSONL{} },
}

// SourceJSONL is the kind source.jsonl.
type SourceJSONL struct {
	TableFile `yaml:",inline"`
	Typed     `yaml:",inline"`
}

// Ports implements dag.Kind.
func (s *SourceJSONL) Ports() (in, out []dag.Port) { return s.ports() }

func (s *SourceJSONL) options() table.Options {
	o := table.Options{Format: table.JSONL}
	s.Typed.fill(&o)
	return o
}

// Check implements dag.Kind.
func (s *SourceJSONL) Check(c *dag.Check) {
	s.TableFile.check(c, s.options())
}

// Run implements dag.Kind.
func (s *SourceJSONL) Run(ctx context.Context, env *dag.Env) error {
	return s.run(ctx, env, s.options())
}
