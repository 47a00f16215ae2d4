package stages

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/zeebo/xxh3"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/stages/database"
	"pipe/stages/fetch"
)

var sourceSQLKind = dag.Info{
	Name:    "source.sql",
	Version: 1,
	Doc: "Reads the rows that a query gives in a database: a file of SQLite (path) or a server of PostgreSQL (url). Nothing is changed there: the file is opened for reading, the session is read-only. " +
		"Of a file, the result is kept until the file changes. A server is asked again at each run, unless version or fresh_for say when its rows are still the same; equal rows keep what comes after them in the cache. " +
		"Write ORDER BY: a database gives rows in any order. " +
		"The columns are known before anything runs: of a file by preparing the query, of a server by schema or from the last run, which enters them into pipe.lock. " +
		"A value that does not fit its column is an error with its row: in SQLite a column may hold anything, and one without a declared type takes that of the first 1,000 rows. PostgreSQL's numeric becomes float64, or in schema decimal(PRECISION, SCALE) or string; arrays of numbers, booleans and texts become lists; uuid, json, enums and the like come as text.",
	Example: `orders: { uses: source.sql, with: { url: "postgres://shop:${secret.DB_PASSWORD}@db.example.org/shop", query: "SELECT id, total, paid_at FROM orders ORDER BY id", version: "SELECT max(changed_at) FROM orders" } }`,
	New:     func() dag.Kind { return &SourceSQL{} },
}

// SourceSQL is the kind source.sql.
type SourceSQL struct {
	Path     dag.Path              `yaml:"path" doc:"a file of SQLite, relative to the working folder" example:"shop.db"`
	URL      string                `yaml:"url" doc:"a server of PostgreSQL: postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…; the password as a secret. What is left out is found in PGHOST, PGUSER, PGPASSWORD, ~/.pgpass and so on" example:"postgres://shop:${secret.DB_PASSWORD}@db.example.org/shop"`
	Query    string                `yaml:"query" doc:"the query, in the database's own SQL" required:"true" example:"SELECT id, total FROM orders ORDER BY id"`
	Schema   map[string]ColumnType `yaml:"schema" doc:"types of columns of the result; of a server that was not asked yet it names all of them, where what comes after is to be checked" example:"{id: int64, total: \"decimal(10, 2)\"}"`
	Version  string                `yaml:"version" doc:"of a server: a query for one value; the result is kept as long as that value is the same" example:"SELECT max(changed_at) FROM orders"`
	FreshFor dag.Duration          `yaml:"fresh_for" doc:"of a server: the query is asked once in each such span of time (of UTC), as 1h or 24h" example:"24h"`
}

// Ports implements dag.Kind.
func (k *SourceSQL) Ports() (in, out []dag.Port) {
	return nil, []dag.Port{{Name: dag.Out, Type: artifacts.Table, Doc: "the rows of the result"}}
}

// source is the database that is asked.
func (k *SourceSQL) source() database.Source {
	if k.Path != "" {
		return database.SQLite{Path: string(k.Path)}
	}
	return database.Postgres{Address: k.URL}
}

// types are the columns whose type the pipeline says.
func (k *SourceSQL) types() map[string]arrow.DataType {
	types := make(map[string]arrow.DataType, len(k.Schema))
	for name, t := range k.Schema {
		types[name] = t.DataType
	}
	return types
}

// Check implements dag.Kind. A file is asked for its first rows, a server for
// nothing.
func (k *SourceSQL) Check(c *dag.Check) {
	var s *arrow.Schema
	switch {
	case (k.Path == "") == (k.URL == ""):
		c.Hintf("config", "", "path: shop.db for SQLite, url: postgres://… for PostgreSQL", "either path or url says which database is asked")
		return
	case k.Path != "":
		if k.Version != "" || k.FreshFor != 0 {
			c.Errorf(firstSet(k.Version != "", "version", "fresh_for"), "is for a server; the result of a file is kept until the file changes")
			return
		}
		s = k.prepare(c)
	default:
		s = k.remembered(c)
	}
	if s != nil {
		c.Out[dag.Out] = dag.Schema{Type: artifacts.Table, Table: s}
	}
}

func firstSet(ok bool, a, b string) string {
	if ok {
		return a
	}
	return b
}

func (k *SourceSQL) prepare(c *dag.Check) *arrow.Schema {
	a, err := database.Query(context.Background(), k.source(), k.Query, k.types())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.Hintf("missing-file", "path", nearFiles(string(k.Path)), "there is no file %q", string(k.Path))
		return nil
	case err != nil:
		c.Errorf("query", "%v", err)
		return nil
	}
	defer a.Close()
	return a.Schema()
}

func (k *SourceSQL) remembered(c *dag.Check) *arrow.Schema {
	if !strings.HasPrefix(k.URL, "__secret.") { // else the whole address is a secret
		u, err := database.ParsePostgres(k.URL)
		if err != nil {
			c.Errorf("url", "%v", err)
			return nil
		}
		if p := password(u); p != "" && !dag.HoldsSecret(p) {
			c.Hintf("secret", "url", "write ${secret.NAME} in its place, and set PIPE_SECRET_NAME; or leave it out and set PGPASSWORD", "the address holds a password, which would be kept with each run")
			return nil
		}
	}
	if k.Version != "" && k.FreshFor != 0 {
		c.Errorf("fresh_for", "either version or fresh_for says how long the result is kept")
		return nil
	}
	if k.FreshFor < 0 {
		c.Errorf("fresh_for", "must be more than 0")
		return nil
	}
	columns, err := fetch.Queried(fetch.LockName, k.name(dag.ShowSecrets))
	if err != nil {
		c.Errorf("url", "%v", err)
		return nil
	}
	s := recorded(columns)
	var fields []arrow.Field
	switch {
	case s == nil && len(k.Schema) == 0:
		return nil // nothing is known before the first run
	case s == nil:
		for _, name := range sortedNames(k.Schema) {
			fields = append(fields, arrow.Field{Name: name, Type: k.Schema[name].DataType, Nullable: true})
		}
	default:
		for _, f := range s.Fields() {
			if t, ok := k.Schema[f.Name]; ok {
				f.Type = t.DataType
			}
			fields = append(fields, f)
		}
	}
	return arrow.NewSchema(fields, nil)
}

func password(u *url.URL) string {
	p, _ := u.User.Password()
	if p == "" {
		p = u.Query().Get("password")
	}
	return p
}

// name is under what pipe.lock has the columns: the database and the query,
// without who asks; hide takes the secrets out.
func (k *SourceSQL) name(hide func(string) string) string {
	address := hide(k.URL)
	if scheme, rest, ok := strings.Cut(address, "//"); ok {
		host, settings, _ := strings.Cut(rest, "?")
		address = scheme + "//" + host[strings.LastIndexByte(host, '@')+1:]
		if settings != "" {
			address += "?" + settings
		}
	}
	return fmt.Sprintf("%s#%016x", address, xxh3.HashString(hide(k.Query)))
}

// Externals implements dag.External: what belongs to a file of SQLite and lies
// beside it.
func (k *SourceSQL) Externals() ([]string, artifacts.Keep, error) {
	if k.Path == "" {
		return nil, nil, nil
	}
	return database.SQLite{Path: string(k.Path)}.Beside(), nil, nil
}

// OutsideVersion implements dag.Versioned.
func (k *SourceSQL) OutsideVersion(ctx context.Context, now time.Time) (string, bool, error) {
	switch {
	case k.Path != "":
		return "", true, nil // the file is in the key
	case k.Version != "":
		v, err := database.Value(ctx, k.source(), k.Version)
		if err != nil {
			return "", false, fmt.Errorf("with.version: %w", err)
		}
		return v, true, nil
	case k.FreshFor > 0:
		return now.UTC().Truncate(time.Duration(k.FreshFor)).Format(time.RFC3339Nano), true, nil
	}
	return "", false, nil
}

// Run implements dag.Kind.
func (k *SourceSQL) Run(ctx context.Context, env *dag.Env) (err error) {
	a, err := database.Query(ctx, k.source(), k.Query, k.types())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	w, err := env.CreateTable(dag.Out, a.Schema(), table.Arrow)
	if err != nil {
		return err
	}
	rows := int64(0)
	for batch, err := range table.All(a) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err != nil {
			return err
		}
		if err := w.Write(batch); err != nil {
			return err
		}
		rows += batch.NumRows()
		env.Progress(rows, 0, "rows")
	}
	if k.URL != "" {
		if err := fetch.RememberQuery(fetch.LockName, k.name(env.Scrub), lockColumns(a.Schema())); err != nil {
			return err
		}
	}
	env.Logf("%d rows, %d columns", rows, a.Schema().NumFields())
	env.Metric("rows", float64(rows), 0)
	env.Metric("columns", float64(a.Schema().NumFields()), 0)
	return nil
}
