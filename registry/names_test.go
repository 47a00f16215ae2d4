package registry

import (
	"errors"
	"slices"
	"testing"
)

func TestNames(t *testing.T) {
	r := openTest(t)
	ctx := t.Context()
	for _, experiment := range []string{"one", "two"} {
		e, err := r.EnsureExperiment(ctx, experiment)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			run, err := r.CreateRun(ctx, NewRun{Experiment: e.ID, Params: Pairs(map[string]string{"units": "3", "Of" + experiment: "x"}), Tags: Pairs(map[string]string{"team": "search"})})
			if err != nil {
				t.Fatal(err)
			}
			if err := r.LogMetrics(ctx, run.ID, []Metric{{Key: "epoch", Value: 1}, {Key: "loss", Value: 1}, {Key: experiment + ".Accuracy", Value: 2}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, x := range []struct {
		kind, find string
		limit      int
		want       []string
	}{
		{"metrics", "", 9, []string{"epoch", "loss", "one.Accuracy", "two.Accuracy"}},
		{"metrics", "ACC", 9, []string{"one.Accuracy", "two.Accuracy"}},
		{"metrics", "", 1, []string{"epoch"}},
		{"params", "of", 9, []string{"Ofone", "Oftwo"}},
		{"tags", "e", 9, []string{"team"}},
		{"tags", "%", 9, nil},
	} {
		if got, err := r.Names(ctx, x.kind, x.find, x.limit); err != nil || !slices.Equal(got, x.want) {
			t.Errorf("%s %q: %v, %v, want %v", x.kind, x.find, got, err, x.want)
		}
	}
	if _, err := r.Names(ctx, "runs", "", 1); !errors.Is(err, ErrInvalid) {
		t.Errorf("an unknown kind: %v", err)
	}
}
