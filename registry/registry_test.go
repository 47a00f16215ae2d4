package registry

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

// epoch is when tests take place; the clock advances a second a reading.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func testClock() func() time.Time {
	now := epoch
	return func() time.Time {
		now = now.Add(time.Second)
		return now
	}
}

func openTest(t testing.TB, opts ...Option) *Registry {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "registry.db"), opts...)
}

func openAt(t testing.TB, path string, opts ...Option) *Registry {
	t.Helper()
	r, err := Open(context.Background(), path, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// must fails the test on an error and passes the value on.
func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantKind(t testing.TB, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("error is %v, want %v", err, kind)
	}
}

func TestCreatedTellsANewFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registry.db")
	for _, want := range []bool{true, false} {
		r := must(Open(context.Background(), path))(t)
		if r.Created() != want {
			t.Errorf("created is %v, want %v", r.Created(), want)
		}
		ok(t, r.Close())
	}
}

func TestExperimentLifeCycle(t *testing.T) {
	ctx := context.Background()
	r := openTest(t)
	e := must(r.EnsureExperiment(ctx, "speech"))(t)
	if again := must(r.EnsureExperiment(ctx, "speech"))(t); again.ID != e.ID {
		t.Fatalf("the same name gave experiments %d and %d", e.ID, again.ID)
	}
	_, err := r.CreateExperiment(ctx, NewExperiment{Name: "speech"})
	wantKind(t, err, ErrExists)
	_, err = r.CreateExperiment(ctx, NewExperiment{})
	wantKind(t, err, ErrInvalid)

	kept := must(r.CreateRun(ctx, NewRun{Experiment: e.ID}))(t)
	gone := must(r.CreateRun(ctx, NewRun{Experiment: e.ID}))(t)
	ok(t, r.DeleteRun(ctx, gone.ID, Audit{}))
	ok(t, r.SetExperimentTags(ctx, e.ID, []Pair{{"team", "a"}, {"owner", "b"}}))
	ok(t, r.DeleteExperimentTag(ctx, e.ID, "owner"))
	wantKind(t, r.DeleteExperimentTag(ctx, e.ID, "owner"), ErrNotFound)

	ok(t, r.DeleteExperiment(ctx, e.ID, Audit{Who: "me"}))
	_, err = r.CreateRun(ctx, NewRun{Experiment: e.ID})
	wantKind(t, err, ErrConflict)
	_, err = r.EnsureExperiment(ctx, "speech")
	wantKind(t, err, ErrConflict)
	ok(t, r.RestoreExperiment(ctx, e.ID))
	wantKind(t, r.RestoreExperiment(ctx, e.ID), ErrNotFound)
	if runs, _, _ := r.Runs(ctx, RunQuery{Experiments: []int64{e.ID}}); len(runs) != 1 || runs[0].ID != kept.ID {
		t.Fatalf("after the restore there are %v, want only %s: a run deleted by itself stays deleted", runs, kept.ID)
	}
	ok(t, r.RenameExperiment(ctx, e.ID, "talk"))
	got := must(r.ExperimentByName(ctx, "talk"))(t)
	if want := []Pair{{"team", "a"}}; got.ID != e.ID || !reflect.DeepEqual(got.Tags, want) || got.Deleted {
		t.Fatalf("got %+v", got)
	}
	_, err = r.Experiment(ctx, 99)
	wantKind(t, err, ErrNotFound)
}

func TestRunKeepsEverything(t *testing.T) {
	ctx := context.Background()
	r := openTest(t, WithClock(testClock()))
	end := epoch.Add(time.Hour)
	run := must(r.CreateRun(ctx, NewRun{
		Name: "first", User: "ada", Start: epoch, Pipeline: "textclass", PipelineText: "stages: {}\n",
		Git: Git{Commit: "abc", Branch: "main", Dirty: true}, Host: Host{Name: "h", Cores: 2},
		Params: []Pair{{"b", "2"}, {"a", "1"}}, Tags: []Pair{{"t", "x"}},
	}))(t)
	ok(t, r.LogMetrics(ctx, run.ID, []Metric{dot("loss", 2, epoch, 1), dot("loss", 3, epoch, 0), dot("acc", math.Inf(1), epoch, 0), dot("loss", 2, epoch, 1)}))
	ok(t, r.LogParams(ctx, run.ID, []Pair{{"a", "1"}}))
	wantKind(t, r.LogBatch(ctx, run.ID, []Metric{dot("never", 1, epoch, 0)}, []Pair{{"a", "2"}}, nil), ErrConflict)
	ok(t, r.SetTags(ctx, run.ID, []Pair{{"t", "y"}, {runNameTag, "renamed"}}))
	ok(t, r.LogInputs(ctx, run.ID, []DatasetInput{{Dataset{Name: "d", Digest: "1"}, []Pair{{"mlflow.data.context", "training"}}}}))
	ok(t, r.FinishRun(ctx, run.ID, Failed, end, "boom"))

	d := must(r.Run(ctx, run.ID[:7]))(t)
	want := RunDetail{
		Run: Run{ID: run.ID, Name: "renamed", User: "ada", Status: Failed, Start: epoch, End: end, Error: "boom", Pipeline: "textclass",
			ArtifactURI:    "mlflow-artifacts:/0/" + run.ID + "/artifacts",
			PipelineDigest: d.PipelineDigest, Git: Git{"abc", "main", true}, Host: Host{Name: "h", Cores: 2},
			Params: []Pair{{"a", "1"}, {"b", "2"}}, Tags: []Pair{{runNameTag, "renamed"}, {"t", "y"}},
			Metrics: []Metric{dot("acc", math.Inf(1), epoch, 0), dot("loss", 2, epoch, 1)}, seq: run.seq,
			Inputs: []DatasetInput{{Dataset{Name: "d", Digest: "1"}, []Pair{{"mlflow.data.context", "training"}}}}},
		PipelineText: "stages: {}\n",
	}
	if !reflect.DeepEqual(d, want) {
		t.Fatalf("got  %+v\nwant %+v", d, want)
	}
	history, more, err := r.History(ctx, run.ID, "loss", 0, 0)
	if err != nil || more || len(history) != 2 {
		t.Fatalf("history is %v, %v, %v", history, more, err)
	}
	if page, more, _ := r.History(ctx, run.ID, "loss", 0, 1); !more || len(page) != 1 {
		t.Fatalf("the first page is %v, more: %v", page, more)
	}
}

func TestRunErrors(t *testing.T) {
	ctx := context.Background()
	r := openTest(t)
	a := must(r.CreateRun(ctx, NewRun{ID: "aaaa1"}))(t)
	must(r.CreateRun(ctx, NewRun{ID: "aaaa2"}))(t)
	for name, c := range map[string]struct {
		err  error
		kind error
	}{
		"ambiguous prefix":   {second(r.Run(ctx, "aaaa")), ErrInvalid},
		"unknown run":        {second(r.Run(ctx, "b")), ErrNotFound},
		"empty id":           {second(r.Run(ctx, "")), ErrNotFound},
		"id taken":           {second(r.CreateRun(ctx, NewRun{ID: a.ID})), ErrExists},
		"bad id":             {second(r.CreateRun(ctx, NewRun{ID: "../x"})), ErrInvalid},
		"bad status":         {second(r.CreateRun(ctx, NewRun{Status: "DONE"})), ErrInvalid},
		"unknown experiment": {second(r.CreateRun(ctx, NewRun{Experiment: 7})), ErrNotFound},
		"metric, no run":     {r.LogMetrics(ctx, "nope", []Metric{dot("k", 1, epoch, 0)}), ErrNotFound},
		"metric, no name":    {r.LogMetrics(ctx, a.ID, []Metric{dot("", 1, epoch, 0)}), ErrInvalid},
		"tag not there":      {r.DeleteTag(ctx, a.ID, "x"), ErrNotFound},
	} {
		if !errors.Is(c.err, c.kind) {
			t.Errorf("%s: %v, want %v", name, c.err, c.kind)
		}
	}
	ok(t, r.DeleteRun(ctx, a.ID, Audit{}))
	wantKind(t, r.SetTags(ctx, a.ID, []Pair{{"a", "b"}}), ErrConflict)
	ok(t, r.RestoreRun(ctx, a.ID))
	ok(t, r.SetTags(ctx, a.ID, []Pair{{"a", "b"}}))
}

func second[T any](_ T, err error) error { return err }

// The latest point is the one with the greatest (step, time, value), in
// whatever order points come; NaN counts as 0, as in MLflow.
func TestLatestMetric(t *testing.T) {
	ctx := context.Background()
	r := openTest(t)
	at := func(s int) time.Time { return epoch.Add(time.Duration(s) * time.Second) }
	for name, c := range map[string]struct {
		points []Metric
		want   Metric
	}{
		"step first":  {[]Metric{dot("m", 1, at(9), 1), dot("m", 2, at(1), 2)}, dot("m", 2, at(1), 2)},
		"then time":   {[]Metric{dot("m", 9, at(1), 1), dot("m", 2, at(2), 1)}, dot("m", 2, at(2), 1)},
		"then value":  {[]Metric{dot("m", 9, at(1), 1), dot("m", 2, at(1), 1)}, dot("m", 9, at(1), 1)},
		"late point":  {[]Metric{dot("m", 9, at(1), 5), dot("m", 2, at(2), 4)}, dot("m", 9, at(1), 5)},
		"negative":    {[]Metric{dot("m", 1, at(1), -5), dot("m", 2, at(1), -6)}, dot("m", 1, at(1), -5)},
		"nan is kept": {[]Metric{dot("m", 1, at(1), 0), dot("m", math.NaN(), at(2), 1)}, dot("m", math.NaN(), at(2), 1)},
	} {
		for _, batch := range []bool{true, false} {
			run := must(r.CreateRun(ctx, NewRun{}))(t)
			if batch {
				ok(t, r.LogMetrics(ctx, run.ID, c.points))
			} else {
				for _, p := range c.points {
					ok(t, r.LogMetrics(ctx, run.ID, []Metric{p}))
				}
			}
			got := must(r.Run(ctx, run.ID))(t).Metrics[0]
			same := got.Value == c.want.Value || math.IsNaN(got.Value) && math.IsNaN(c.want.Value)
			if got.Step != c.want.Step || !got.Time.Equal(c.want.Time) || !same {
				t.Errorf("%s (batch %v): latest is %v, want %v", name, batch, got, c.want)
			}
		}
	}
}

// dot is a point of a series.
func dot(key string, value float64, at time.Time, step int64) Metric {
	return Metric{Key: key, Value: value, Time: at, Step: step}
}
