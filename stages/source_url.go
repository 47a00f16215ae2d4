package stages

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/zeebo/xxh3"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/stages/fetch"
)

var sourceURLKind = dag.Info{
	Name:    "source.url",
	Version: 1,
	Doc: "Reads a table from a file that lies elsewhere: CSV, TSV, JSON Lines, Parquet or Arrow, also inside an archive (URL#path/in/archive). What came is kept in the store and its SHA-256 in pipe.lock, with the columns, so that later checks know them. " +
		"Before the first run the columns are known where schema names all of them. Downloads go on where they broke off.",
	Example: `reviews: { uses: source.url, with: { url: "https://example.org/reviews.zip#reviews.csv", rename: { review: text } } }`,
	New:     func() dag.Kind { return &SourceURL{} },
}

// SourceURL is the kind source.url.
type SourceURL struct {
	RemoteFile `yaml:",inline"`
	Columns    []string          `yaml:"columns" doc:"the columns to read, in this order; without it, all" example:"[review, sentiment]"`
	Rename     map[string]string `yaml:"rename" doc:"new names of columns, by their names in the file" example:"{review: text, sentiment: label}"`
	Typed      `yaml:",inline"`
	Delimited  `yaml:",inline"`
}

// Ports implements dag.Kind.
func (k *SourceURL) Ports() (in, out []dag.Port) {
	return nil, []dag.Port{
		{Name: dag.Out, Type: artifacts.Table, Doc: "the rows of the file"},
		{Name: filePort, Type: artifacts.File, Doc: "the file as it came"},
	}
}

func (k *SourceURL) options() table.Options {
	o := table.Options{}
	k.Typed.fill(&o)
	k.Delimited.fill(&o)
	return o
}

func (k *SourceURL) file(path string) *TableFile {
	return &TableFile{Path: dag.Path(path), Columns: k.Columns, Rename: k.Rename}
}

// reading names the way in which the file is read, for the columns in the lock.
func (k *SourceURL) reading() string {
	a, err := fetch.Parse(k.URL)
	if err != nil {
		return ""
	}
	b, err := json.Marshal([]any{k.Schema, k.Delimited})
	if err != nil {
		return a.Member
	}
	return fmt.Sprintf("%s#%08x", a.Member, uint32(xxh3.Hash(b)))
}

// Check implements dag.Kind: the columns are those of the last run, or of the
// schema where that is to hold for the columns that are chosen.
func (k *SourceURL) Check(c *dag.Check) {
	if !k.Delimited.check(c) {
		return
	}
	a, known := k.locked(c)
	if a == nil {
		return
	}
	s := recorded(known.Columns[k.reading()])
	if s == nil {
		s = k.declared()
	}
	if s == nil {
		c.Out[dag.Out] = dag.Schema{Type: artifacts.Table} // nothing is known before the first run
		return
	}
	if s = k.file(a.Name()).pick(c, s); s != nil {
		c.Out[dag.Out] = dag.Schema{Type: artifacts.Table, Table: s}
	}
}

// recorded makes a schema of columns in the lock; nil where there are none.
func recorded(columns []fetch.Column) *arrow.Schema {
	var fields []arrow.Field
	for _, col := range columns {
		t, err := table.ParseType(col.Type)
		if err != nil {
			return nil
		}
		fields = append(fields, arrow.Field{Name: col.Name, Type: t, Nullable: true})
	}
	if fields == nil {
		return nil
	}
	return arrow.NewSchema(fields, nil)
}

// lockColumns writes a schema as the lock has it.
func lockColumns(s *arrow.Schema) []fetch.Column {
	columns := make([]fetch.Column, s.NumFields())
	for i, f := range s.Fields() {
		columns[i] = fetch.Column{Name: f.Name, Type: table.TypeName(f.Type)}
	}
	return columns
}

// declared is the schema of the columns that are chosen, where all have a type.
func (k *SourceURL) declared() *arrow.Schema {
	if len(k.Columns) == 0 {
		return nil
	}
	var fields []arrow.Field
	for _, name := range k.Columns {
		t, ok := k.Schema[name]
		if !ok {
			return nil
		}
		fields = append(fields, arrow.Field{Name: name, Type: t.DataType, Nullable: true})
	}
	return arrow.NewSchema(fields, nil)
}

// Run implements dag.Kind.
func (k *SourceURL) Run(ctx context.Context, env *dag.Env) error {
	a, err := fetch.Parse(k.URL)
	if err != nil {
		return err
	}
	dir, err := env.Temp()
	if err != nil {
		return err
	}
	file, err := k.get(ctx, env, a, dir, filePort)
	if err != nil {
		return err
	}
	if a.Member != "" {
		inside := filepath.Join(dir, "unpacked")
		if err := os.Mkdir(inside, 0o777); err != nil {
			return err
		}
		if file, err = fetch.Unpack(file, inside, a.Member, fetch.DefaultLimits); err != nil {
			return err
		}
	}
	if err := k.remember(a, file); err != nil {
		return err
	}
	return k.file(file).run(ctx, env, k.options())
}

// remember enters the columns into the lock.
func (k *SourceURL) remember(a *fetch.Address, file string) error {
	s, err := table.Sniff(file, k.options())
	if err != nil {
		return err
	}
	columns := lockColumns(s)
	return fetch.Remember(fetch.LockName, a, func(e *fetch.Entry) {
		if e.SHA256 == "" {
			return // the sha256 stands in the pipeline and the file was in the store
		}
		if e.Columns == nil {
			e.Columns = map[string][]fetch.Column{}
		}
		e.Columns[k.reading()] = columns
	})
}
