package duckdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"pipe/artifacts/table"
)

// batches is a table in memory that is read again and again.
type batches struct {
	schema *arrow.Schema
	list   []arrow.RecordBatch
	at     int
	fail   error
}

func (b *batches) Schema() *arrow.Schema { return b.schema }
func (b *batches) Rows() int64           { return -1 }
func (b *batches) Close() error          { return nil }
func (b *batches) Next() (arrow.RecordBatch, error) {
	if b.at == len(b.list) {
		if b.fail != nil {
			return nil, b.fail
		}
		return nil, io.EOF
	}
	b.at++
	return b.list[b.at-1], nil
}

func input(t testing.TB, name string, s *arrow.Schema, rows ...string) Input {
	t.Helper()
	var list []arrow.RecordBatch
	for _, r := range rows {
		b, _, err := array.RecordFromJSON(memory.DefaultAllocator, s, strings.NewReader(r))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(b.Release)
		list = append(list, b)
	}
	return Input{Name: name, Schema: s, Rows: -1, Open: func(columns []string) (table.Reader, error) {
		return table.Project(&batches{schema: s, list: list}, columns)
	}}
}

var people = arrow.NewSchema([]arrow.Field{
	{Name: "name", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "age", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	{Name: "day", Type: arrow.FixedWidthTypes.Date32, Nullable: true},
	{Name: "paid", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
	{Name: "tags", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true},
	{Name: "price", Type: &arrow.Decimal128Type{Precision: 10, Scale: 2}, Nullable: true},
	{Name: "at", Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, Nullable: true},
}, nil)

const first, second = `[{"name":"ann with a name that is long","age":41,"day":"2026-01-02","paid":true,"tags":["a","b"],"price":"1.50","at":"2026-01-02T03:04:05Z"},{"name":"bo"}]`,
	`[{"name":"cy","age":7,"tags":[]}]`

func open(t testing.TB, inputs ...Input) *DB {
	t.Helper()
	db, err := Open(Settings{}, inputs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// ask runs a query and gives its rows as JSON, one a line.
func ask(t testing.TB, sql string, inputs ...Input) (rows string, schema *arrow.Schema, err error) {
	t.Helper()
	db := open(t, inputs...)
	if schema, err = db.Prepare(sql); err != nil {
		return "", nil, err
	}
	var b strings.Builder
	err = db.Query(context.Background(), func(r arrow.RecordBatch) error { return array.RecordToJSON(r, &b) })
	return b.String(), schema, err
}

func TestQueries(t *testing.T) {
	for sql, want := range map[string]string{
		"SELECT name, age + 1 AS next FROM people WHERE age > 10":                                             `{"name":"ann with a name that is long","next":42}`,
		"SELECT count(*) AS n FROM people":                                                                    `{"n":3}`,
		"FROM people SELECT sum(age) AS total, avg(age) AS mean":                                              `{"mean":24,"total":48}`,
		"SELECT a.name FROM people a JOIN people b ON a.age < b.age":                                          `{"name":"cy"}`,
		"SELECT tags, day, paid, price, \"at\" FROM people LIMIT 1":                                           `{"at":"2026-01-02T03:04:05Z","day":"2026-01-02","paid":true,"price":"1.5","tags":["a","b"]}`,
		"SELECT paid FROM people WHERE name = 'cy'":                                                           `{"paid":null}`,
		"SELECT len(tags) AS n, name, name AS again FROM people WHERE age = 7":                                `{"again":"cy","n":0,"name":"cy"}`,
		"WITH p AS (SELECT * FROM people) SELECT (SELECT max(age) FROM p) - (SELECT min(age) FROM p) AS span": `{"span":34}`,
		"SELECT sum(price) AS p FROM people":                                                                  `{"p":"1.5"}`,
	} {
		got, _, err := ask(t, sql, input(t, "people", people, first, second))
		if err != nil || strings.TrimSpace(got) != want {
			t.Errorf("%s: %v\n got %s\nwant %s", sql, err, got, want)
		}
	}
}

func TestTypesAreKnownBefore(t *testing.T) {
	db := open(t, Input{Name: "in", Schema: people, Rows: -1}, Input{Name: `odd "name`, Schema: people, Rows: 10})
	s, err := db.Prepare(`SELECT i.name, sum(o.age) AS total, any_value(i.tags) AS tags FROM "in" i, "odd ""name" o GROUP BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(s); !strings.Contains(got, "name: type=utf8") || !strings.Contains(got, "total: type=int64") || !strings.Contains(got, "tags: type=list<") {
		t.Error(got)
	}
}

// A query sees its tables and nothing else.
func TestRefusals(t *testing.T) {
	for sql, want := range map[string]string{
		"SELECT ag FROM people":                            `1:8: Binder Error: Referenced column "ag" not found in FROM clause! Candidate bindings: "age"`,
		"SELECT name\n  FROM poeple":                       `2:8: Catalog Error: Table with name poeple does not exist! Did you mean "people"?`,
		"SELEC 1":                                          `1:1: Parser Error: syntax error at or near "SELEC"`,
		"SELECT * FROM read_csv('/etc/passwd')":            `1:15: Permission Error`,
		"SELECT * FROM '/etc/passwd.parquet'":              `Permission Error`,
		"SELECT * FROM read_text('https://example.org/x')": `1:15: Permission Error`,
		"COPY people TO 'x.csv'":                           `Permission Error`,
		"INSTALL httpfs":                                   `it is no query`,
		"ATTACH 'x.db'":                                    `it is no query`,
		"SET threads = 8":                                  `it is no query`,
		"CREATE TABLE x AS SELECT 1":                       `it is no query`,
		"SELECT 1; SELECT 2":                               `there is more than one statement`,
		"":                                                 `there is no statement`,
		"SELECT 1 AS a, 2 AS a":                            `two columns of the result are named "a"`,
		"SELECT INTERVAL 1 DAY AS i":                       `column "i" of the result is month_day_nano_interval, which a table cannot hold; CAST it`,
		"SELECT * FROM people WHERE age = ?":               `it has placeholders`,
	} {
		_, _, err := ask(t, sql, input(t, "people", people, first))
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", sql, err)
			continue
		}
		got := e.Msg
		if e.Line > 0 {
			got = fmt.Sprintf("%d:%d: %s", e.Line, e.Col, e.Msg)
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s:\n got %s\nwant %s", sql, got, want)
		}
	}
}

func TestErrorsWhileRunning(t *testing.T) {
	if _, _, err := ask(t, "SELECT CAST(name AS INTEGER) AS n FROM people", input(t, "people", people, first)); err == nil || !strings.Contains(err.Error(), "Could not convert string 'ann with a name that is long' to INT32") {
		t.Error(err)
	}
	if _, _, err := ask(t, "SELECT sum(9223372036854775807) AS n FROM people", input(t, "people", people, first)); err == nil || err.Error() != `column "n" has the value 18446744073709551614, which is beyond int64; CAST it to DOUBLE` {
		t.Error(err)
	}
	broken := Input{Name: "people", Schema: people, Rows: -1, Open: func(columns []string) (table.Reader, error) {
		return table.Project(&batches{schema: people, fail: errors.New("people: row 17 is damaged")}, columns)
	}}
	if _, _, err := ask(t, "SELECT count(name) AS n FROM people", broken); err == nil || !strings.Contains(err.Error(), "people: row 17 is damaged") {
		t.Error(err)
	}
	broken.Open = func([]string) (table.Reader, error) { return nil, errors.New("people is gone") }
	if _, _, err := ask(t, "SELECT name FROM people", broken); err == nil || !strings.Contains(err.Error(), "people is gone") {
		t.Error(err)
	}
}

// A query that takes long ends soon after its context.
func TestInterrupt(t *testing.T) {
	db := open(t)
	if _, err := db.Prepare("SELECT count(*) AS n FROM range(1000000) a, range(1000000) b WHERE a.range + b.range = 7"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := db.Query(ctx, func(arrow.RecordBatch) error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// What does not fit into the memory limit goes to the folder, and is gone later.
func TestSpill(t *testing.T) {
	dir := t.TempDir()
	db, err := Open(Settings{MemoryLimit: "60MiB", TempDir: dir}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Prepare("SELECT count(*) AS n FROM (SELECT DISTINCT md5(range::VARCHAR) FROM range(1500000))"); err != nil {
		t.Fatal(err)
	}
	rows := int64(0)
	if err := db.Query(context.Background(), func(b arrow.RecordBatch) error {
		rows = b.Column(0).(*array.Int64).Value(0)
		return nil
	}); err != nil || rows != 1500000 {
		t.Errorf("%d rows: %v", rows, err)
	}
}

func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		db, err := Open(Settings{}, []Input{{Name: "people", Schema: people, Rows: -1}})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := db.Prepare("SELECT name FROM people"); err != nil {
			b.Fatal(err)
		}
		db.Close()
	}
}

func BenchmarkStream(b *testing.B) {
	var rows []string
	for i := range 65_536 {
		rows = append(rows, fmt.Sprintf(`{"name":"name %d","age":%d,"day":"2026-01-02","paid":%t,"price":"1.5"}`, i%500, i, i%2 == 0))
	}
	in := input(b, "people", people, "["+strings.Join(rows, ",")+"]")
	for b.Loop() {
		db := open(b, in)
		if _, err := db.Prepare("SELECT name, age, day, paid FROM people WHERE age > 10"); err != nil {
			b.Fatal(err)
		}
		n := int64(0)
		if err := db.Query(context.Background(), func(r arrow.RecordBatch) error { n += r.NumRows(); return nil }); err != nil {
			b.Fatal(err)
		}
		runtime.KeepAlive(n)
	}
	b.ReportMetric(float64(b.N)*65_536/b.Elapsed().Seconds(), "rows/s")
}
