package stages

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/stages/godoc"
)

var sourceTextKind = dag.Info{
	Name:    "source.text",
	Version: 1,
	Doc: "Reads plain text: a file, or the files of a folder in the order of their paths. A row is a file, a paragraph (what stands between " +
		"empty lines) or a line. Columns: text and path (of the file, below the folder). Texts that are not UTF-8 are an error that names the file.",
	Example: `text: { uses: source.text, with: { path: goroot, include: ["*.go"], exclude: [testdata, vendor] } }`,
	New:     func() dag.Kind { return &SourceText{} },
}

// SourceText is the kind source.text.
type SourceText struct {
	Path    string   `yaml:"path" doc:"a file or a folder; goroot: the source tree of the installed Go" required:"true" example:"book.txt"`
	Include []string `yaml:"include" doc:"patterns of file names that are read; without it, all that do not begin with a dot" example:"[\"*.go\"]"`
	Exclude []string `yaml:"exclude" doc:"patterns of names of files and folders that are left out, at any depth" example:"[testdata]"`
	Rows    string   `yaml:"rows" doc:"what a row is" default:"file" enum:"file,paragraph,line"`
	Empty   bool     `yaml:"keep_empty" doc:"whether rows with nothing but white space stay" default:"false"`
	Limit   int64    `yaml:"limit" doc:"bytes to read in all, whole files only; 0 for all" default:"0" min:"0"`
}

var sourceTextSchema = arrow.NewSchema([]arrow.Field{{Name: "text", Type: arrow.BinaryTypes.String}, {Name: "path", Type: arrow.BinaryTypes.String}}, nil)

// Ports implements dag.Kind.
func (s *SourceText) Ports() (in, out []dag.Port) {
	return nil, []dag.Port{{Name: dag.Out, Type: artifacts.Table, Doc: "the texts"}}
}

// Check implements dag.Kind.
func (s *SourceText) Check(c *dag.Check) {
	c.Out[dag.Out] = dag.Schema{Type: artifacts.Table, Table: sourceTextSchema}
	for field, patterns := range map[string][]string{"include": s.Include, "exclude": s.Exclude} {
		for _, p := range patterns {
			if _, err := path.Match(p, ""); err != nil {
				c.Errorf(field, "%q is no pattern of names: %v", p, err)
			}
		}
	}
	if s.Path == "goroot" {
		return // found when it runs
	}
	checkFile(c, "path", s.Path)
}

func (s *SourceText) root(ctx context.Context) (string, error) {
	if s.Path != "goroot" {
		return s.Path, nil
	}
	root, err := godoc.GOROOT(ctx, os.Getenv)
	return filepath.Join(root, "src"), err
}

// Externals implements dag.External.
func (s *SourceText) Externals() ([]string, artifacts.Keep, error) {
	root, err := s.root(context.Background())
	return []string{root}, s.keep, err
}

// keep tells which files and folders below the root count.
func (s *SourceText) keep(rel string, isDir bool) bool {
	name := path.Base(filepath.ToSlash(rel))
	if rel != "." && strings.HasPrefix(name, ".") || matches(s.Exclude, name) {
		return false
	}
	return isDir || len(s.Include) == 0 || matches(s.Include, name)
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { ok, _ := path.Match(p, name); return ok })
}

// files lists what is to be read, relative to the root, sorted.
func (s *SourceText) files(root string) ([]string, error) {
	info, err := os.Stat(root)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{"."}, nil
	}
	var names []string
	err = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		switch {
		case err != nil:
			return err
		case rel != "." && !s.keep(rel, d.IsDir()):
			if d.IsDir() {
				return filepath.SkipDir
			}
		case d.Type().IsRegular():
			names = append(names, rel)
		}
		return nil
	})
	slices.Sort(names)
	return names, err
}

// Run implements dag.Kind.
func (s *SourceText) Run(ctx context.Context, env *dag.Env) error {
	root, err := s.root(ctx)
	if err != nil {
		return err
	}
	names, err := s.files(root)
	if err != nil {
		return err
	}
	w, err := env.CreateTable(dag.Out, sourceTextSchema, table.Arrow)
	if err != nil {
		return err
	}
	out := &textRows{builder: array.NewRecordBuilder(memory.DefaultAllocator, sourceTextSchema), write: w.Write}
	defer out.builder.Release()
	files := 0
	for i, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return err
		}
		if s.Limit > 0 && out.bytes+int64(len(data)) > s.Limit && files > 0 {
			break
		}
		if name == "." {
			name = filepath.Base(root)
		}
		if at := firstInvalid(data); at >= 0 {
			return fmt.Errorf("%s: byte %d is not UTF-8; convert the file, or leave it out with exclude", filepath.Join(root, name), at+1)
		}
		for text := range s.rows(string(data)) {
			if err := out.add(text, filepath.ToSlash(name)); err != nil {
				return err
			}
		}
		files++
		env.Progress(int64(i+1), int64(len(names)), "files")
	}
	if out.rows == 0 {
		return s.nothing(root, names)
	}
	env.Logf("%d rows from %d files, %.1f MB", out.rows, files, float64(out.bytes)/1e6)
	env.Metric("rows", float64(out.rows), 0)
	env.Metric("files", float64(files), 0)
	env.Metric("bytes", float64(out.bytes), 0)
	return out.flush()
}

// nothing says why there are no rows.
func (s *SourceText) nothing(root string, names []string) error {
	const remedy = "keep_empty: true keeps such rows"
	switch {
	case len(names) == 0:
		return fmt.Errorf("no file in %s is read; names are chosen by include %q and exclude %q", root, s.Include, s.Exclude)
	case len(names) > 1 || names[0] != ".":
		return fmt.Errorf("there is nothing but white space in the files of %s that are read, %d in number, the first is %s; %s", root, len(names), names[0], remedy)
	}
	if info, err := os.Stat(root); err == nil && info.Size() == 0 {
		return fmt.Errorf("the file %s is empty", root)
	}
	return fmt.Errorf("there is nothing but white space in the file %s; %s", root, remedy)
}

func firstInvalid(data []byte) int {
	if bytes.IndexByte(data, 0) >= 0 {
		return bytes.IndexByte(data, 0)
	}
	valid := strings.ToValidUTF8(string(data), "")
	if len(valid) == len(data) {
		return -1
	}
	for i := range valid {
		if valid[i] != data[i] {
			return i
		}
	}
	return len(valid)
}

// rows cuts a text.
func (s *SourceText) rows(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		give := func(row string) bool { return !s.Empty && strings.TrimSpace(row) == "" || yield(row) }
		switch s.Rows {
		case "file":
			give(text)
		case "line":
			for line := range strings.Lines(text) {
				if !give(strings.TrimRight(line, "\r\n")) {
					return
				}
			}
		case "paragraph":
			var p strings.Builder
			for line := range strings.Lines(text) {
				if strings.TrimSpace(line) != "" {
					p.WriteString(line)
					continue
				}
				if !give(strings.TrimRight(p.String(), "\r\n")) {
					return
				}
				p.Reset()
			}
			give(strings.TrimRight(p.String(), "\r\n"))
		}
	}
}

// textRows gathers rows into batches.
type textRows struct {
	builder *array.RecordBuilder
	write   func(arrow.RecordBatch) error
	rows    int64
	bytes   int64
	held    int
}

// batchBytes bounds the texts of a batch.
const batchBytes = 4 << 20

func (t *textRows) add(values ...string) error {
	for i, v := range values {
		t.builder.Field(i).(*array.StringBuilder).Append(v)
	}
	t.rows++
	t.bytes += int64(len(values[0]))
	if t.held += len(values[0]) + 64; t.held > batchBytes {
		return t.flush()
	}
	return nil
}

func (t *textRows) flush() error {
	if t.held == 0 {
		return nil
	}
	t.held = 0
	batch := t.builder.NewRecordBatch()
	defer batch.Release()
	return t.write(batch)
}
