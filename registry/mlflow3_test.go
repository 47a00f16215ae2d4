package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"testing"
	"time"
)

func TestLoggedModels(t *testing.T) {
	ctx := context.Background()
	r := openTest(t, WithClock(testClock()))
	run := must(r.CreateRun(ctx, NewRun{}))(t)
	m := must(r.CreateLoggedModel(ctx, NewLoggedModel{Name: "lm", Type: "agent", SourceRun: run.ID,
		Params: []Pair{{"depth", "3"}}, Tags: []Pair{{"env", "dev"}}}))(t)
	if m.Status != "PENDING" || m.ArtifactURI != "mlflow-artifacts:/0/models/"+m.ID+"/artifacts" {
		t.Fatalf("a new model is %+v", m)
	}
	must(r.SetLoggedModelStatus(ctx, m.ID, "READY"))(t)
	about := &About{m.ID, "d", "x"}
	for _, p := range []Metric{{Key: "acc", Value: 0.5, Time: epoch, Step: 2, About: about}, {Key: "acc", Value: 0.9, Time: epoch, Step: 1, About: about}} {
		ok(t, r.LogMetrics(ctx, run.ID, []Metric{p}))
	}
	ok(t, r.LogModelParams(ctx, m.ID, []Pair{{"width", "4"}}))
	ok(t, r.SetLoggedModelTags(ctx, m.ID, []Pair{{"team", "a"}}))
	ok(t, r.DeleteLoggedModelTag(ctx, m.ID, "env"))
	wantKind(t, r.DeleteLoggedModelTag(ctx, m.ID, "env"), ErrNotFound)
	ok(t, r.LogRunModels(ctx, run.ID, true, []RunModel{{m.ID, 2}}))
	ok(t, r.LogRunModels(ctx, run.ID, false, []RunModel{{m.ID, 0}}))

	for filter, n := range map[string]int{"": 1, "name = 'lm'": 1, "metrics.acc > 0.6": 0, "metrics.acc <= 0.5 and params.depth = '3'": 1,
		"tags.team = 'b'": 0, "model_type LIKE 'ag%'": 1, "creation_timestamp > 0": 1} {
		list, _, err := r.SearchLoggedModels(ctx, []int64{0}, nil, Query{Filter: filter, OrderBy: []string{"metrics.acc DESC", "creation_time"}})
		if err != nil || len(list) != n {
			t.Errorf("%s: %d models, %v, want %d", filter, len(list), err, n)
		}
	}
	got := must(r.LoggedModel(ctx, m.ID))(t)
	if len(got.Metrics) != 1 || got.Metrics[0].Value != 0.5 || got.Metrics[0].RunID != run.ID || *got.Metrics[0].About != *about {
		t.Errorf("metrics are %+v", got.Metrics)
	}
	d := must(r.Run(ctx, run.ID))(t)
	if !reflect.DeepEqual(d.ModelOutputs, []RunModel{{m.ID, 2}}) || !reflect.DeepEqual(d.ModelInputs, []RunModel{{m.ID, 0}}) {
		t.Errorf("run reads %v and makes %v", d.ModelInputs, d.ModelOutputs)
	}
	ok(t, r.DeleteLoggedModel(ctx, m.ID, Audit{}))
	_, err := r.LoggedModel(ctx, m.ID)
	wantKind(t, err, ErrNotFound)
}

func TestTraces(t *testing.T) {
	ctx := context.Background()
	r := openTest(t)
	for i := range 3 {
		ok(t, r.PutTrace(ctx, Trace{ID: fmt.Sprint("tr-", i), Time: epoch.Add(time.Duration(i) * time.Second), Info: json.RawMessage(`{"state":"OK"}`), Tags: []Pair{{"a", "b"}}}))
	}
	page, next, err := r.Traces(ctx, []int64{0}, Query{Limit: 2})
	if err != nil || len(page) != 2 || page[0].ID != "tr-2" || next == "" {
		t.Fatalf("page is %v, %q, %v", page, next, err)
	}
	if page, next, _ = r.Traces(ctx, []int64{0}, Query{Limit: 2, PageToken: next}); len(page) != 1 || next != "" {
		t.Fatalf("last page is %v, %q", page, next)
	}
	for filter, n := range map[string]int{"status = 'OK'": 3, "tags.a = 'x'": 0, "timestamp > 1 and trace_id != 'tr-0'": 2} {
		if list, _, err := r.Traces(ctx, []int64{0}, Query{Filter: filter, OrderBy: []string{"timestamp ASC"}}); err != nil || len(list) != n {
			t.Errorf("%s: %d traces, %v, want %d", filter, len(list), err, n)
		}
	}
	ok(t, r.SetTraceTags(ctx, "tr-1", []Pair{{"c", "d"}}))
	ok(t, r.DeleteTraceTag(ctx, "tr-1", "a"))
	wantKind(t, r.DeleteTraceTag(ctx, "tr-1", "a"), ErrNotFound)
	if tr := must(r.Trace(ctx, "tr-1"))(t); !reflect.DeepEqual(tr.Tags, []Pair{{"c", "d"}}) || string(tr.Info) != `{"state":"OK"}` {
		t.Fatalf("trace is %+v", tr)
	}
	wantKind(t, r.SetTraceTags(ctx, "none", nil), ErrNotFound)
	if n := must(r.DeleteTraces(ctx, 0, nil, epoch.Add(time.Second), 1))(t); n != 1 {
		t.Fatalf("%d traces deleted, want the oldest", n)
	}
	if n := must(r.DeleteTraces(ctx, 0, []string{"tr-0", "tr-2"}, time.Time{}, 0))(t); n != 1 {
		t.Fatalf("%d traces deleted, want tr-2, for tr-0 is gone", n)
	}
}

func TestSearchExperimentsModelsAndVersions(t *testing.T) {
	ctx := context.Background()
	r := openTest(t, WithClock(testClock()))
	for i := range 5 {
		e := must(r.CreateExperiment(ctx, NewExperiment{Name: fmt.Sprint("e", i), Tags: []Pair{{"n", fmt.Sprint(i % 2)}}}))(t)
		if i == 4 {
			ok(t, r.DeleteExperiment(ctx, e.ID, Audit{}))
		}
		for v := range 2 {
			must(register(r, fmt.Sprint("m", i), 10*i+v))(t)
		}
	}
	ok(t, r.SetModelTags(ctx, "m1", []Pair{{"kind", "x"}}))
	names := func(q Query) (list []string) {
		for {
			page, next, err := r.SearchExperiments(ctx, q)
			ok(t, err)
			for _, e := range page {
				list = append(list, e.Name)
			}
			if q.PageToken = next; next == "" {
				return list
			}
		}
	}
	for _, c := range []struct {
		q    Query
		want []string
	}{
		{Query{}, []string{"e3", "e2", "e1", "e0", "Default"}},
		{Query{Limit: 2, OrderBy: []string{"name ASC"}}, []string{"Default", "e0", "e1", "e2", "e3"}},
		{Query{Filter: "tags.n = '1'"}, []string{"e3", "e1"}},
		{Query{View: DeletedOnly}, []string{"e4"}},
		{Query{Filter: "name LIKE 'e%' AND NOT tags.n = '1'", View: All}, []string{"e4", "e2", "e0"}},
	} {
		if got := names(c.q); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.q, got, c.want)
		}
	}
	ok(t, r.SetModelTags(ctx, "m2", []Pair{{promptTag, "true"}}))
	for filter, n := range map[string]int{"tag.`mlflow.prompt.is_prompt` != 'true'": 4, "tag.`mlflow.prompt.is_prompt` = 'true'": 1} {
		if models, _, err := r.SearchModels(ctx, Query{Filter: filter}); err != nil || len(models) != n {
			t.Errorf("%s: %d models, %v, want %d", filter, len(models), err, n)
		}
	}
	models, next, err := r.SearchModels(ctx, Query{Filter: "tag.`kind` != 'y'"})
	if err != nil || next != "" || len(models) != 1 || models[0].Name != "m1" {
		t.Errorf("models %v, %q, %v", models, next, err)
	}
	versions, next, err := r.SearchVersions(ctx, Query{Filter: "name = 'm2' and version_number >= 1", Limit: 1})
	if err != nil || next == "" || len(versions) != 1 || versions[0].Version != 2 {
		t.Errorf("versions %v, %q, %v", versions, next, err)
	}
	_, _, err = r.SearchModels(ctx, Query{Filter: "metrics.x > 1"})
	wantKind(t, err, ErrInvalid)
	_, _, err = r.SearchVersions(ctx, Query{PageToken: "e30="})
	wantKind(t, err, ErrInvalid)
}

func TestHistoryIntervalKeepsPeaks(t *testing.T) {
	ctx := context.Background()
	r := openTest(t)
	run := must(r.CreateRun(ctx, NewRun{}))(t)
	var list []Metric
	for i := range 10_000 {
		value := math.Sin(float64(i))
		switch i {
		case 777:
			value = 100
		case 5555:
			value = -100
		}
		list = append(list, dot("m", value, epoch, int64(i)))
	}
	ok(t, r.LogMetrics(ctx, run.ID, list))
	got := must(r.HistoryInterval(ctx, run.ID, "m", 0, 9999, 300))(t)
	least, most := 0.0, 0.0
	for i, m := range got {
		least, most = min(least, m.Value), max(most, m.Value)
		if i > 0 && m.Step <= got[i-1].Step {
			t.Fatalf("step %d follows %d", m.Step, got[i-1].Step)
		}
	}
	if len(got) > 300 || least != -100 || most != 100 || got[0].Step != 0 || got[len(got)-1].Step != 9999 {
		t.Fatalf("%d points from %g to %g, steps %d to %d", len(got), least, most, got[0].Step, got[len(got)-1].Step)
	}
	if got := must(r.HistoryInterval(ctx, run.ID, "m", 10, 19, 300))(t); len(got) != 10 {
		t.Fatalf("%d points of ten steps", len(got))
	}
	if got := must(r.HistoryInterval(ctx, run.ID, "none", 0, 9, 300))(t); len(got) != 0 {
		t.Fatalf("a series that is not there has %d points", len(got))
	}
}

// The expected steps are those that MLflow gives for the same series.
func TestHistorySampledAtCommonSteps(t *testing.T) {
	ctx := context.Background()
	r := openTest(t)
	series := func(n int) string {
		run := must(r.CreateRun(ctx, NewRun{}))(t)
		var list []Metric
		for i := range n {
			list = append(list, dot("m", 10, epoch, int64(i)))
		}
		ok(t, r.LogMetrics(ctx, run.ID, list))
		return run.ID
	}
	a, b := series(10), series(20)
	steps := func(list []Metric) (s []int64) {
		for _, m := range list {
			s = append(s, m.Step)
		}
		return s
	}
	got := must(r.HistorySampled(ctx, []string{a}, "m", 0, 1<<40, 5))(t)
	if want := []int64{0, 2, 4, 6, 8, 9}; !reflect.DeepEqual(steps(got[a]), want) {
		t.Errorf("one run: %v, want %v", steps(got[a]), want)
	}
	got = must(r.HistorySampled(ctx, []string{a, b}, "m", 0, 1<<40, 5))(t)
	if want := []int64{0, 4, 8, 9, 12, 16, 19}; !reflect.DeepEqual(steps(got[b]), want) || !reflect.DeepEqual(steps(got[a]), want[:4]) {
		t.Errorf("two runs: %v and %v, want %v", steps(got[a]), steps(got[b]), want)
	}
	ok(t, r.LogMetrics(ctx, a, []Metric{dot("m", 99, epoch, 3)}))
	got = must(r.HistorySampled(ctx, []string{a}, "m", 0, 1<<40, 5))(t)
	if want := []int64{0, 2, 3, 3, 4, 6, 8, 9}; !reflect.DeepEqual(steps(got[a]), want) {
		t.Errorf("with a peak: %v, want %v", steps(got[a]), want)
	}
}

func TestDatasetUses(t *testing.T) {
	ctx := context.Background()
	r := openTest(t)
	for range 2 {
		run := must(r.CreateRun(ctx, NewRun{}))(t)
		ok(t, r.LogInputs(ctx, run.ID, []DatasetInput{{Dataset{Name: "d", Digest: "x"}, []Pair{{"mlflow.data.context", "training"}}}}))
	}
	want := []DatasetUse{{0, "d", "x", "training"}}
	if got := must(r.DatasetUses(ctx, []int64{0, 1}, 10))(t); !reflect.DeepEqual(got, want) {
		t.Errorf("uses are %v, want %v", got, want)
	}
}
