package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// filled is the bytes of a registry that has something in most of its tables.
func filled(t *testing.T) []byte {
	t.Helper()
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "registry.db")
	r := must(Open(ctx, path, WithClock(testClock())))(t)
	for i := range 40 {
		run := must(r.CreateRun(ctx, NewRun{ID: fmt.Sprintf("%032x", i), Pipeline: "p", Params: []Pair{{"lr", fmt.Sprint(i)}}}))(t)
		ok(t, r.SetTags(ctx, run.ID, []Pair{{"note", strings.Repeat("text ", i)}}))
		for step := range int64(20) {
			ok(t, r.LogMetrics(ctx, run.ID, []Metric{dot("loss", 1/float64(step+1), epoch.Add(time.Duration(step)*time.Second), step)}))
		}
		ok(t, r.PutStage(ctx, run.ID, Stage{Name: "s", Kind: "k", State: StageDone}))
		ok(t, r.FinishRun(ctx, run.ID, Finished, epoch, ""))
	}
	ok(t, r.Close())
	db := must(sql.Open("sqlite3", path))(t)
	_, err := db.Exec("PRAGMA wal_checkpoint(TRUNCATE)")
	ok(t, errors.Join(err, db.Close()))
	return must(os.ReadFile(path))(t)
}

// openBytes opens a registry of these bytes, unless it is refused.
func openBytes(t *testing.T, b []byte) (*Registry, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "registry.db")
	ok(t, os.WriteFile(path, b, 0o644))
	return Open(context.Background(), path)
}

// content is the rows of each table.
func content(r *Registry) (map[string][]string, error) {
	all := map[string][]string{}
	err := r.view(context.Background(), func(t *tx) error {
		rows, err := t.query("SELECT name FROM sqlite_schema WHERE type = 'table'")
		tables, err := texts(rows, err)
		for _, table := range tables {
			if err == nil {
				all[table], err = rowsOf(t, table)
			}
		}
		return err
	})
	return all, err
}

func rowsOf(t *tx, table string) ([]string, error) {
	rows, err := t.query(fmt.Sprintf("SELECT * FROM %q", table))
	if err != nil {
		return nil, err
	}
	columns, err := rows.Columns()
	values, pointers := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		pointers[i] = &values[i]
	}
	return collect(rows, err, func(scan scanner) (string, error) {
		err := scan(pointers...)
		return fmt.Sprintf("%q", values), err
	})
}

func wantDamaged(t *testing.T, what string, err error) {
	t.Helper()
	var damaged *DamagedError
	if !errors.As(err, &damaged) {
		t.Errorf("%s: %v", what, err)
		return
	}
	for _, part := range []string{damaged.Path, "move it aside", "backup", filepath.Join(filepath.Dir(damaged.Path), "runs")} {
		if strings.Count(err.Error(), part) < 1 {
			t.Errorf("%s: %q lacks %q", what, err, part)
		}
	}
}

func TestOpenTellsDamage(t *testing.T) {
	sound := filled(t)
	for what, b := range map[string][]byte{
		"text":         []byte(strings.Repeat("no database ", 500)),
		"no header":    append(make([]byte, 4096), sound[4096:]...),
		"half a page":  sound[:2048],
		"a page":       sound[:4096],
		"a short file": []byte("x"),
	} {
		r, err := openBytes(t, b)
		if err == nil {
			err = errors.Join(errors.New("opened"), r.Close())
		}
		wantDamaged(t, what, err)
	}
}

// A registry that is damaged behind its schema opens, and says so where it is
// read or written.
func TestOperationsTellDamage(t *testing.T) {
	ctx := context.Background()
	b := filled(t)
	r, err := openBytes(t, b)
	ok(t, err)
	var root int
	ok(t, r.reader.QueryRow("SELECT rootpage FROM sqlite_schema WHERE name = 'tags'").Scan(&root))
	ok(t, r.Close())
	clear(b[(root-1)*4096 : root*4096])

	r, err = openBytes(t, b)
	ok(t, err)
	defer r.Close()
	id := fmt.Sprintf("%032x", 3)
	_, err = r.Run(ctx, id)
	wantDamaged(t, "read", err)
	wantDamaged(t, "write", r.SetTags(ctx, id, []Pair{{"a", "b"}}))
	wantDamaged(t, "backup", r.Backup(ctx, filepath.Join(t.TempDir(), "copy.db")))
	if _, err := r.LastKeys(ctx, "p"); err != nil {
		t.Errorf("what is sound is not read: %v", err)
	}
	if faults := must(r.Check(ctx))(t); len(faults) == 0 {
		t.Error("Check finds nothing")
	}
}

func TestCheckOfASoundFile(t *testing.T) {
	r, err := openBytes(t, filled(t))
	ok(t, err)
	defer r.Close()
	if faults, err := r.Check(context.Background()); err != nil || len(faults) > 0 {
		t.Fatalf("%q, %v", faults, err)
	}
}

func TestCheckFindsRowsWithoutTheirs(t *testing.T) {
	r, err := openBytes(t, filled(t))
	ok(t, err)
	defer r.Close()
	db := must(sql.Open("sqlite3", r.Path()))(t)
	_, err = db.Exec("PRAGMA foreign_keys = 0; DELETE FROM runs WHERE seq = 1; DROP INDEX runs_by_time")
	ok(t, errors.Join(err, db.Close()))
	all := strings.Join(must(r.Check(context.Background()))(t), "\n")
	for _, want := range []string{"1 rows of params name rows of runs that are not there", "schema is not that of a registry"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q lacks %q", all, want)
		}
	}
}

// Wherever a bit is changed, it is refused, or found, or makes no difference,
// except that SQLite cannot know what a value was. No row comes or goes unnoticed.
func TestChangedBytesAreRefusedOrFound(t *testing.T) {
	sound := filled(t)
	r, err := openBytes(t, sound)
	ok(t, err)
	want := must(content(r))(t)
	ok(t, r.Close())

	offsets := make([]int, 0, 300)
	for i := range 100 {
		offsets = append(offsets, i) // the header of the file
	}
	random := rand.New(rand.NewPCG(1, 2))
	for page := 0; page < len(sound); page += 4096 {
		offsets = append(offsets, page+random.IntN(72), page+random.IntN(4096))
	}
	count := map[string]int{}
	for n, at := range offsets {
		if testing.Short() && n%4 != 0 {
			continue
		}
		b := slices.Clone(sound)
		b[at] ^= byte(1 << random.IntN(8))
		outcome, err := judge(t, b, want)
		if err != nil {
			t.Errorf("byte %d, %#x instead of %#x: %v", at, b[at], sound[at], err)
		}
		count[outcome]++
	}
	t.Log(count)
	if count["damaged"] == 0 || count["found"] == 0 || count["no difference"] == 0 {
		t.Errorf("not all outcomes were tried: %v", count)
	}
}

func judge(t *testing.T, b []byte, want map[string][]string) (string, error) {
	t.Helper()
	r, err := openBytes(t, b)
	if err != nil {
		if damaged := (*DamagedError)(nil); errors.As(err, &damaged) {
			return "damaged", nil
		}
		// The header tells formats and versions that may as well be true.
		for _, known := range []string{"not a registry of pipe", "newer schema", "unsupported file format", "migration 000"} {
			if strings.Contains(err.Error(), known) {
				return "foreign", nil
			}
		}
		return "refused strangely", err
	}
	defer r.Close()
	have, readErr := content(r)
	faults, err := r.Check(context.Background())
	switch {
	case err != nil:
		return "not checked", err
	case len(faults) > 0:
		return "found", nil
	case readErr != nil:
		return "unreadable and not found", readErr
	case reflect.DeepEqual(have, want):
		return "no difference", nil
	}
	for _, table := range slices.Sorted(maps.Keys(want)) {
		if len(have[table]) != len(want[table]) {
			return "rows", fmt.Errorf("%s has %d rows instead of %d", table, len(have[table]), len(want[table]))
		}
	}
	return "a value", nil
}
