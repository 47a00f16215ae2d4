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
	switch {
	case connected && s.Path != "":
		c.Errorf("path", "the files come from the input; leave out either")
	case connected:
	case s.Path == "":
		c.Errorf("path", "is missing: name a folder or an archive, or connect the input")
	default:
		checkFile(c, "path", string(s.Path))
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
		if place, err = unstore(env, "in"); err != nil {
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

// unstore makes the folder or the file on a port one of the file system.
func unstore(env *dag.Env, port string) (string, error) {
	dir, err := env.Temp()
	if err != nil {
		return "", err
	}
	place := filepath.Join(dir, port)
	ref, err := env.Input(port)
	if err != nil {
		return "", err
	}
	if ref.IsFolder() {
		folder, err := env.Folder(port)
		if err != nil {
			return "", err
		}
		return place, folder.Extract(place)
	}
	object, err := env.OpenFile(port)
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
}
