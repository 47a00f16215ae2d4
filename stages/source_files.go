package stages

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
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
	"pipe/dag/text"
	"pipe/stages/filetree"
)

var sourceFilesKind = dag.Info{
	Name:    "source.files",
	Version: 1,
	Doc: `Reads files as they are, such as images and recordings: one row for each file of a folder or an archive (zip, tar; compressed or not), in the order of their paths.
Columns: path (below the folder or in the archive), those that the named groups of pattern give, and content (the bytes).
Files whose path the pattern does not match are an error that names the first of them, unless others: skip. Hidden files are left out.
A path in an archive that leads out of it is refused, and so is a file that is larger than max_bytes when it is unpacked.`,
	Example: `recordings:
  uses: source.files
  with: { path: spoken-digits.zip, include: ["*.wav"], pattern: '(?P<digit>\d)_(?P<speaker>\w+)_(?P<take>\d+)\.wav$' }`,
	New: func() dag.Kind { return &SourceFiles{} },
	Doc: "Reads one table from many files, one after the other in the order of their paths: those that patterns match, or all files with an extension below a folder. The files have the same columns; their order in a file does not matter. " +
		"A new file, a changed one or one that is gone runs the stage again. Links that lead out of the working folder are refused.",
	Example: `logs: { uses: source.files, with: { files: ["logs/2026-*.csv"], file_column: day } }`,
	New:     func() dag.Kind { return &SourceFiles{} },
}

// SourceFiles is the kind source.files.
type SourceFiles struct {
	Path     dag.Path `yaml:"path" doc:"a folder or an archive; needed unless the input is connected" example:"images.zip"`
	Include  []string `yaml:"include" doc:"patterns of file names that are read; without it, all" example:"[\"*.wav\"]"`
	Pattern  string   `yaml:"pattern" doc:"a regular expression (RE2) that is looked for in each path; its named groups become columns of text" example:"(?P<label>[^/]+)/[^/]+$"`
	Others   string   `yaml:"others" doc:"what to do with a file whose path the pattern does not match" default:"error" enum:"error,skip"`
	MaxBytes int64    `yaml:"max_bytes" doc:"how large a file may be" default:"67108864" min:"1"`
}

const (
	pathColumn    = "path"
	contentColumn = "content"
)

// Ports implements dag.Kind.
func (s *SourceFiles) Ports() (in, out []dag.Port) {
	return []dag.Port{{Name: "in", Type: artifacts.File, Optional: true, Doc: "a folder or an archive that another stage has, such as fetch"}},
		[]dag.Port{{Name: dag.Out, Type: artifacts.Table, Doc: "a row for each file"}}
}

// Check implements dag.Kind.
func (s *SourceFiles) Check(c *dag.Check) {
	for _, p := range s.Include {
		if _, err := path.Match(p, ""); err != nil {
			c.Errorf("include", "%q is no pattern of names: %v", p, err)
		}
	}
	re, err := regexp.Compile(s.Pattern)
	if err != nil {
		c.Errorf("pattern", "%v", err)
		return
	}
	seen := map[string]bool{pathColumn: true, contentColumn: true}
	for _, name := range groups(re) {
		if seen[name] {
			c.Errorf("pattern", "two columns would be called %q", name)
		}
		seen[name] = true
	}
	c.Out[dag.Out] = dag.Schema{Type: artifacts.Table, Table: s.schema(re)}
	_, connected := c.In["in"]
	switch _, err := os.Stat(string(s.Path)); {
	case connected && s.Path != "":
		c.Errorf("path", "the files come from the input; leave out either")
	case connected:
	case s.Path == "":
		c.Errorf("path", "is missing: name a folder or an archive, or connect the input")
	case err != nil:
		c.Hintf("missing-file", "path", nearFiles(string(s.Path)), "there is no file or folder %q", string(s.Path))
	}
}

// groups lists the named groups of an expression.
func groups(re *regexp.Regexp) []string {
	return slices.DeleteFunc(slices.Clone(re.SubexpNames()), func(n string) bool { return n == "" })
}

func (s *SourceFiles) schema(re *regexp.Regexp) *arrow.Schema {
	fields := []arrow.Field{{Name: pathColumn, Type: arrow.BinaryTypes.String}}
	for _, name := range groups(re) {
		fields = append(fields, arrow.Field{Name: name, Type: arrow.BinaryTypes.String, Nullable: true})
	}
	return arrow.NewSchema(append(fields, arrow.Field{Name: contentColumn, Type: arrow.BinaryTypes.Binary}), nil)
}

// A batch of files has at most so many rows and about so many bytes.
const (
	batchFiles     = 1024
	batchFileBytes = 8 << 20
)

// Run implements dag.Kind.
func (s *SourceFiles) Run(ctx context.Context, env *dag.Env) error {
	re, err := regexp.Compile(s.Pattern)
	if err != nil {
		return err
	}
	place, name := string(s.Path), string(s.Path)
	if env.Has("in") {
		if place, err = s.unstore(env); err != nil {
			return err
		}
		name = "the input"
	}
	tree, err := filetree.Open(place, filetree.Options{Name: name, MaxBytes: s.MaxBytes, Keep: s.wanted})
	if err != nil {
		return err
	}
	defer tree.Close()
	schema := s.schema(re)
	Files      []string          `yaml:"files" doc:"patterns of paths, relative to the working folder: * and ? stand for anything but /, [a-c] for a character; a folder stands for the files of a table's extension below it" required:"true" example:"[logs/*.csv, old/]"`
	FileColumn string            `yaml:"file_column" doc:"the name of a column for the file that a row is from" example:"file"`
	Columns    []string          `yaml:"columns" doc:"the columns to read, in this order; without it, those of the first file" example:"[review, sentiment]"`
	Rename     map[string]string `yaml:"rename" doc:"new names of columns, by their names in the files" example:"{review: text}"`
	Typed      `yaml:",inline"`
	Delimited  `yaml:",inline"`
}

// Ports implements dag.Kind.
func (k *SourceFiles) Ports() (in, out []dag.Port) {
	return nil, []dag.Port{{Name: dag.Out, Type: artifacts.Table, Doc: "the rows of the files"}}
}

// tableExtensions are those of the files that a folder stands for.
var tableExtensions = []string{".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".arrow", ".feather"}

// list gives the files in the order of their paths.
func (k *SourceFiles) list() ([]string, error) {
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
func (k *SourceFiles) Externals() ([]string, artifacts.Keep, error) {
	paths, err := k.list()
	return paths, nil, err
}

func (k *SourceFiles) options() table.Options {
	o := table.Options{}
	k.Typed.fill(&o)
	k.Delimited.fill(&o)
	return o
}

// schema is that of the output, by the first file.
func (k *SourceFiles) schema(s *arrow.Schema) (*arrow.Schema, error) {
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
func (k *SourceFiles) Check(c *dag.Check) {
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
func (k *SourceFiles) Run(ctx context.Context, env *dag.Env) error {
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
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	var rows, skipped, size, inBatch int64
	flush := func() error {
		batch := b.NewRecordBatch()
		defer batch.Release()
		inBatch = 0
		return w.Write(batch)
	}
	for file, err := range tree.Files() {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		found := re.FindStringSubmatchIndex(file.Path)
		if found == nil {
			if s.Others == "error" {
				return fmt.Errorf("%s: the path %q does not match the pattern; correct it, or leave such files out with others: skip or include", name, file.Path)
			}
			skipped++
			continue
		}
		content, err := file.Read()
		if err != nil {
			return err
		}
		b.Field(0).(*array.StringBuilder).Append(file.Path)
		column := 1
		for i, name := range re.SubexpNames() {
			if name == "" {
				continue
			}
			group := b.Field(column).(*array.StringBuilder)
			if from, to := found[2*i], found[2*i+1]; from >= 0 {
				group.Append(file.Path[from:to])
			} else {
				group.AppendNull()
			}
			column++
		}
		b.Field(column).(*array.BinaryBuilder).Append(content)
		rows++
		size += int64(len(content))
		inBatch += int64(len(content))
		env.Progress(rows, 0, "files")
		if b.Field(0).Len() == batchFiles || inBatch >= batchFileBytes {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if rows == 0 {
		return fmt.Errorf("%s has no file to read%s", name, s.whyNone(skipped))
	}
	if err := flush(); err != nil {
		return err
	}
	env.Logf("%d files, %d bytes from %s", rows, size, name)
	if skipped > 0 {
		env.Logf("%d files whose path the pattern does not match are left out", skipped)
	}
	env.Metric("rows", float64(rows), 0)
	env.Metric("bytes", float64(size), 0)
	return nil
}

// unstore makes the input a folder or an archive of the file system.
func (s *SourceFiles) unstore(env *dag.Env) (string, error) {
	dir, err := env.Temp()
	if err != nil {
		return "", err
	}
	place := filepath.Join(dir, "in")
	ref, err := env.Input("in")
	if err != nil {
		return "", err
	}
	if ref.IsFolder() {
		folder, err := env.Folder("in")
		if err != nil {
			return "", err
		}
		return place, folder.Extract(place)
	}
	object, err := env.OpenFile("in")
	if err != nil {
		return "", err
	}
	defer object.Close()
	f, err := os.Create(place)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, object)
	return place, errors.Join(err, f.Close())
}

// wanted tells by its name whether a file is to be read.
func (s *SourceFiles) wanted(name string) bool {
	return len(s.Include) == 0 || matches(s.Include, path.Base(name))
}

func (s *SourceFiles) whyNone(skipped int64) string {
	switch {
	case skipped > 0:
		return fmt.Sprintf(": the pattern matches none of %d paths", skipped)
	case len(s.Include) > 0:
		return ": none has a name like " + text.List(s.Include)
	}
	return ""
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
func (k *SourceFiles) copy(ctx context.Context, w table.Writer, schema *arrow.Schema, want []arrow.Field, path string, o table.Options) (rows int64, err error) {
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

func (k *SourceFiles) write(w table.Writer, schema *arrow.Schema, b arrow.RecordBatch, path string) error {
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
