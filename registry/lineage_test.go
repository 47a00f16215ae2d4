package registry

import (
	"context"
	"fmt"
	"reflect"
	"testing"

	"pipe/artifacts"
)

// step is a stage of the pipeline in these tests, by numbers of artifacts.
func step(name string, state StageState, in, out []int) StageRecord {
	s := Stage{Name: name, Kind: "k", Key: artifacts.Key(fmt.Sprintf("key-%s-%v-%v", name, in, out)), State: state, Started: epoch, Finished: epoch}
	ports := func(list []int) map[string]artifacts.Ref {
		if len(list) == 0 {
			return nil
		}
		m := make(map[string]artifacts.Ref)
		for i, n := range list {
			m[fmt.Sprint("p", i)] = testRef(n)
		}
		return m
	}
	s.Inputs, s.Outputs = ports(in), ports(out)
	return StageRecord{Stage: s}
}

func TestLineageBackToTheSources(t *testing.T) {
	ctx := context.Background()
	r := openTest(t)
	source := step("source", StageDone, nil, []int{1})
	source.Stage.Externals = []External{{Path: "reviews.csv", Digest: testRef(100).Digest, Size: 7}}
	pipeline := func(state StageState) []StageRecord {
		source.Stage.State = state
		return []StageRecord{source, step("split", state, []int{1}, []int{2, 3}), step("unrelated", state, nil, []int{9}),
			step("train", state, []int{2}, []int{4}), step("evaluate", state, []int{4, 3}, []int{5})}
	}
	var runs []string
	for i, state := range []StageState{StageDone, StageCached} {
		run := must(r.CreateRun(ctx, NewRun{Pipeline: "p", PipelineText: fmt.Sprintf("text %d", i), Git: Git{Commit: fmt.Sprint("c", i)}, Params: []Pair{{"epochs", "3"}}}))(t)
		ok(t, r.PutStages(ctx, run.ID, pipeline(state)))
		runs = append(runs, run.ID)
	}
	_, _, err := r.RegisterVersion(ctx, NewVersion{Model: "m", Ref: testRef(4), RunID: runs[1]})
	ok(t, err)

	l := must(r.VersionLineage(ctx, "m", 1))(t).Lineage
	if got := names(l); !reflect.DeepEqual(got, []string{"source", "split", "train"}) {
		t.Fatalf("the model came from %v", got)
	}
	for _, w := range l.Work {
		if w.Run != runs[1] || w.Git.Commit != "c1" || w.Stage.State != StageCached {
			t.Errorf("work %+v is not of the run that registered the model", w)
		}
	}
	if want := []External{{"reviews.csv", testRef(100).Digest, 7}}; !reflect.DeepEqual(l.Sources, want) {
		t.Errorf("sources are %v, want %v", l.Sources, want)
	}
	if text := l.Pipelines[l.Work[0].PipelineDigest]; text != "text 1" {
		t.Errorf("pipeline text is %q", text)
	}

	l = must(r.Lineage(ctx, testRef(5).Digest))(t)
	if got := names(l); !reflect.DeepEqual(got, []string{"source", "split", "train", "evaluate"}) || l.Work[0].Run != runs[0] {
		t.Fatalf("without a run: %v of run %s, want those of the run that executed them", got, l.Work[0].Run)
	}
	_, err = r.Lineage(ctx, testRef(77).Digest)
	wantKind(t, err, ErrNotFound)

	for _, digest := range []artifacts.Digest{testRef(100).Digest, testRef(1).Digest, testRef(4).Digest} {
		d := must(r.Dependents(ctx, digest))(t)
		if !reflect.DeepEqual(d.Versions, []VersionName{{"m", 1}}) {
			t.Errorf("what depends on %s: %v", digest.Short(), d.Versions)
		}
	}
	if d := must(r.Dependents(ctx, testRef(9).Digest))(t); len(d.Versions) != 0 {
		t.Errorf("the model depends on an unrelated artifact: %v", d)
	}
	if d := must(r.Dependents(ctx, testRef(2).Digest))(t); len(d.Readers) != 2 || d.Readers[0].Stage != "train" || d.Readers[0].Run != runs[1] {
		t.Errorf("readers are %+v", d.Readers)
	}
}

func names(l Lineage) (list []string) {
	for _, w := range l.Work {
		list = append(list, w.Stage.Name)
	}
	return list
}

func TestStageStatesReplaceEachOther(t *testing.T) {
	ctx := context.Background()
	r := openTest(t)
	run := must(r.CreateRun(ctx, NewRun{}))(t)
	s := Stage{Name: "train", Kind: "nn.train", State: StageRunning, Started: epoch, Inputs: step("", "", []int{1}, nil).Stage.Inputs}
	ok(t, r.PutStage(ctx, run.ID, s))
	ok(t, r.PutStage(ctx, run.ID, Stage{Name: "twin", Kind: "nn.train", State: StageRunning, Started: epoch, Inputs: s.Inputs}))
	done := s
	done.State, done.Finished, done.Outputs = StageDone, epoch, step("", "", nil, []int{2}).Stage.Outputs
	ok(t, r.PutStage(ctx, run.ID, done, dot("loss", 1, epoch, 0)))
	ok(t, r.FinishRun(ctx, run.ID, Killed, epoch, "stopped"))

	d := must(r.Run(ctx, run.ID))(t)
	twin := Stage{Name: "twin", Kind: "nn.train", State: StageFailed, Started: epoch, Finished: epoch, Inputs: s.Inputs, Error: "stopped"}
	if want := []Stage{done, twin}; !reflect.DeepEqual(d.Stages, want) {
		t.Fatalf("stages\n got %+v\nwant %+v", d.Stages, want)
	}
	if len(d.Metrics) != 1 {
		t.Fatalf("metrics are %v", d.Metrics)
	}
	wantKind(t, r.PutStage(ctx, run.ID, Stage{Name: "x", State: "odd"}), ErrInvalid)
	wantKind(t, r.PutStage(ctx, "nope", done), ErrNotFound)
	bad := done
	bad.Outputs = map[string]artifacts.Ref{"out": {Type: "model", Digest: "x"}}
	wantKind(t, r.PutStage(ctx, run.ID, bad), ErrInvalid)
}
