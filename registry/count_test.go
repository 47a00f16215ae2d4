package registry

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
)

// TestCountAndOffset: pages that are asked for by offset, one after the other,
// give each run once and in the order of the whole list, and the count says how
// many they are.
func TestCountAndOffset(t *testing.T) {
	ctx := context.Background()
	r, err := Open(ctx, filepath.Join(t.TempDir(), "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	e, err := r.EnsureExperiment(ctx, "e")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 25 {
		run, err := r.CreateRun(ctx, NewRun{Experiment: e.ID, Name: fmt.Sprint(i), Params: []Pair{{"odd", fmt.Sprint(i % 2)}}})
		if err != nil {
			t.Fatal(err)
		}
		if i%3 > 0 { // some lack the metric that is sorted by
			if err := r.LogMetrics(ctx, run.ID, []Metric{{Key: "m", Value: float64(i % 5)}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, q := range []RunQuery{{}, {Filter: "params.odd = '1'"}, {Filter: "metrics.m > 1", OrderBy: []string{"metrics.m DESC"}}, {OrderBy: []string{"metrics.m"}}, {Filter: "params.odd = '7'"}} {
		all, _, err := r.Runs(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := r.CountRuns(ctx, q); err != nil || n != len(all) {
			t.Errorf("%+v: the count is %d, %v; there are %d", q, n, err, len(all))
		}
		var got []string
		for at := 0; at < len(all)+4; at += 4 {
			q.Offset, q.Limit = at, 4
			page, _, err := r.Runs(ctx, q)
			if err != nil {
				t.Fatal(err)
			}
			for _, run := range page {
				got = append(got, run.ID)
			}
		}
		var want []string
		for _, run := range all {
			want = append(want, run.ID)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%+v: pages by offset give\n%v\nthe list is\n%v", q, got, want)
		}
	}
	if _, _, err := r.Runs(ctx, RunQuery{Offset: -1}); err == nil {
		t.Error("an offset below zero is taken")
	}
	if _, err := r.CountRuns(ctx, RunQuery{Filter: "nonsense"}); err == nil {
		t.Error("a filter that cannot be read is counted")
	}
}
