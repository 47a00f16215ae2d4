package stages

import (
	"context"

	"pipe/artifacts/table"
	"pipe/dag"
)

var sourceArrowKind = dag.Info{
	Name:    "source.arrow",
	Version: 1,
	Doc:     "Reads a table from a file of Arrow IPC: files, streams and Feather version 2.",
	Example: `docs: { uses: source.arrow, with: { path: events.arrow } }`,
	New:     func() dag.Kind { return &SourceArrow{} },
}

// SourceArrow is the kind source.arrow.
type SourceArrow struct {
	TableFile `yaml:",inline"`
}

// Ports implements dag.Kind.
func (s *SourceArrow) Ports() (in, out []dag.Port) { return s.ports() }

func (s *SourceArrow) options() table.Options { return table.Options{Format: table.Arrow} }

// Check implements dag.Kind.
func (s *SourceArrow) Check(c *dag.Check) {
	s.TableFile.check(c, s.options())
}

// Run implements dag.Kind.
func (s *SourceArrow) Run(ctx context.Context, env *dag.Env) error {
	return s.run(ctx, env, s.options())
}
