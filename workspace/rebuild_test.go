package workspace

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pipe/dag"
	"pipe/registry"
)

// What is rebuilt is what the registry had, but for what no folder tells.
func TestRebuildGivesWhatWasLost(t *testing.T) {
	ctx := context.Background()
	dir := filepath.Join(t.TempDir(), Folder)
	text := `pipeline: p
experiment: trials
tags: { team: blue }
params: { word: hello, times: 2 }
stages:
  say:
    uses: exec
    with: { run: "echo '{\"loss\": 0.5}' > \"$PIPE_METRICS\"; test ${params.word} != fail && echo ${params.word}" }
  ask:
    uses: exec
    in: { x: say.log }
    approval: { message: "Go on?" }
    with: { run: "echo on" }
`
	w, err := Open(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	var waits string
	for _, o := range []struct {
		word    string
		targets []string
	}{{"hello", []string{"say"}}, {"fail", nil}, {"hello", []string{"say"}}, {"hello", []string{"say"}}, {"hello", nil}} {
		p, err := LoadText(ctx, "p.yaml", []byte(text), map[string]string{"word": o.word})
		if err != nil {
			t.Fatal(err)
		}
		id, res, err := w.Run(ctx, p, RunOptions{Name: "run " + o.word, Tags: map[string]string{"by": "hand"}, Selection: dag.Selection{Targets: o.targets}})
		if res == nil || (err != nil) != (o.word == "fail") {
			t.Fatal(res, err)
		}
		waits = id
	}
	if _, err := w.Decide(waits, "ask", true, "ada", "fine"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Continue(ctx, waits, RunOptions{}); err != nil {
		t.Fatal(err)
	}
	before := told(t, w)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	removeRegistry(t, dir)

	if w, err = Open(ctx, dir); err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for i, want := range []int{6, 0} {
		done, err := w.Rebuild(ctx)
		if err != nil || len(done.Runs) != want || len(done.UnderWay) != 0 {
			t.Fatalf("rebuild %d: %v, %v", i, done, err)
		}
	}
	if after := told(t, w); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

// told writes down all that the registry has of its runs and a folder can tell.
// Times are left out where events and rows are some milliseconds apart.
func told(t *testing.T, w *Workspace) string {
	t.Helper()
	ctx := context.Background()
	runs, _, err := w.Registry.Runs(ctx, registry.RunQuery{})
	if err != nil {
		t.Fatal(err)
	}
	var all []registry.RunDetail
	for _, r := range runs {
		d, err := w.Registry.Run(ctx, r.ID)
		if err != nil {
			t.Fatal(err)
		}
		d.Git = registry.Git{}
		for i := range d.Stages {
			if d.Stages[i].State == registry.StageCached {
				d.Stages[i].Started, d.Stages[i].Finished = time.Time{}, time.Time{} // of a repeated run: its start
			}
		}
		all = append(all, d)
	}
	b, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A run whose journal has no end was killed, unless it may go on.
func TestRebuildTellsTheKilledFromThoseThatGoOn(t *testing.T) {
	ctx := context.Background()
	dir := ran(t, 1)
	removeRegistry(t, dir)
	journals, err := filepath.Glob(filepath.Join(dir, "runs", "*", dag.JournalFile))
	if err != nil || len(journals) != 1 {
		t.Fatal(journals, err)
	}
	b, err := os.ReadFile(journals[0])
	if err != nil {
		t.Fatal(err)
	}
	cut := len(b) - 30 // in the middle of its last line
	if err := os.Truncate(journals[0], int64(cut)); err != nil {
		t.Fatal(err)
	}
	w, err := Open(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	id := filepath.Base(filepath.Dir(journals[0]))
	if done, err := w.Rebuild(ctx); err != nil || len(done.Runs) != 0 || len(done.UnderWay) != 1 {
		t.Fatal(done, err)
	}
	old := time.Now().Add(-2 * underWayFor)
	if err := os.Chtimes(journals[0], old, old); err != nil {
		t.Fatal(err)
	}
	if done, err := w.Rebuild(ctx); err != nil || len(done.Runs) != 1 {
		t.Fatal(done, err)
	}
	r, err := w.Registry.RunByID(ctx, id)
	if err != nil || r.Status != registry.Killed || r.End.IsZero() {
		t.Errorf("%+v, %v", r, err)
	}
}
