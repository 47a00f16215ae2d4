package stages

import (
	"context"

	"pipe/artifacts/table"
	"pipe/dag"
)

var sourceParquetKind = dag.Info{
	Name:    "source.parquet",
	Version: 1,
	Doc:     "Reads a table from a file of Parquet.",
	Example: `docs: { uses: source.parquet, with: { path: events.parquet, columns: [text, label] } }`,
	New:     func() dag.Kind { return &SourceParquet{} },
}

// SourceParquet is the kind source.parquet.
type SourceParquet struct {
	TableFile `yaml:",inline"`
}

// Ports implements dag.Kind.
func (s *SourceParquet) Ports() (in, out []dag.Port) { return s.ports() }

func (s *SourceParquet) options() table.Options { return table.Options{Format: table.Parquet} }

// Check implements dag.Kind.
func (s *SourceParquet) Check(c *dag.Check) {
	s.TableFile.check(c, s.options())
}

// Run implements dag.Kind.
func (s *SourceParquet) Run(ctx context.Context, env *dag.Env) error {
	return s.run(ctx, env, s.options())
}
