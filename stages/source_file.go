package stages

import (
	"context"

	"pipe/artifacts/table"
	"pipe/dag"
)

var sourceFileKind = dag.Info{
	Name:    "source.file",
	Version: 1,
	Doc:     "Reads a table from a file: CSV, TSV, JSON Lines, Parquet or Arrow, by its first bytes, else by its extension. The keys that are about text formats have no meaning for the others.",
	Example: `docs: { uses: source.file, with: { path: "${params.data}" } }`,
	New:     func() dag.Kind { return &SourceFile{} },
}

// SourceFile is the kind source.file.
type SourceFile struct {
	TableFile `yaml:",inline"`
	Typed     `yaml:",inline"`
	Delimited `yaml:",inline"`
}

// Ports implements dag.Kind.
func (s *SourceFile) Ports() (in, out []dag.Port) { return s.ports() }

func (s *SourceFile) options() table.Options {
	o := table.Options{}
	s.Typed.fill(&o)
	s.Delimited.fill(&o)
	return o
}

// Check implements dag.Kind.
func (s *SourceFile) Check(c *dag.Check) {
	if s.Delimited.check(c) {
		s.TableFile.check(c, s.options())
	}
}

// Run implements dag.Kind.
func (s *SourceFile) Run(ctx context.Context, env *dag.Env) error {
	return s.run(ctx, env, s.options())
}
