package registry

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"testing"
)

// Whatever changes a run, and whoever, the next page shows it.
func TestCachedRunsAreNeverStale(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "registry.db")
	cached, other := openAt(t, path), openAt(t, path)
	run := must(cached.CreateRun(ctx, NewRun{Name: "first"}))(t)
	finished, renamed := Finished, "second"
	read := func(r *Registry) []Run {
		list, _, err := r.Runs(ctx, RunQuery{View: All})
		ok(t, err)
		return list
	}
	for i, change := range []func(r *Registry) error{
		func(r *Registry) error { return r.SetTags(ctx, run.ID, []Pair{{"while", "running"}}) },
		func(r *Registry) error { return r.FinishRun(ctx, run.ID, Finished, epoch, "") },
		func(r *Registry) error { return r.LogMetrics(ctx, run.ID, []Metric{dot("late", 1, epoch, 0)}) },
		func(r *Registry) error { return r.LogParams(ctx, run.ID, []Pair{{"p", "1"}}) },
		func(r *Registry) error { return r.SetTags(ctx, run.ID, []Pair{{"t", "1"}}) },
		func(r *Registry) error { return r.DeleteTag(ctx, run.ID, "t") },
		func(r *Registry) error { return second(r.UpdateRun(ctx, run.ID, RunChange{Name: &renamed})) },
		func(r *Registry) error {
			return r.LogInputs(ctx, run.ID, []DatasetInput{{Dataset: Dataset{Name: "d", Digest: "x"}}})
		},
		func(r *Registry) error { return r.LogRunModels(ctx, run.ID, true, []RunModel{{"m-1", 0}}) },
		func(r *Registry) error {
			return r.PutStage(ctx, run.ID, Stage{Name: "s", Kind: "k", State: StageDone}, dot("m", 2, epoch, 0))
		},
		func(r *Registry) error { return r.DeleteRun(ctx, run.ID, Audit{}) },
		func(r *Registry) error { return r.RestoreRun(ctx, run.ID) },
		func(r *Registry) error { return r.DeleteExperiment(ctx, 0, Audit{}) },
		func(r *Registry) error { return r.RestoreExperiment(ctx, 0) },
		func(r *Registry) error {
			running := Running
			return second(r.UpdateRun(ctx, run.ID, RunChange{Status: &running}))
		},
		func(r *Registry) error { return r.LogMetrics(ctx, run.ID, []Metric{dot("late", 3, epoch, 9)}) },
		func(r *Registry) error { return second(r.UpdateRun(ctx, run.ID, RunChange{Status: &finished})) },
	} {
		read(cached)
		by := cached
		if i%2 == 1 {
			by = other
		}
		ok(t, change(by))
		if got, want := read(cached), read(openAt(t, path)); !reflect.DeepEqual(got, want) {
			t.Fatalf("after change %d\n got %+v\nwant %+v", i, got, want)
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	var c runCache
	revs := make(map[int64]int64)
	for seq := range int64(cachedRuns + 100) {
		c.put([]Run{{seq: seq, ID: fmt.Sprint(seq), Status: Finished}}, revs)
	}
	c.put([]Run{{seq: -1, Status: Running}}, revs)
	if len(c.runs) != cachedRuns {
		t.Fatalf("%d runs are kept", len(c.runs))
	}
	if got := c.get(map[int64]int64{-1: 0}); len(got) != 0 {
		t.Fatal("a running run was kept")
	}
}
