package stages

import (
	"context"
	"database/sql"
	"os"
	"strings"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
	"pipe/dag/text"
	"pipe/stages/database/postgrestest"
)

// runRows checks a pipeline of one stage and runs it: the columns that the check
// knew, and all that the stage or the checker said.
func runRows(t *testing.T, s *artifacts.Store, with string, now time.Time, secrets map[string]string) (columns, said string) {
	t.Helper()
	p, err := dag.Load(context.Background(), &text.File{Name: "p.yaml", Data: []byte("pipeline: p\nstages:\n  rows: { uses: source.sql, with: " + with + " }\n")}, dag.LoadOptions{Kinds: Kinds()})
	if err != nil {
		return "", err.Error()
	}
	if table := p.Order[0].Schemas["out"].Table; table != nil {
		columns = strings.Join(dag.ColumnNames(table), " ")
	}
	var b strings.Builder
	res, err := dag.Run(context.Background(), p, dag.RunOptions{ID: "r", Store: s, Jobs: 1, Sink: spoken{&b}, Secrets: dag.Secrets{Values: secrets, Salt: []byte("salt")}, Now: func() time.Time { return now }})
	if res == nil || err != nil && len(res.Failures) == 0 {
		t.Fatal(err)
	}
	for _, f := range res.Failures {
		b.WriteString(f.Error())
	}
	return columns, b.String()
}

// spoken writes down how stages end and what they say.
type spoken struct{ b *strings.Builder }

func (s spoken) Event(e *dag.Event) {
	if e.Stage == "rows" && e.Type != dag.StageStarted {
		s.b.WriteString(string(e.Type) + " " + e.Text + "; ")
	}
}

const sqlNow = "2026-05-06T07:08:09Z"

func at(t *testing.T, s string) time.Time {
	t.Helper()
	now, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return now
}

// TestSourceSQLFile: the result is kept until the file changes, whatever its name.
func TestSourceSQLFile(t *testing.T) {
	t.Chdir(t.TempDir())
	db, err := sql.Open("sqlite3", "shop.db")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	change := func(statement string) {
		t.Helper()
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	change("CREATE TABLE orders (id INTEGER, total REAL); INSERT INTO orders VALUES (1, 2.5)")
	s, with, now := dagtest.Store(t), `{ path: shop.db, query: "SELECT id, total FROM orders" }`, at(t, sqlNow)
	expect := func(with, columns, want string) {
		t.Helper()
		gotColumns, said := runRows(t, s, with, now, nil)
		if gotColumns != columns || !strings.Contains(said, want) {
			t.Errorf("%s: columns %q, said %q, want %q", with, gotColumns, said, want)
		}
	}
	expect(with, "id total", "stage.finished")
	expect(with, "id total", "stage.cached")
	change("INSERT INTO orders VALUES (2, 3)")
	expect(with, "id total", "2 rows, 2 columns")
	expect(`{ path: shop.dv, query: "SELECT 1 AS x" }`, "", `there is no file "shop.dv" (did you mean "shop.db"?)`)
	expect(`{ path: shop.db, query: "SELECT totl FROM orders" }`, "", `p.yaml:3:59: stage "rows": with.query: shop.db: no such column: totl`)
	expect(`{ query: "SELECT 1 AS x" }`, "", "either path or url says which database is asked")
	expect(`{ path: shop.db, query: "SELECT 1 AS x", fresh_for: 1h }`, "", "with.fresh_for: is for a server")
	change("INSERT INTO orders VALUES ('three', 3)")
	expect(with, "id total", `row 3, column "id": "three" is no int64; give the column its type in schema`)
}

// TestSourceSQLServer: the columns are those of the last run; version and
// fresh_for say when the rows are still the same; the password is nowhere.
func TestSourceSQLServer(t *testing.T) {
	host := postgrestest.Server(t, "CREATE TABLE orders (id integer, total numeric(8, 2)); INSERT INTO orders VALUES (1, 2.50)")
	t.Chdir(t.TempDir())
	s, now := dagtest.Store(t), at(t, sqlNow)
	secrets := map[string]string{"PW": postgrestest.Password, "ALL": "postgres://pipe:" + postgrestest.Password + "@/shop?host=" + host}
	url := `url: "postgres://pipe:${secret.PW}@/shop?host=` + host + `"`
	expect := func(with, columns, want string) {
		t.Helper()
		gotColumns, said := runRows(t, s, with, now, secrets)
		lock, _ := os.ReadFile("pipe.lock")
		if gotColumns != columns || !strings.Contains(said, want) || strings.Contains(said+string(lock), postgrestest.Password) {
			t.Errorf("%s: columns %q, said %q, want %q; pipe.lock %s", with, gotColumns, said, want, lock)
		}
	}
	query := `query: "SELECT id, total FROM orders ORDER BY id"`
	expect(`{ `+url+`, `+query+` }`, "", "stage.finished")
	expect(`{ `+url+`, `+query+` }`, "id total", "stage.finished") // asked at each run
	expect(`{ `+url+`, query: "SELECT id AS n FROM orders", schema: { n: int64 } }`, "n", "1 rows, 1 columns")
	expect(`{ url: "${secret.ALL}", `+query+` }`, "", "stage.finished")
	expect(`{ url: "${secret.ALL}", `+query+` }`, "id total", "stage.finished")
	versioned := `{ ` + url + `, ` + query + `, version: "SELECT max(id) FROM orders" }`
	expect(versioned, "id total", "stage.finished")
	expect(versioned, "id total", "stage.cached")
	postgrestest.Change(t, host, "INSERT INTO orders VALUES (2, 3)")
	expect(versioned, "id total", "2 rows, 2 columns")
	fresh := `{ ` + url + `, ` + query + `, fresh_for: 24h }`
	expect(fresh, "id total", "stage.finished")
	now = now.Add(time.Hour)
	expect(fresh, "id total", "stage.cached")
	now = now.Add(24 * time.Hour)
	expect(fresh, "id total", "stage.finished")
	// What is wrong.
	expect(`{ `+url+`, `+query+`, version: "SELECT mx(id) FROM orders" }`, "id total", `with.version: function mx(integer) does not exist`)
	expect(`{ `+url+`, query: "SELECT id FROM ordrs" }`, "", `relation "ordrs" does not exist (line 1, column 16 of the query)`)
	expect(`{ url: "postgres://pipe:open@/shop", `+query+` }`, "", "with.url: the address holds a password, which would be kept with each run (write ${secret.NAME} in its place")
	expect(`{ url: "mysql://x/shop", `+query+` }`, "", `the address begins with "mysql:" and not with postgres://`)
	secrets["PW"] = "wr0ng"
	expect(`{ `+url+`, `+query+` }`, "id total", `password authentication failed for user "pipe"`)
}
