package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts/table"
	"pipe/stages/database/postgrestest"
)

// all reads an answer row by row, with its types before it.
func all(t *testing.T, s Source, query string, types map[string]arrow.DataType) (string, error) {
	t.Helper()
	a, err := Query(context.Background(), s, query, types)
	if err != nil {
		return "", err
	}
	defer a.Close()
	var b strings.Builder
	for _, f := range a.Schema().Fields() {
		fmt.Fprintf(&b, "%s %s; ", f.Name, table.TypeName(f.Type))
	}
	for batch, err := range table.All(a) {
		if err != nil {
			return b.String(), err
		}
		for row := range int(batch.NumRows()) {
			for _, col := range batch.Columns() {
				b.WriteString("|" + col.ValueStr(row))
			}
			b.WriteByte('\n')
		}
	}
	return b.String(), nil
}

// types parses types of columns.
func types(t *testing.T, pairs ...string) map[string]arrow.DataType {
	m := map[string]arrow.DataType{}
	for i := 0; i < len(pairs); i += 2 {
		var err error
		if m[pairs[i]], err = table.ParseType(pairs[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func file(t *testing.T, statements string) SQLite {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a shop?.db")
	db, err := sql.Open("sqlite3", "file:"+strings.NewReplacer("?", "%3f", " ", "%20").Replace(path))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statements); err != nil {
		t.Fatal(err)
	}
	return SQLite{path}
}

func TestSQLite(t *testing.T) {
	s := file(t, `CREATE TABLE orders (id INTEGER PRIMARY KEY, who VARCHAR(20), price NUMERIC, ok BOOLEAN, at TIMESTAMP, day DATE, raw BLOB, part DOUBLE PRECISION);
		INSERT INTO orders VALUES (1, 'anna', 3, 1, '2026-02-03 04:05:06.5', '2026-02-03', x'0102', 1), (2, NULL, 3.5, 0, NULL, NULL, NULL, NULL), (9007199254740993, 'ü', NULL, NULL, 0, '1969-12-31', x'', 2.5);
		CREATE TABLE wild (v, at TIMESTAMP); INSERT INTO wild VALUES (1, 'yesterday'), ('two', NULL), (x'00', NULL)`)
	for _, c := range []struct {
		query, want string
		types       map[string]arrow.DataType
	}{
		{"SELECT * FROM orders ORDER BY id", "id int64; who string; price float64; ok bool; at timestamp; day date; raw binary; part float64; " +
			"|1|anna|3|true|2026-02-03T04:05:06.5|2026-02-03|AQI=|1\n" +
			"|2|(null)|3.5|false|(null)|(null)|(null)|(null)\n" +
			"|9007199254740993|ü|(null)|(null)|1970-01-01T00:00:00|1969-12-31||2.5\n", nil},
		{"SELECT count(*) AS n, avg(price) AS mean FROM orders; -- that is all;", "n int64; mean float64; |3|3.25\n", nil},
		{"SELECT ';' AS x, id FROM orders WHERE id < 0", "x string; id int64; ", nil},
		{"SELECT price FROM orders WHERE id < 3", "price decimal(5, 2); |3\n|3.5\n", types(t, "price", "decimal(5, 2)")},
		{"SELECT price, id FROM orders WHERE id < 3", "price string; id int32; |3|1\n|3.5|2\n", types(t, "price", "string", "id", "int32")},
	} {
		if got, err := all(t, s, c.query, c.types); err != nil || got != c.want {
			t.Errorf("%s: %v\n got %s\nwant %s", c.query, err, got, c.want)
		}
	}
	for query, want := range map[string]string{
		"SELECT id FROM order":              `a shop?.db: near "order": syntax error`,
		"SELECT nam FROM orders":            "no such column: nam",
		"SELECT id, id FROM orders":         `column 2 of the result is named "id", as another one`,
		"SELECT 1; SELECT 2":                "there is more than one query",
		"DELETE FROM orders":                "it would change the database",
		"ATTACH 'x.db' AS x":                "too many attached databases - max 0",
		"SELECT id FROM orders WHERE id=?":  "1 places for values",
		"SELECT v FROM wild":                `row 3, column "v": 1 bytes is no string`,
		"SELECT at FROM wild":               `column "at" holds a text that is no time`,
		"SELECT CAST(NULL AS TEXT) FROM no": "no such table: no",
	} {
		if _, err := all(t, s, query, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", query, err, want)
		}
	}
	for _, c := range []struct {
		query, want string
		types       map[string]arrow.DataType
	}{
		{"SELECT price FROM orders ORDER BY id", `row 2, column "price": 3.5 is no int64; give the column its type in schema, or CAST it in the query`, types(t, "price", "int64")},
		{"SELECT id FROM orders ORDER BY id", `row 3, column "id": 9007199254740993 is no float64`, types(t, "id", "float64")},
		{"SELECT id FROM orders ORDER BY id", `row 3, column "id": 9007199254740993 is no int32`, types(t, "id", "int32")},
		{"SELECT id FROM orders", `the schema names a column "nam", and the result has none`, types(t, "nam", "int32")},
		{"SELECT price FROM orders WHERE id = 2", `3.5 is no decimal(5, 0)`, types(t, "price", "decimal(5, 0)")},
	} {
		if _, err := all(t, s, c.query, c.types); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.query, err, c.want)
		}
	}
	if entries, _ := os.ReadDir(filepath.Dir(s.Path)); len(entries) != 1 {
		t.Errorf("files were left beside the database: %v", entries)
	}
	if _, err := all(t, SQLite{"no.db"}, "SELECT 1", nil); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if err := os.WriteFile(s.Path, []byte("this is no database, whatever its name says"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := all(t, s, "SELECT * FROM x", nil); err == nil || !strings.Contains(err.Error(), "not a database") {
		t.Error(err)
	}
}

// TestSQLiteReadsItsLog has rows that are in the write-ahead log alone.
func TestSQLiteReadsItsLog(t *testing.T) {
	s := SQLite{filepath.Join(t.TempDir(), "live.db")}
	db, err := sql.Open("sqlite3", s.Path+"?_journal_mode=WAL")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (7)"); err != nil {
		t.Fatal(err)
	}
	if beside := s.Beside(); len(beside) != 1 || filepath.Base(beside[0]) != "live.db-wal" {
		t.Errorf("beside it: %v", beside)
	}
	if got, err := all(t, s, "SELECT n FROM t", nil); err != nil || got != "n int64; |7\n" {
		t.Errorf("%s %v", got, err)
	}
}

// TestBatchesAreBounded reads more rows than a batch holds.
func TestBatchesAreBounded(t *testing.T) {
	s := file(t, "CREATE TABLE t (n INTEGER)")
	a, err := Query(context.Background(), s, "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c WHERE n < 40000) SELECT n, n * 0.5 AS half FROM c", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	rows, batches := int64(0), 0
	for b, err := range table.All(a) {
		if err != nil {
			t.Fatal(err)
		}
		rows, batches = rows+b.NumRows(), batches+1
		if b.NumRows() > batchRows {
			t.Errorf("a batch of %d rows", b.NumRows())
		}
	}
	if _, err := a.Next(); rows != 40000 || batches != 3 || err != io.EOF {
		t.Errorf("%d rows in %d batches, then %v", rows, batches, err)
	}
	// A query that never gives its first row ends when the run does.
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	if _, err := Query(ctx, s, "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c) SELECT count(*) AS n FROM c", nil); err == nil {
		t.Error("a query that never ends ended")
	}
}

func TestPostgres(t *testing.T) {
	host := postgrestest.Server(t, `CREATE TYPE mood AS ENUM ('sad', 'ok');
		CREATE TABLE all_types (b boolean, i2 smallint, i4 integer, i8 bigint, f4 real, f8 double precision, num numeric(20, 4), txt text, vc varchar(9), raw bytea, day date, ts timestamp, tz timestamptz,
			id uuid, doc jsonb, m mood, ints integer[], words text[], vec real[]);
		INSERT INTO all_types VALUES (true, -2, 70000, 9007199254740993, 1.5, -2.25, 12345678901234.5678, 'ü', 'x', '\x0102', '1999-12-31', '2026-02-03 04:05:06.789', '2026-02-03 04:05:06+02',
			'00000000-0000-0000-0000-000000000001', '{"a": 1}', 'ok', '{1,NULL,3}', '{a,"b c"}', '{0.5,1}');
		INSERT INTO all_types DEFAULT VALUES;
		CREATE TABLE many AS SELECT g AS n FROM generate_series(1, 100000) g; CREATE TABLE odd AS SELECT 'infinity'::timestamp AS t, '{{1,2},{3,4}}'::int[] AS grid`)
	s := Postgres{"postgres://pipe:" + postgrestest.Password + "@/shop?host=" + host}
	want := "b bool; i2 int16; i4 int32; i8 int64; f4 float32; f8 float64; num float64; txt string; vc string; raw binary; day date; ts timestamp; tz timestamp[us, UTC]; id string; doc string; m string; ints list<int32>; words list<string>; vec list<float32>; " +
		"|true|-2|70000|9007199254740993|1.5|-2.25|1.2345678901234568e+13|ü|x|AQI=|1999-12-31|2026-02-03T04:05:06.789|2026-02-03T02:05:06Z|00000000-0000-0000-0000-000000000001|{\"a\": 1}|ok|[1,null,3]|[\"a\",\"b c\"]|[0.5,1]\n" +
		strings.Repeat("|(null)", 19) + "\n"
	if got, err := all(t, s, "SELECT * FROM all_types;", nil); err != nil || got != want {
		t.Errorf("%v\n got %s\nwant %s", err, got, want)
	}
	if got, err := all(t, s, "SELECT num, i4 FROM all_types WHERE b", types(t, "num", "decimal(20, 4)", "i4", "int64")); err != nil || got != "num decimal(20, 4); i4 int64; |12345678901234.5678|70000\n" {
		t.Error(got, err)
	}
	a, err := Query(context.Background(), s, "SELECT n FROM many ORDER BY n", nil)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := a.Next(); err != nil || b.NumRows() != batchRows {
		t.Errorf("%v", err)
	}
	if err := a.Close(); err != nil { // in the middle
		t.Error(err)
	}
	if v, err := Value(context.Background(), s, "SELECT max(n), count(*) FROM many"); err != nil || v != "[100000 100000]" {
		t.Errorf("%q %v", v, err)
	}
	for query, want := range map[string]string{
		"SELECT\n  nam FROM many":               `column "nam" does not exist (line 2, column 3 of the query)`,
		"SELECT n FROM many; SELECT 1":          "there is more than one query",
		"DELETE FROM many RETURNING n":          "cannot execute DELETE in a read-only transaction",
		"DROP TABLE many":                       "it is no query: it gives no columns",
		"SELECT n FROM many WHERE n = $1":       "places for values ($1)",
		"SELECT t FROM odd":                     `column "t": infinity is no time that a table can hold`,
		"SELECT grid FROM odd":                  `column "grid": an array of 2 dimensions is no list`,
		"SELECT 1 / (n - 50000) AS x FROM many": "division by zero",
	} {
		if _, err := all(t, s, query, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", query, err, want)
		}
	}
	for address, want := range map[string]string{
		"postgres://pipe:wr0ng-word@/shop?host=" + host:                 `as pipe: password authentication failed for user "pipe"`,
		"postgres://pipe:wr0ng-word@/other?host=" + host:                `connect to the database "other" at`,
		"postgres://pipe:wr0ng-word@127.0.0.1:1/shop":                   "connection refused",
		"postgres://pipe:wr0ng-word@127.0.0.1/shop?sslmode=wr0ng-word":  "the address cannot be read",
		"postgres://pipe:wr0ng-word@127.0.0.1:port-wr0ng-word/shop":     "the address is no URL",
		"mysql://pipe:wr0ng-word@127.0.0.1/shop":                        `begins with "mysql:" and not with postgres://`,
		"postgres://pipe:wr0ng-word@no-such-host.invalid/shop?wr0ng=%z": "the address",
	} {
		if _, err := all(t, Postgres{address}, "SELECT 1 AS n", nil); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "wr0ng-word") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// FuzzPostgresArray reads what a broken server may send.
func FuzzPostgresArray(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 7})
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 0x7f, 255, 255, 255})
	read := arrayOf(oidInt4).read
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, err := read(b); err == nil && len(v.([]any)) > len(b) {
			t.Errorf("%d items of %d bytes", len(v.([]any)), len(b))
		}
	})
}
