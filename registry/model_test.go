package registry

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"testing"

	"pipe/artifacts"
)

func testRef(n int) artifacts.Ref {
	return artifacts.Ref{Type: artifacts.Model, Digest: artifacts.Digest(fmt.Sprintf("%064x", n)), Size: int64(n), Format: artifacts.FolderFormat}
}

func TestRegisterIsIdempotentByDigest(t *testing.T) {
	ctx := context.Background()
	r := openTest(t)
	n := NewVersion{Model: "textclass", Ref: testRef(1), RunID: "r", Signature: []byte(`{"in":[]}`),
		Metrics: map[string]float64{"acc": 0.9, "nan": math.NaN()}, Tags: []Pair{{"k", "v"}}, Description: "d"}
	first, created, err := r.RegisterVersion(ctx, n)
	if err != nil || !created || first.Version != 1 || first.Ref != n.Ref || string(first.Signature) != string(n.Signature) {
		t.Fatalf("first: %+v, %v, %v", first, created, err)
	}
	if acc, ok := first.Metric("acc"); acc != 0.9 || !ok {
		t.Fatalf("metrics are %v", first.Metrics)
	}
	if nan, ok := first.Metric("nan"); !math.IsNaN(nan) || !ok {
		t.Fatalf("metrics are %v", first.Metrics)
	}
	again, created, err := r.RegisterVersion(ctx, NewVersion{Model: "textclass", Ref: testRef(1), Description: "other"})
	if err != nil || created || again.Version != 1 || again.Description != "d" {
		t.Fatalf("again: %+v, %v, %v", again, created, err)
	}
	other, created, err := r.RegisterVersion(ctx, NewVersion{Model: "textclass", Ref: testRef(2)})
	if err != nil || !created || other.Version != 2 {
		t.Fatalf("other: %+v, %v, %v", other, created, err)
	}
	for range 2 { // by URI: always new
		v, created, err := r.RegisterVersion(ctx, NewVersion{Model: "byuri", Source: "runs:/x/m"})
		if err != nil || !created || v.Ref != (artifacts.Ref{}) {
			t.Fatalf("by uri: %+v, %v, %v", v, created, err)
		}
	}
	ok(t, r.DeleteVersion(ctx, "textclass", 2, Audit{Who: "me"}))
	if v, _, _ := r.RegisterVersion(ctx, NewVersion{Model: "textclass", Ref: testRef(3)}); v.Version != 3 {
		t.Fatalf("the number of a deleted version was given again: %d", v.Version)
	}
	_, _, err = r.RegisterVersion(ctx, NewVersion{Model: "m", Ref: artifacts.Ref{Type: "model", Digest: "short"}})
	wantKind(t, err, ErrInvalid)
	_, _, err = r.RegisterVersion(ctx, NewVersion{Model: "m", Signature: []byte("{")})
	wantKind(t, err, ErrInvalid)
	if _, err := r.Model(ctx, "m"); !errors.Is(err, ErrNotFound) {
		t.Fatalf("a refused version left its model: %v", err)
	}
}

func TestAliasesResolveAndAudit(t *testing.T) {
	ctx := context.Background()
	r := openTest(t, WithClock(testClock()))
	for i := range 3 {
		must(register(r, "m", i+1))(t)
	}
	ok(t, r.SetAlias(ctx, "m", "champion", 1, Audit{Who: "ada", Why: "first"}))
	ok(t, r.SetAlias(ctx, "m", "champion", 1, Audit{Who: "ada", Why: "no change"}))
	ok(t, r.SetAlias(ctx, "m", "champion", 2, Audit{Who: "bob", Why: "better", RunID: "r2"}))
	for ref, want := range map[string]int{"m@champion": 2, "m/1": 1, "m": 3} {
		if v := must(r.ResolveModel(ctx, ref))(t); v.Version != want {
			t.Errorf("%s is version %d, want %d", ref, v.Version, want)
		}
	}
	for ref, kind := range map[string]error{"m@none": ErrNotFound, "m/9": ErrNotFound, "x": ErrNotFound, "m/x": ErrInvalid, "x@champion": ErrNotFound} {
		if _, err := r.ResolveModel(ctx, ref); !errors.Is(err, kind) {
			t.Errorf("%s: %v, want %v", ref, err, kind)
		}
	}
	for _, bad := range []string{"", "latest", "Latest", "v3", "a b", "a/b", "a@b"} {
		wantKind(t, r.SetAlias(ctx, "m", bad, 1, Audit{}), ErrInvalid)
	}
	ok(t, r.DeleteAlias(ctx, "m", "champion", Audit{Who: "ada"}))
	ok(t, r.DeleteAlias(ctx, "m", "champion", Audit{Who: "ada"}))
	log := must(r.AuditLog(ctx, "m@champion", 10))(t)
	var got []string
	for _, e := range log {
		got = append(got, fmt.Sprintf("%s %s %q %s->%s", e.Who, e.Action, e.Why, e.Before, e.After))
	}
	want := []string{`ada alias.delete "" 2->`, `bob alias.set "better" 1->2`, `ada alias.set "first" ->1`}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("audit log\n got %q\nwant %q", got, want)
	}
}

func register(r *Registry, model string, n int) (ModelVersion, error) {
	v, _, err := r.RegisterVersion(context.Background(), NewVersion{Model: model, Ref: testRef(n)})
	return v, err
}

func TestModelChanges(t *testing.T) {
	ctx := context.Background()
	r := openTest(t, WithClock(testClock()))
	must(r.CreateModel(ctx, "a", "first", []Pair{{"x", "1"}}))(t)
	_, err := r.CreateModel(ctx, "a", "", nil)
	wantKind(t, err, ErrExists)
	for i := range 3 {
		must(register(r, "a", i+1))(t)
	}
	ok(t, r.SetStage(ctx, "a", 1, "Production", false, Audit{}))
	ok(t, r.SetStage(ctx, "a", 2, "Production", true, Audit{}))
	ok(t, r.SetAlias(ctx, "a", "old", 1, Audit{}))
	ok(t, r.SetVersionTags(ctx, "a", 1, []Pair{{"k", "v"}, {"l", "w"}}))
	ok(t, r.DeleteVersionTag(ctx, "a", 1, "l"))
	ok(t, r.DescribeVersion(ctx, "a", 1, "text"))
	ok(t, r.SetModelTags(ctx, "a", []Pair{{"y", "2"}}))
	ok(t, r.DeleteModelTag(ctx, "a", "x"))
	ok(t, r.DescribeModel(ctx, "a", "second"))
	must(r.CreateModel(ctx, "taken", "", nil))(t)
	wantKind(t, r.RenameModel(ctx, "a", "taken", Audit{}), ErrExists)
	ok(t, r.RenameModel(ctx, "a", "b", Audit{Who: "me"}))

	m := must(r.Model(ctx, "b"))(t)
	var latest []string
	for _, v := range m.Latest {
		latest = append(latest, fmt.Sprintf("%d %s", v.Version, v.Stage))
	}
	if !reflect.DeepEqual(latest, []string{"1 Archived", "2 Production", "3 None"}) || m.Aliases["old"] != 1 || m.Description != "second" ||
		!reflect.DeepEqual(m.Tags, []Pair{{"y", "2"}}) {
		t.Fatalf("model is %+v", m)
	}
	v := must(r.Version(ctx, "b", 1))(t)
	if v.Description != "text" || !reflect.DeepEqual(v.Tags, []Pair{{"k", "v"}}) || !reflect.DeepEqual(v.Aliases, []string{"old"}) {
		t.Fatalf("version is %+v", v)
	}
	ok(t, r.DeleteModel(ctx, "b", Audit{Who: "me"}))
	_, err = r.Version(ctx, "b", 1)
	wantKind(t, err, ErrNotFound)
	if list := must(r.Models(ctx))(t); len(list) != 1 || list[0].Name != "taken" {
		t.Fatalf("models are %v", list)
	}
}
