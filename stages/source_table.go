package stages

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/dag/text"
)

// TableFile is what every source of a table file is configured with.
type TableFile struct {
	Path    dag.Path          `yaml:"path" doc:"the file, relative to the working folder; it may be compressed with gzip, zstd, bzip2, lz4 or xz" required:"true" example:"reviews.csv"`
	Columns []string          `yaml:"columns" doc:"the columns to read, in this order; without it, all" example:"[review, sentiment]"`
	Rename  map[string]string `yaml:"rename" doc:"new names of columns, by their names in the file" example:"{review: text, sentiment: label}"`
}

// Typed is for files that do not say the types of their columns.
type Typed struct {
	Schema map[string]ColumnType `yaml:"schema" doc:"types of columns, by their names in the file; those that are not named are inferred from the first rows" example:"{id: string, price: float64}"`
}

// Delimited is for CSV and TSV.
type Delimited struct {
	Header    *bool    `yaml:"header" doc:"whether the first row names the columns; without it, that is so unless names are given"`
	Names     []string `yaml:"names" doc:"names of the columns where the file has no header" example:"[label, text]"`
	Delimiter string   `yaml:"delimiter" doc:"the character between fields; without it, a comma in CSV and a tab in TSV" example:";"`
	Quote     string   `yaml:"quote" doc:"double: fields may stand in \" with \"\" for one of them (RFC 4180); none: a quotation mark is a character like any other" default:"double" enum:"double,none"`
	Nulls     []string `yaml:"nulls" doc:"spellings of null, beside the empty field" example:"[NA, \"-\"]"`
}

// ColumnType is the type of a column as it is spelt in a pipeline.
type ColumnType struct{ arrow.DataType }

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *ColumnType) UnmarshalText(b []byte) (err error) {
	t.DataType, err = table.ParseType(string(b))
	return err
}

// TypeText names the type in the reference.
func (ColumnType) TypeText() string { return "a column's type, such as string, int64 or float64" }

// MarshalText gives the one spelling by which equal types have equal keys.
func (t ColumnType) MarshalText() ([]byte, error) { return []byte(table.TypeName(t.DataType)), nil }

// MarshalJSON implements json.Marshaler.
func (t ColumnType) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "%q", table.TypeName(t.DataType)), nil
}

func (t Typed) fill(o *table.Options) {
	if len(t.Schema) == 0 {
		return
	}
	var fields []arrow.Field
	for _, name := range sortedNames(t.Schema) {
		fields = append(fields, arrow.Field{Name: name, Type: t.Schema[name].DataType, Nullable: true})
	}
	o.Schema = arrow.NewSchema(fields, nil)
}

func (d Delimited) fill(o *table.Options) {
	o.Header, o.Columns, o.Nulls, o.Quote = d.Header, d.Names, d.Nulls, table.Quote(d.Quote)
	if d.Delimiter != "" {
		o.Delimiter, _ = utf8.DecodeRuneInString(d.Delimiter)
	}
}

func (d Delimited) check(c *dag.Check) (ok bool) {
	if utf8.RuneCountInString(d.Delimiter) > 1 {
		c.Errorf("delimiter", "must be one character, is %q", d.Delimiter)
		return false
	}
	if d.Header != nil && *d.Header && len(d.Names) > 0 {
		c.Errorf("names", "are for a file without a header; use rename to change names that a header gives")
		return false
	}
	return true
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

func (f *TableFile) ports() (in, out []dag.Port) {
	return nil, []dag.Port{{Name: dag.Out, Type: artifacts.Table, Doc: "the rows of the file"}}
}

// check reads the header and the first rows.
func (f *TableFile) check(c *dag.Check, o table.Options) {
	s, err := table.Sniff(string(f.Path), o)
	if errors.Is(err, fs.ErrNotExist) {
		c.Hintf("missing-file", "path", nearFiles(string(f.Path)), "there is no file %q", string(f.Path))
		return
	}
	if err != nil {
		c.Hintf("unreadable-file", "path", "", "%v", err)
		return
	}
	if s = f.pick(c, s); s != nil {
		c.Out[dag.Out] = dag.Schema{Type: artifacts.Table, Table: s, First: sync.OnceValue(func() arrow.RecordBatch { return f.first(o, s) })}
	}
}

// firstRows is how many rows a check looks at.
const firstRows = 1000

// first reads the first rows, under the schema that they get; nil where that
// does not succeed: the run says why.
func (f *TableFile) first(o table.Options, s *arrow.Schema) arrow.RecordBatch {
	r, err := table.OpenFile(string(f.Path), o)
	if err != nil {
		return nil
	}
	if r, err = project(r, f.Columns); err != nil {
		return nil
	}
	defer r.Close()
	batch, err := r.Next()
	if err != nil || !slices.EqualFunc(batch.Schema().Fields(), s.Fields(), func(a, b arrow.Field) bool { return arrow.TypeEqual(a.Type, b.Type) }) {
		return nil
	}
	some := batch.NewSlice(0, min(batch.NumRows(), firstRows))
	defer some.Release()
	return array.NewRecordBatch(s, some.Columns(), some.NumRows())
}

// checkFile reports a file or folder that is not there or cannot be opened.
func checkFile(c *dag.Check, field, path string) {
	f, err := os.Open(path)
	switch {
	case err == nil:
		f.Close()
	case errors.Is(err, fs.ErrNotExist):
		c.Hintf("missing-file", field, nearFiles(path), "there is no file or folder %q", path)
	default:
		c.Hintf("unreadable-file", field, "", "%v", err)
	}
}

// nearFiles says what there is where a file was looked for.
func nearFiles(path string) string {
	dir := filepath.Dir(path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Sprintf("there is no folder %q either", dir)
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	if hint := text.DidYouMean(filepath.Base(path), names); hint != "" {
		return hint
	}
	return fmt.Sprintf("files in %q: %s", dir, text.List(names))
}

// pick applies columns and rename to a file's schema, and reports names that
// it does not have.
func (f *TableFile) pick(c *dag.Check, s *arrow.Schema) *arrow.Schema {
	ok := true
	look := func(field, name string) {
		if !s.HasField(name) {
			c.Hintf("missing-column", field, nearColumns(s, name), "%s has no column %q", f.Path, name)
			ok = false
		}
	}
	for i, name := range f.Columns {
		look(fmt.Sprintf("columns[%d]", i), name)
	}
	for _, name := range sortedNames(f.Rename) {
		look("rename."+name, name)
	}
	if !ok {
		return nil
	}
	out, err := renamed(chosen(s, f.Columns), f.Rename)
	if err != nil {
		c.Errorf("rename", "%v", err)
		return nil
	}
	return out
}

// chosen gives the fields that are named, in that order; with no names, all.
func chosen(s *arrow.Schema, names []string) []arrow.Field {
	if len(names) == 0 {
		return s.Fields()
	}
	out := make([]arrow.Field, len(names))
	for i, n := range names {
		out[i] = s.Field(s.FieldIndices(n)[0])
	}
	return out
}

// renamed gives fields new names; two of one name are an error.
func renamed(fields []arrow.Field, names map[string]string) (*arrow.Schema, error) {
	fields = slices.Clone(fields)
	seen := map[string]bool{}
	for i, field := range fields {
		if to, ok := names[field.Name]; ok {
			fields[i].Name = to
		}
		if seen[fields[i].Name] {
			return nil, fmt.Errorf("two columns would be named %q", fields[i].Name)
		}
		seen[fields[i].Name] = true
	}
	return arrow.NewSchema(fields, nil), nil
}

// run copies the file's rows into the store.
func (f *TableFile) run(ctx context.Context, env *dag.Env, o table.Options) (err error) {
	r, err := table.OpenFile(string(f.Path), o)
	if err != nil {
		return err
	}
	if r, err = project(r, f.Columns); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	s, err := renamed(r.Schema().Fields(), f.Rename)
	if err != nil {
		return err
	}
	w, err := env.CreateTable(dag.Out, s, table.Arrow)
	if err != nil {
		return err
	}
	rows := int64(0)
	for batch, err := range table.All(r) {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := writeAs(w, s, batch); err != nil {
			return err
		}
		rows += batch.NumRows()
		env.Progress(rows, max(r.Rows(), 0), "rows")
	}
	env.Logf("%d rows, %d columns from %s", rows, s.NumFields(), filepath.Base(string(f.Path)))
	env.Metric("rows", float64(rows), 0)
	env.Metric("columns", float64(s.NumFields()), 0)
	return nil
}
