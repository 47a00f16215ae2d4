package sql

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
)

var orders = arrow.NewSchema([]arrow.Field{
	{Name: "id", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	{Name: "price", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
	{Name: "who", Type: arrow.BinaryTypes.String, Nullable: true},
}, nil)

func known(ports ...string) map[string]dag.Schema {
	in := map[string]dag.Schema{}
	for _, p := range ports {
		in[p] = dag.Schema{Type: artifacts.Table, Table: orders, Origin: p}
	}
	return in
}

func TestSQL(t *testing.T) {
	s := dagtest.Store(t)
	var rows []string
	for i := range 5000 {
		rows = append(rows, fmt.Sprintf(`{"id":%d,"price":%d.5,"who":"w%d"}`, i, i%100, i%7))
	}
	in := map[string]artifacts.Ref{"in": dagtest.Table(t, s, orders, "["+strings.Join(rows, ",")+"]"), "names": dagtest.Table(t, s, orders, `[{"who":"w1"},{"who":"w2"}]`)}
	k := dagtest.New(t, &SQL{}, "query: SELECT i.who, count(*) AS n, sum(i.id) AS ids FROM input i JOIN names USING (who) GROUP BY ALL ORDER BY who")
	out, problems := dagtest.Check(k, known("in", "names"))
	if problems != "" || fmt.Sprint(dag.ColumnNames(out["out"].Table)) != "[who n ids]" {
		t.Fatalf("%s %v", problems, out)
	}
	got := dagtest.Run(t, s, k, in)
	if rows := dagtest.Rows(t, s, got["out"]); rows != `{"ids":1787500,"n":715,"who":"w1"}`+"\n"+`{"ids":1783215,"n":714,"who":"w2"}`+"\n" {
		t.Error(rows)
	}
	// A filter keeps the order of the rows, and equal work gives equal bytes.
	k = dagtest.New(t, &SQL{}, "query: SELECT id FROM input WHERE price > 50")
	first := dagtest.Run(t, s, k, in)
	if again := dagtest.Run(t, s, k, in); again["out"] != first["out"] {
		t.Error("other bytes the second time")
	}
	if rows := dagtest.Rows(t, s, first["out"]); !strings.HasPrefix(rows, "{\"id\":50}\n{\"id\":51}\n") || strings.Count(rows, "\n") != 2500 {
		t.Errorf("%.60s", rows)
	}
}

func TestSQLCheck(t *testing.T) {
	for with, want := range map[string]string{
		`query: "SELECT pric FROM input"`:       `query@1:8: Binder Error: Referenced column "pric" not found in FROM clause! Candidate bindings: "price"`,
		`query: "SELECT 1 AS x, random() AS r"`: `query@1:16: random() gives another value at each run, so the result could not be kept (give such a value as a parameter: ${params.NAME})`,
		"query: |\n  SELECT 'now()', \"today\"\n  -- random()\n  FROM input WHERE CURRENT_DATE > 1": `query@3:18: CURRENT_DATE gives another value at each run, so the result could not be kept (give such a value as a parameter: ${params.NAME})`,
		`{query: SELECT 1 AS x, memory_limit: much}`:                                                `memory_limit: must be a number with a unit, as 512MiB or 2GiB, is "much"`,
		`query: DROP VIEW input`: `query: it is no query: only SELECT, WITH, VALUES and FROM give rows and change nothing`,
	} {
		if _, got := dagtest.Check(dagtest.New(t, &SQL{}, with), known("in")); got != want {
			t.Errorf("%s:\n got %s\nwant %s", with, got, want)
		}
	}
	in := known("in")
	in["model"] = dag.Schema{Type: artifacts.Model}
	if _, got := dagtest.Check(dagtest.New(t, &SQL{}, "query: SELECT 1 AS x"), in); got != "in.model: a model cannot be queried, only a table" {
		t.Error(got)
	}
	// Columns that are not known leave the result unknown.
	if out, got := dagtest.Check(dagtest.New(t, &SQL{}, "query: SELECT anything FROM input"), map[string]dag.Schema{"in": {Type: artifacts.Table}}); got != "" || out["out"].Table != nil {
		t.Error(got)
	}
}
