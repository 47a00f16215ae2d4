package registry

import (
	"context"
	"testing"
	"time"

	"pipe/artifacts"
)

func testKey(n int) artifacts.Key { return artifacts.Key(testRef(n).Digest) }

func TestLastKeysAreThoseOfTheNewestSuccess(t *testing.T) {
	r := openTest(t)
	ctx := context.Background()
	exp, err := r.EnsureExperiment(ctx, "e")
	if err != nil {
		t.Fatal(err)
	}
	for i, stages := range [][]Stage{
		{{Name: "a", Kind: "k", Key: testKey(1), State: StageDone}, {Name: "b", Kind: "k", Key: testKey(2), State: StageDone}},
		{{Name: "a", Kind: "k", Key: testKey(3), State: StageCached}, {Name: "b", Kind: "k", Key: testKey(4), State: StageFailed, Error: "no"}},
	} {
		run, err := r.CreateRun(ctx, NewRun{Experiment: exp.ID, Pipeline: "p", Start: time.Unix(int64(i), 0)})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range stages {
			if err := r.PutStage(ctx, run.ID, s); err != nil {
				t.Fatal(err)
			}
		}
	}
	keys, err := r.LastKeys(ctx, "p")
	if err != nil {
		t.Fatal(err)
	}
	if keys["a"] != testKey(3) || keys["b"] != testKey(2) || len(keys) != 2 {
		t.Errorf("keys = %v", keys)
	}
	if keys, err := r.LastKeys(ctx, "q"); err != nil || len(keys) != 0 {
		t.Errorf("of another pipeline: %v, %v", keys, err)
	}
}
