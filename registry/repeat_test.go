package registry

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"testing"

	"pipe/artifacts"
)

// A run that repeats another must look, to whoever asks, like one whose stages
// were all put as cached.
func TestARepeatedRunLooksLikeOneOfCachedStages(t *testing.T) {
	ctx := context.Background()
	source := step("source", StageDone, nil, []int{1})
	source.Stage.Externals = []External{{Path: "a.csv", Digest: testRef(100).Digest, Size: 7}}
	list := []StageRecord{source, step("train", StageDone, []int{1}, []int{2}), step("evaluate", StageDone, []int{2, 1}, []int{3})}
	list[2].Metrics = []Metric{{Key: "evaluate.accuracy", Value: 0.5, Time: epoch}}
	cached := make([]StageRecord, len(list))
	stages := map[string]Stage{}
	for i, s := range list {
		s.Stage.State = StageCached
		cached[i] = s
		stages[s.Stage.Name] = s.Stage
	}
	work := NewWorkList(stages)

	type seen struct {
		Stages     []Stage
		Metrics    []Metric
		Status     Status
		Lineage    Lineage
		Dependents Dependents
		Keys       map[string]artifacts.Key
		Roots      artifacts.Roots
	}
	look := func(how string) seen {
		r := openTest(t)
		first := must(r.CreateRun(ctx, NewRun{ID: "first", Pipeline: "p", PipelineText: "text", Start: epoch}))(t)
		ok(t, r.PutStages(ctx, first.ID, list))
		ok(t, r.FinishRun(ctx, first.ID, Finished, epoch, ""))
		again := NewRun{ID: "again", Pipeline: "p", PipelineText: "text", Start: epoch, Params: []Pair{{"note", "second"}}, Process: &Process{PID: 1}}
		if how != "at once" {
			must(r.CreateRun(ctx, again))(t)
		}
		switch how {
		case "put":
			ok(t, r.PutStages(ctx, again.ID, cached))
			ok(t, r.FinishRun(ctx, again.ID, Finished, epoch, ""))
		case "repeated":
			if must(r.RepeatRun(ctx, again.ID, work, nil, epoch))(t) {
				t.Fatal("it repeats a run that has no work list")
			}
			ok(t, r.SetWorkList(ctx, first.ID, work))
			if !must(r.RepeatRun(ctx, again.ID, work, list[2].Metrics, epoch))(t) {
				t.Fatal("it does not repeat the run that did the same")
			}
		case "at once":
			if must(r.CreateRepeat(ctx, "Default", again, work, nil, epoch))(t) {
				t.Fatal("it repeats a run that has no work list")
			}
			if _, err := r.Run(ctx, again.ID); !errors.Is(err, ErrNotFound) {
				t.Fatalf("what repeats nothing is a run: %v", err)
			}
			ok(t, r.SetWorkList(ctx, first.ID, work))
			if !must(r.CreateRepeat(ctx, "Default", again, work, list[2].Metrics, epoch))(t) {
				t.Fatal("it does not repeat the run that did the same")
			}
		}
		_, _, err := r.RegisterVersion(ctx, NewVersion{Model: "m", Ref: testRef(2), RunID: again.ID})
		ok(t, err)
		detail := must(r.Run(ctx, again.ID))(t)
		return seen{detail.Stages, detail.Metrics, detail.Status, must(r.VersionLineage(ctx, "m", 1))(t).Lineage,
			must(r.Dependents(ctx, testRef(1).Digest))(t), must(r.LastKeys(ctx, "p"))(t), must(r.Roots(ctx, 1))(t)}
	}
	put := look("put")
	for _, how := range []string{"repeated", "at once"} {
		if repeated := look(how); !reflect.DeepEqual(put, repeated) {
			t.Errorf("put:      %+v\n%s: %+v", put, how, repeated)
		}
	}
	if len(put.Stages) != 3 || len(put.Metrics) != 1 || len(put.Dependents.Readers) == 0 || len(put.Roots.Refs) != 3 {
		t.Errorf("too little to compare: %+v", put)
	}

	// What differs in anything that was done is another list.
	for name := range stages {
		for _, change := range []func(*Stage){
			func(s *Stage) { s.Key += "0" }, func(s *Stage) { s.Kind += "x" },
			func(s *Stage) { s.Outputs = map[string]artifacts.Ref{"p0": testRef(50)} },
			func(s *Stage) { s.Inputs, s.Outputs = s.Outputs, s.Inputs },
			func(s *Stage) { s.Externals = append(s.Externals, External{Path: "b.csv"}) },
		} {
			other := maps.Clone(stages)
			s := other[name]
			change(&s)
			other[name] = s
			if NewWorkList(other) == work {
				t.Errorf("a change of %s is not seen", name)
			}
		}
	}
}

func TestARunWithStagesOfItsOwnRepeatsNone(t *testing.T) {
	ctx := context.Background()
	r := openTest(t)
	work := NewWorkList(map[string]Stage{"a": {Name: "a"}})
	first := must(r.CreateRun(ctx, NewRun{}))(t)
	ok(t, r.SetWorkList(ctx, first.ID, work))
	if must(r.RepeatRun(ctx, first.ID, work, nil, epoch))(t) {
		t.Error("a run repeats itself")
	}
	second := must(r.CreateRun(ctx, NewRun{}))(t)
	ok(t, r.PutStage(ctx, second.ID, step("a", StageDone, nil, []int{1}).Stage))
	if must(r.RepeatRun(ctx, second.ID, work, nil, epoch))(t) {
		t.Error("a run forgets its own stages")
	}
}
