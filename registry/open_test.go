package registry

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// Every older schema, with a row in each of its tables, must come out as the
// present one without a loss.
func TestMigrationFromEachOlderSchema(t *testing.T) {
	ctx := context.Background()
	fresh := schemaOf(t, openTest(t).reader)
	steps := migrations()
	for n := range len(steps) {
		path := filepath.Join(t.TempDir(), "registry.db")
		db := must(sql.Open("sqlite3", path))(t)
		if n > 0 {
			ok(t, migrate(ctx, db, steps[:n]))
			_, err := db.Exec(`INSERT INTO experiments (name, created, updated) VALUES ('old', 1, 2);
				INSERT INTO runs (id, experiment, name, status, started) VALUES ('abc', 1, 'n', 'FINISHED', 3)`)
			ok(t, err)
		}
		ok(t, db.Close())
		r := openAt(t, path)
		if got := schemaOf(t, r.reader); !reflect.DeepEqual(got, fresh) {
			t.Fatalf("from schema %d: %v\nwant %v", n, got, fresh)
		}
		if n > 0 {
			if run := must(r.Run(ctx, "abc"))(t); run.Start.UnixMilli() != 3 || run.Experiment != 1 {
				t.Fatalf("from schema %d the run became %+v", n, run)
			}
		}
	}
}

func schemaOf(t *testing.T, db *sql.DB) (list []string) {
	rows, err := db.Query("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name")
	list, err = collect(rows, err, func(scan scanner) (s string, err error) {
		err = scan(&s)
		return s, err
	})
	ok(t, err)
	return list
}

func TestOpenRefuses(t *testing.T) {
	for name, c := range map[string]struct{ prepare, want string }{
		"a newer schema":    {"PRAGMA application_id = 1885958245; PRAGMA user_version = 99", "newer schema: the file has schema 99"},
		"somebody's file":   {"CREATE TABLE t (x)", "not a registry of pipe"},
		"another program's": {"PRAGMA application_id = 7", "not a registry of pipe"},
	} {
		path := filepath.Join(t.TempDir(), "registry.db")
		db := must(sql.Open("sqlite3", path))(t)
		_, err := db.Exec(c.prepare)
		ok(t, err)
		ok(t, db.Close())
		if _, err := Open(context.Background(), path); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	path := filepath.Join(t.TempDir(), "registry.db")
	ok(t, os.WriteFile(path, []byte(strings.Repeat("no database ", 500)), 0o644))
	if _, err := Open(context.Background(), path); err == nil {
		t.Error("a text file was opened")
	}
}

func TestReapMarksRunsOfDeadProcesses(t *testing.T) {
	ctx := context.Background()
	dead := map[int]bool{2: true}
	now := epoch
	r := openTest(t, WithClock(func() time.Time { return now }), WithLiveness(func(p Process) bool { return !dead[p.PID] }))
	here := Self().Host
	for id, p := range map[string]*Process{"alive": {PID: 1, Host: here}, "dead": {PID: 2, Host: here}, "far": {PID: 2, Host: "elsewhere"},
		"silent": {PID: 2, Host: "elsewhere"}, "mlflow": nil, "done": {PID: 2, Host: here}} {
		must(r.CreateRun(ctx, NewRun{ID: id, Process: p}))(t)
	}
	ok(t, r.FinishRun(ctx, "done", Finished, now, ""))
	started := now.Add(time.Second)
	ok(t, r.PutStage(ctx, "dead", Stage{Name: "s", Kind: "k", State: StageRunning, Started: started}))
	now = now.Add(heartbeatLimit + time.Second)
	ok(t, r.Heartbeat(ctx, "far"))
	killed := must(r.Reap(ctx))(t)
	if len(killed) != 2 {
		t.Fatalf("reaped %v", killed)
	}
	for id, want := range map[string]Status{"alive": Running, "dead": Killed, "far": Running, "silent": Killed, "mlflow": Running, "done": Finished} {
		run := must(r.Run(ctx, id))(t)
		if run.Status != want {
			t.Errorf("%s is %s, want %s", id, run.Status, want)
		}
		if want == Killed && run.Error != NoLastWord {
			t.Errorf("%s: error is %q", id, run.Error)
		}
	}
	if end := must(r.Run(ctx, "dead"))(t).End; !end.Equal(started) {
		t.Errorf("the dead run ended at %v; its last sign of life is of %v", end, started)
	}
	if s := must(r.Stages(ctx, "dead"))(t); s[0].State != StageFailed {
		t.Errorf("the dead run's stage is %s", s[0].State)
	}
}

func TestSelfIsAlive(t *testing.T) {
	p := Self()
	if !processAlive(p) {
		t.Errorf("%+v counts as dead", p)
	}
	reused := p
	reused.Born += "0"
	rebooted := p
	rebooted.Boot = "other"
	for _, q := range []Process{reused, rebooted} {
		if processAlive(q) {
			t.Errorf("%+v counts as alive", q)
		}
	}
}

func TestBackupIsWhole(t *testing.T) {
	ctx := context.Background()
	r := openTest(t)
	run := must(r.CreateRun(ctx, NewRun{Params: []Pair{{"a", "1"}}}))(t)
	path := filepath.Join(t.TempDir(), "it's a copy?.db")
	for range 2 { // the second replaces the first
		ok(t, r.Backup(ctx, path))
	}
	must(r.CreateRun(ctx, NewRun{}))(t)
	backup := openAt(t, path)
	list, _, err := backup.Runs(ctx, RunQuery{})
	if err != nil || len(list) != 1 || !reflect.DeepEqual(list[0], run) {
		t.Fatalf("the backup has %v, %v, want %v", list, err, run)
	}
	if err := r.Backup(ctx, filepath.Join(t.TempDir(), "no", "folder")); err == nil {
		t.Fatal("a backup into a missing folder succeeded")
	}
}

// Those that make the same file at the same time wait for one another.
func TestOpenAtOnce(t *testing.T) {
	for range 25 {
		path := filepath.Join(t.TempDir(), "registry.db")
		var all errgroup.Group
		for range 6 {
			all.Go(func() error {
				r, err := Open(context.Background(), path)
				if err != nil {
					return err
				}
				return r.Close()
			})
		}
		if err := all.Wait(); err != nil {
			t.Fatal(err)
		}
	}
}
