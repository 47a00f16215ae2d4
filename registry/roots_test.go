package registry

import (
	"context"
	"slices"
	"testing"
	"time"

	"pipe/artifacts"
)

func TestRootsAreWhatRunsAndModelsReferTo(t *testing.T) {
	r := openTest(t)
	ctx := context.Background()
	exp, err := r.EnsureExperiment(ctx, "e")
	ok(t, err)
	var runs []string
	for i := range 3 { // run i makes artifact i with key i
		run, err := r.CreateRun(ctx, NewRun{Experiment: exp.ID, Pipeline: "p", Start: time.Unix(int64(i), 0)})
		ok(t, err)
		ok(t, r.PutStage(ctx, run.ID, Stage{Name: "a", Kind: "k", Key: testKey(i), State: StageDone, Outputs: map[string]artifacts.Ref{"out": testRef(i)}}))
		ok(t, r.FinishRun(ctx, run.ID, Finished, time.Unix(9, 0), ""))
		runs = append(runs, run.ID)
	}
	_, _, err = r.RegisterVersion(ctx, NewVersion{Model: "m", RunID: runs[0], Ref: testRef(0)})
	ok(t, err)
	for _, c := range []struct {
		keep  int
		refs  []int
		keys  []int
		first func()
	}{
		{0, []int{0, 1, 2}, []int{0, 1, 2}, nil},
		{1, []int{0, 2}, []int{2}, nil}, // the model's artifact stays
		{0, []int{0, 1}, []int{0, 1}, func() { ok(t, r.DeleteRun(ctx, runs[2], Audit{})) }},
	} {
		if c.first != nil {
			c.first()
		}
		roots, err := r.Roots(ctx, c.keep)
		ok(t, err)
		if len(roots.Refs) != len(c.refs) || len(roots.Keys) != len(c.keys) {
			t.Errorf("keep %d: %d artifacts and %d keys, want %v and %v", c.keep, len(roots.Refs), len(roots.Keys), c.refs, c.keys)
		}
		for _, i := range c.refs {
			if !slices.Contains(roots.Refs, testRef(i)) {
				t.Errorf("keep %d: artifact %d is no root", c.keep, i)
			}
		}
	}
	found, err := r.FindArtifact(ctx, string(testRef(1).Digest))
	ok(t, err)
	if found != testRef(1) {
		t.Errorf("found %v", found)
	}
	if _, err := r.FindArtifact(ctx, "zz"); err == nil {
		t.Error("a prefix that is no digest was accepted")
	}
}
