package schedule

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/registry"
	"pipe/workspace"
)

// inFolder opens a workspace in a folder of the test, which becomes the working
// folder.
func inFolder(t *testing.T) *workspace.Workspace {
	t.Helper()
	t.Chdir(t.TempDir())
	w, err := workspace.Open(context.Background(), ".pipe")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// finished makes a run of a pipeline, with a metric.
func finished(t *testing.T, r *registry.Registry, pipeline string, accuracy float64) string {
	t.Helper()
	ctx := context.Background()
	e, err := r.EnsureExperiment(ctx, pipeline)
	if err != nil {
		t.Fatal(err)
	}
	run, err := r.CreateRun(ctx, registry.NewRun{Experiment: e.ID, Name: "r", Pipeline: pipeline})
	if err != nil {
		t.Fatal(err)
	}
	st := registry.StageRecord{Stage: registry.Stage{Name: "evaluate", Kind: "evaluate", State: registry.StageDone, Started: time.Now(), Finished: time.Now()},
		Metrics: []registry.Metric{{Key: "evaluate.accuracy", Value: accuracy, Time: time.Now()}}}
	if err := r.PutStages(ctx, run.ID, []registry.StageRecord{st}); err != nil {
		t.Fatal(err)
	}
	if err := r.FinishRun(ctx, run.ID, registry.Finished, time.Now(), ""); err != nil {
		t.Fatal(err)
	}
	return run.ID
}

// championOf registers a version of a model and lets champion point to it.
func championOf(t *testing.T, r *registry.Registry, model, digest, run string) {
	t.Helper()
	ctx := context.Background()
	v, _, err := r.RegisterVersion(ctx, registry.NewVersion{Model: model, RunID: run, Ref: artifacts.Ref{Digest: artifacts.Digest(digest), Type: artifacts.Model}})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.SetAlias(ctx, model, "champion", v.Version, registry.Audit{}); err != nil {
		t.Fatal(err)
	}
}

// TestTriggers lets each trigger see what it waits for: the first look is what
// it changes from, then nothing happens until something does, and that once.
func TestTriggers(t *testing.T) {
	for _, c := range []struct {
		name   string
		spec   dag.Schedule
		before func(t *testing.T, w *workspace.Workspace)
		change func(t *testing.T, w *workspace.Workspace)
		why    string
	}{
		{"source", dag.Schedule{On: &dag.Trigger{Source: "*.csv"}},
			func(t *testing.T, _ *workspace.Workspace) { write(t, "a.csv", "x\n1\n") },
			func(t *testing.T, _ *workspace.Workspace) { write(t, "b.csv", "x\n2\n") }, "*.csv: 2 files"},
		{"rows", dag.Schedule{On: &dag.Trigger{Rows: "*.csv", Added: 2}},
			func(t *testing.T, _ *workspace.Workspace) { write(t, "a.csv", "x\n1\n") },
			func(t *testing.T, _ *workspace.Workspace) { write(t, "a.csv", "x\n1\n2\n3\n") }, "*.csv: 3 rows, 2 more"},
		{"pipeline", dag.Schedule{On: &dag.Trigger{Pipeline: "features"}},
			func(t *testing.T, w *workspace.Workspace) { finished(t, w.Registry, "features", 1) },
			func(t *testing.T, w *workspace.Workspace) { finished(t, w.Registry, "features", 1) }, "of features has finished"},
		{"alias", dag.Schedule{On: &dag.Trigger{Alias: "m@champion"}},
			func(t *testing.T, w *workspace.Workspace) {},
			func(t *testing.T, w *workspace.Workspace) {
				championOf(t, w.Registry, "m", strings.Repeat("ab", 32), "")
			}, "m@champion is version 1"},
		{"metric", dag.Schedule{When: `metric("evaluate.accuracy") < 0.8`},
			func(t *testing.T, w *workspace.Workspace) { finished(t, w.Registry, "p", 0.9) },
			func(t *testing.T, w *workspace.Workspace) { finished(t, w.Registry, "p", 0.7) }, "evaluate.accuracy is 0.7"},
		{"rows and age", dag.Schedule{When: `rows("a.csv") > 2 && age(champion) > duration("24h")`, Model: "m"},
			func(t *testing.T, _ *workspace.Workspace) { write(t, "a.csv", "x\n1\n") },
			func(t *testing.T, _ *workspace.Workspace) { write(t, "a.csv", "x\n1\n2\n3\n") }, "a.csv has 3 rows, there is no m"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := inFolder(t)
			c.before(t, w)
			c.spec.Poll = dag.Duration(time.Minute)
			put(t, w.Registry, "p", c.spec)
			clock := &fakeClock{now: epoch}
			runner := &fakeRunner{}
			lead(t, Options{Registry: w.Registry, Runner: runner, Looker: &Sight{Workspace: w}, Clock: clock})
			// looks waits until the trigger has looked once more.
			look := func() {
				t.Helper()
				clock.Advance(time.Minute)
				time.Sleep(60 * time.Millisecond)
			}
			time.Sleep(150 * time.Millisecond)
			look()
			look()
			if n := runner.count(); n != 0 {
				t.Fatalf("%d runs before anything happened: %v", n, runner.jobs)
			}
			c.change(t, w)
			eventually(t, "it runs", func() bool { look(); return runner.count() == 1 })
			look()
			look()
			if n := runner.count(); n != 1 {
				t.Errorf("%d runs for one change", n)
			}
			f := fires(t, w.Registry, registry.FireQuery{})[0]
			if f.Cause != "trigger" || !strings.Contains(f.Why, c.why) {
				t.Errorf("fire %s: %q, want %q in it", f.Cause, f.Why, c.why)
			}
		})
	}
}

// TestDebounce waits until nothing more changes.
func TestDebounce(t *testing.T) {
	e, err := newEntry(registry.Schedule{Name: "m", Spec: `{"on":{"source":"x"},"debounce":"5m","poll":"1m","timezone":"UTC"}`})
	if err != nil {
		t.Fatal(err)
	}
	values := []string{"a", "a", "b", "c", "c", "c", "c", "c", "c", "c", "c"}
	var fired []int
	for i, v := range values {
		if e.remember(sighting{entry: e, at: epoch.Add(time.Duration(i) * time.Minute), look: Look{Value: v, Holds: true, Fires: v != e.memory.Seen}}) {
			fired = append(fired, i)
		}
	}
	if len(fired) != 1 || fired[0] != 8 {
		t.Errorf("fired at %v, want once, five minutes after the last change at 3", fired)
	}
}

func TestWebhook(t *testing.T) {
	w := inFolder(t)
	put(t, w.Registry, "hook", dag.Schedule{On: &dag.Trigger{Webhook: "SECRET"}})
	put(t, w.Registry, "plain", dag.Schedule{Cron: "@daily"})
	s := &Service{Workspace: w}
	h := s.Hooks(func(name string) string { return map[string]string{"SECRET": "s3cret"}[name] })
	post := func(path, secret, delivery, body string) int {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(body))
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
		r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
		if delivery != "" {
			r.Header.Set("X-GitHub-Delivery", delivery)
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		return rec.Code
	}
	for _, c := range []struct {
		path, secret, delivery, body string
		code, fires                  int
	}{
		{"/hooks/hook", "wrong", "", "{}", 403, 0},
		{"/hooks/hook", "", "", "{}", 403, 0},
		{"/hooks/plain", "", "", "{}", 403, 0},
		{"/hooks/none", "s3cret", "", "{}", 403, 0},
		{"/hooks/hook", "s3cret", "d1", `{"params":{"epochs":"3"}}`, 202, 1},
		{"/hooks/hook", "s3cret", "d1", `{"params":{"epochs":"3"}}`, 200, 1}, // sent again
		{"/hooks/hook", "s3cret", "d2", "not JSON", 202, 2},
		{"/hooks/hook", "s3cret", "", `{"params":{"epochs":3}}`, 400, 2},
	} {
		if code := post(c.path, c.secret, c.delivery, c.body); code != c.code {
			t.Errorf("%+v: status %d", c, code)
		}
		if n := len(fires(t, w.Registry, registry.FireQuery{})); n != c.fires {
			t.Errorf("%+v: %d fires", c, n)
		}
	}
	if f := fires(t, w.Registry, registry.FireQuery{})[0]; f.Cause != "webhook" || f.Params["epochs"] != "3" {
		t.Errorf("%+v", f)
	}
}

// TestWatcher follows the files of a folder.
func TestWatcher(t *testing.T) {
	w := inFolder(t)
	if err := os.MkdirAll("pipelines", 0o777); err != nil {
		t.Fatal(err)
	}
	s := &Service{Workspace: w}
	watcher := &Watcher{Service: s, Folder: "pipelines", Log: New(Options{}).o.Log, stamps: map[string]string{}}
	file := filepath.Join("pipelines", "p.yaml")
	text := func(schedule string) string {
		return "pipeline: p\nstages: { a: { uses: exec, with: { run: \"true\" } } }\n" + schedule
	}
	look := func() map[string]registry.Schedule {
		t.Helper()
		if err := watcher.look(context.Background()); err != nil {
			t.Fatal(err)
		}
		list, err := w.Registry.Schedules(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		m := map[string]registry.Schedule{}
		for _, k := range list {
			m[k.Name] = k
		}
		return m
	}
	write(t, file, text("schedule: \"@daily\"\n"))
	write(t, filepath.Join("pipelines", "other.yaml"), "services: {}\n")
	if m := look(); len(m) != 1 || m["p"].File != file {
		t.Fatalf("%v", m)
	}
	write(t, file, text("schedule: [{ name: a, cron: \"@daily\" }, { name: b, every: 1h }]\n"))
	if m := look(); len(m) != 2 || m["p.a"].Name == "" || m["p.b"].Name == "" {
		t.Fatalf("%v", m)
	}
	write(t, file, text("schedule: [{ name: a, cron: \"61 * * * *\" }]\n"))
	if m := look(); len(m) != 2 || !strings.Contains(m["p.a"].Problem, "there is no 61") {
		t.Fatalf("a wrong file changed its schedules, or that is not told: %v", m)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if m := look(); len(m) != 0 {
		t.Fatalf("%v", m)
	}
}
