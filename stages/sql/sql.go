// Package sql owns the kind sql: a query over tables, in DuckDB. Only stages/all
// imports it, because whoever does links DuckDB.
package sql

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/stages/duckdb"
)

// Kind is the kind sql.
var Kind = dag.Info{
	Name:    "sql",
	Version: 1,
	Doc: "Asks a query in DuckDB's SQL over its inputs, which are views under the names of their ports; that of a single unnamed input is called input. " +
		"The columns of the result are known before anything runs. The query sees its inputs and nothing else: no file, no network. " +
		"It runs on one thread, so that equal inputs give equal rows in one order; say ORDER BY where you want a certain one. What does not fit into the memory limit goes to a temporary folder. " +
		"Sums of whole numbers are int64. What differs from run to run, such as now() or random(), is refused.",
	Example: `spent: { uses: sql, in: { orders: orders, people: people }, with: { query: "SELECT p.name, sum(o.price) AS spent FROM orders o JOIN people p USING (id) GROUP BY ALL ORDER BY spent DESC" } }`,
	New:     func() dag.Kind { return &SQL{} },
}

// SQL is the configuration of sql.
type SQL struct {
	Query       string `yaml:"query" doc:"a query: SELECT, WITH, VALUES or FROM" required:"true" example:"SELECT label, count(*) AS n FROM input GROUP BY ALL ORDER BY n DESC"`
	MemoryLimit string `yaml:"memory_limit" doc:"how much memory the query may take, as 2GiB" default:"1GiB"`
}

// Ports implements dag.Kind.
func (k *SQL) Ports() (in, out []dag.Port) {
	return []dag.Port{{Name: dag.Wildcard, Type: artifacts.Table, Optional: true, Doc: "tables, under the names that the query has for them"}},
		[]dag.Port{{Name: dag.Out, Type: artifacts.Table, Doc: "the rows of the result"}}
}

var memoryLimit = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9]+(\.[0-9]+)?(KiB|MiB|GiB|TiB|KB|MB|GB|TB)$`) })

// Check implements dag.Kind: DuckDB binds the query to empty views.
func (k *SQL) Check(c *dag.Check) {
	if !memoryLimit().MatchString(k.MemoryLimit) {
		c.Errorf("memory_limit", "must be a number with a unit, as 512MiB or 2GiB, is %q", k.MemoryLimit)
		return
	}
	if at, name := restless(k.Query); name != "" {
		line, col := place(k.Query, at)
		c.Hintf("config", fmt.Sprintf("query@%d:%d", line, col), "give such a value as a parameter: ${params.NAME}", "%s gives another value at each run, so the result could not be kept", name)
		return
	}
	var inputs []duckdb.Input
	for port, s := range c.In {
		if s.Type != artifacts.Table && s.Type != "" {
			c.Errorf("in."+port, "a %s cannot be queried, only a table", s.Type)
			return
		}
		if s.Table == nil {
			return // what it holds is not known, so DuckDB cannot say what comes out
		}
		inputs = append(inputs, duckdb.Input{Name: view(port), Schema: s.Table, Rows: -1})
	}
	slices.SortFunc(inputs, func(a, b duckdb.Input) int { return strings.Compare(a.Name, b.Name) })
	db, release, err := c.Shared("duckdb", func() (io.Closer, error) { return duckdb.Open(duckdb.Settings{}, nil) })
	if err != nil {
		c.Errorf("", "%v", err)
		return
	}
	defer release()
	s, err := db.(*duckdb.DB).Bind(inputs, k.Query)
	var e *duckdb.Error
	switch {
	case errors.As(err, &e) && e.Line > 0 && strings.Contains(strings.TrimSpace(k.Query), "\n"):
		c.Errorf("query", "line %d, column %d of the query: %v", e.Line, e.Col, err)
	case errors.As(err, &e) && e.Line > 0:
		c.Errorf(fmt.Sprintf("query@%d:%d", e.Line, e.Col), "%v", err)
	case err != nil:
		c.Errorf("query", "%v", err)
	default:
		c.Out[dag.Out] = dag.Schema{Type: artifacts.Table, Table: s}
	}
}

// view names the view of a port; in is a word of SQL.
func view(port string) string {
	if port == "in" {
		return "input"
	}
	return port
}

// Run implements dag.Kind.
func (k *SQL) Run(ctx context.Context, env *dag.Env) error {
	dir, err := env.Temp()
	if err != nil {
		return err
	}
	inputs, err := open(env)
	if err != nil {
		return err
	}
	db, err := duckdb.Open(duckdb.Settings{MemoryLimit: k.MemoryLimit, TempDir: dir}, inputs)
	if err != nil {
		return err
	}
	defer db.Close()
	schema, err := db.Prepare(k.Query)
	if err != nil {
		return err
	}
	w, err := env.CreateTable(dag.Out, schema, table.Arrow)
	if err != nil {
		return err
	}
	rows := int64(0)
	err = db.Query(ctx, func(b arrow.RecordBatch) error {
		rows += b.NumRows()
		env.Progress(rows, 0, "rows")
		return w.Write(b)
	})
	if err != nil {
		return err
	}
	env.Logf("%d rows, %d columns", rows, schema.NumFields())
	env.Metric("rows", float64(rows), 0)
	return nil
}

// open describes the inputs; each is opened as often as the query reads it.
func open(env *dag.Env) ([]duckdb.Input, error) {
	var inputs []duckdb.Input
	for _, port := range env.Connected() {
		r, err := env.Table(port)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, duckdb.Input{Name: view(port), Schema: r.Schema(), Rows: r.Rows(), Open: func(columns []string) (table.Reader, error) {
			r, err := env.Table(port)
			if err != nil {
				return nil, err
			}
			p, err := table.Project(r, columns)
			if err != nil {
				return nil, errors.Join(err, r.Close())
			}
			return p, nil
		}})
		if err := r.Close(); err != nil {
			return nil, err
		}
	}
	return inputs, nil
}
