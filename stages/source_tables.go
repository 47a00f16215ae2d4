package stages

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
)

var sourceTablesKind = dag.Info{
	Name:    "source.tables",
	Version: 1,
	Doc: "Reads one table from many files, one after the other in the order of their paths: those that patterns match, or all files with an extension below a folder. The files have the same columns; their order in a file does not matter. " +
		"A new file, a changed one or one that is gone runs the stage again. Links that lead out of the working folder are refused.",
	Example: `logs: { uses: source.tables, with: { files: ["logs/2026-*.csv"], file_column: day } }`,
	New:     func() dag.Kind { return &SourceTables{} },
}

// SourceTables is the kind source.tables.
type SourceTables struct {
	Files      []string          `yaml:"files" doc:"patterns of paths, relative to the working folder: * and ? stand for anything but /, [a-c] for a character; a folder stands for the files of a table's extension below it" required:"true" example:"[logs/*.csv, old/]"`
	FileColumn string            `yaml:"file_column" doc:"the name of a column for the file that a row is from" example:"file"`
	Columns    []string          `yaml:"columns" doc:"the columns to read, in this order; without it, those of the first file" example:"[review, sentiment]"`
	Rename     map[string]string `yaml:"rename" doc:"new names of columns, by their names in the files" example:"{review: text}"`
	Typed      `yaml:",inline"`
	Delimited  `yaml:",inline"`
}

// Ports implements dag.Kind.
func (k *SourceTables) Ports() (in, out []dag.Port) {
	return nil, []dag.Port{{Name: dag.Out, Type: artifacts.Table, Doc: "the rows of the files"}}
}

// tableExtensions are those of the files that a folder stands for.
var tableExtensions = []string{".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".arrow", ".feather"}

// list gives the files in the order of their paths.
func (k *SourceTables) list() ([]string, error) {
	var out []string
	for _, pattern := range k.Files {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return nil, fmt.Errorf("%q is no pattern: %w", pattern, err)
		}
		before := len(out)
		for _, path := range found {
			info, err := os.Stat(path)
			if err != nil {
				return nil, err
			}
			if !info.IsDir() {
				out = append(out, path)
				continue
			}
			err = filepath.WalkDir(path, func(p string, d os.DirEntry, err error) error {
				if err == nil && !d.IsDir() && isTable(p) {
					out = append(out, p)
				}
				return err
			})
			if err != nil {
				return nil, err
			}
		}
		if len(out) == before {
			return nil, fmt.Errorf("no file matches %q", pattern)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("no file is named")
	}
	slices.Sort(out)
	out = slices.Compact(out)
	for _, path := range out {
		if err := inside(path); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// isTable tells by a name whether a folder's file is a table, compressed or not.
func isTable(path string) bool {
	name := strings.ToLower(filepath.Base(path))
	for _, z := range []string{".gz", ".zst", ".bz2", ".xz", ".lz4"} {
		name = strings.TrimSuffix(name, z)
	}
	return slices.Contains(tableExtensions, filepath.Ext(name))
}

// inside refuses a link below the working folder that leads out of it: who put
// it there may not be who runs the pipeline.
func inside(path string) error {
	if !filepath.IsLocal(path) {
		return nil // the pipeline names a place elsewhere itself
	}
	here, err := filepath.EvalSymlinks(".")
	if err != nil {
		return err
	}
	if here, err = filepath.Abs(here); err != nil {
		return err
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	if real, err = filepath.Abs(real); err != nil {
		return err
	}
	if rel, err := filepath.Rel(here, real); err != nil || !filepath.IsLocal(rel) {
		return fmt.Errorf("%s is a link that leads out of the working folder; name the file itself", path)
	}
	return nil
}

// Externals implements dag.External: the contents of the files are in the key.
func (k *SourceTables) Externals() ([]string, artifacts.Keep, error) {
	paths, err := k.list()
	return paths, nil, err
}

func (k *SourceTables) options() table.Options {
	o := table.Options{}
	k.Typed.fill(&o)
	k.Delimited.fill(&o)
	return o
}

// schema is that of the output, by the first file.
func (k *SourceTables) schema(s *arrow.Schema) (*arrow.Schema, error) {
	fields := chosen(s, k.Columns)
	out, err := renamed(fields, k.Rename)
	if err != nil || k.FileColumn == "" {
		return out, err
	}
	if out.HasField(k.FileColumn) {
		return nil, fmt.Errorf("two columns would be named %q", k.FileColumn)
	}
	return arrow.NewSchema(append(out.Fields(), arrow.Field{Name: k.FileColumn, Type: arrow.BinaryTypes.String}), nil), nil
}

// Check implements dag.Kind: the first file says which columns there are.
func (k *SourceTables) Check(c *dag.Check) {
	if !k.Delimited.check(c) {
		return
	}
	paths, err := k.list()
	if err != nil {
		c.Errorf("files", "%v", err)
		return
	}
	s, err := table.Sniff(paths[0], k.options())
	if err != nil {
		c.Errorf("files", "%v", err)
		return
	}
	if (&TableFile{Path: dag.Path(paths[0]), Columns: k.Columns, Rename: k.Rename}).pick(c, s) == nil {
		return
	}
	out, err := k.schema(s)
	if err != nil {
		c.Errorf("file_column", "%v", err)
		return
	}
	c.Out[dag.Out] = dag.Schema{Type: artifacts.Table, Table: out}
}

// Run implements dag.Kind.
func (k *SourceTables) Run(ctx context.Context, env *dag.Env) error {
	paths, err := k.list()
	if err != nil {
		return err
	}
	first, err := table.Sniff(paths[0], k.options())
	if err != nil {
		return err
	}
	if _, err := columnsOf(first, k.Columns); err != nil {
		return fmt.Errorf("%s: %w", paths[0], err)
	}
	schema, err := k.schema(first)
	if err != nil {
		return err
	}
	w, err := env.CreateTable(dag.Out, schema, table.Arrow)
	if err != nil {
		return err
	}
	// All files are read with the types of the first, which inference would give
	// otherwise by each file's own rows.
	o := k.options()
	o.Schema = first
	rows := int64(0)
	for i, path := range paths {
		n, err := k.copy(ctx, w, schema, chosen(first, k.Columns), path, o)
		if err != nil {
			return err
		}
		rows += n
		env.Progress(int64(i+1), int64(len(paths)), "files")
	}
	env.Logf("%d rows of %d files", rows, len(paths))
	env.Metric("rows", float64(rows), 0)
	env.Metric("files", float64(len(paths)), 0)
	return nil
}

// copy appends the rows of one file.
func (k *SourceTables) copy(ctx context.Context, w table.Writer, schema *arrow.Schema, want []arrow.Field, path string, o table.Options) (rows int64, err error) {
	names := make([]string, len(want))
	for i, f := range want {
		names[i] = f.Name
	}
	r, err := table.OpenFile(path, o)
	if err != nil {
		return 0, err
	}
	if r, err = project(r, names); err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for i, f := range r.Schema().Fields() {
		if !arrow.TypeEqual(f.Type, want[i].Type) {
			return 0, fmt.Errorf("%s: column %q is %s and %s in the first file; say with schema what it is", path, f.Name, table.TypeName(f.Type), table.TypeName(want[i].Type))
		}
	}
	for b, err := range table.All(r) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = k.write(w, schema, b, filepath.ToSlash(path))
		}
		if err != nil {
			return rows, err
		}
		rows += b.NumRows()
	}
	return rows, nil
}

func (k *SourceTables) write(w table.Writer, schema *arrow.Schema, b arrow.RecordBatch, path string) error {
	if k.FileColumn == "" {
		return writeAs(w, schema, b)
	}
	s := array.NewStringBuilder(memory.DefaultAllocator)
	defer s.Release()
	for range b.NumRows() {
		s.Append(path)
	}
	col := s.NewArray()
	defer col.Release()
	out := array.NewRecordBatch(schema, append(slices.Clone(b.Columns()), col), b.NumRows())
	defer out.Release()
	return w.Write(out)
}
