package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"pipe/artifacts"
)

func versions(t *testing.T, r *Registry, model string, n int) {
	t.Helper()
	for i := range n {
		ref := artifacts.Ref{Type: artifacts.Model, Digest: artifacts.Digest(fmt.Sprintf("%064x", i+1)), Size: 1, Format: artifacts.FolderFormat}
		if _, _, err := r.RegisterVersion(context.Background(), NewVersion{Model: model, Ref: ref}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDeployments(t *testing.T) {
	r := openTest(t)
	ctx := context.Background()
	versions(t, r, "m", 2)
	if err := r.SetAlias(ctx, "m", "champion", 1, Audit{}); err != nil {
		t.Fatal(err)
	}
	before, err := r.Changes(ctx)
	if err != nil {
		t.Fatal(err)
	}
	d := Deployment{Name: "answers", Model: "m", Target: "@champion", Policy: json.RawMessage(`{"max_batch":8}`)}
	if changed, err := r.SetDeployment(ctx, d, Audit{Who: "ada", Why: "first"}); err != nil || !changed {
		t.Fatal(changed, err)
	}
	if changed, err := r.SetDeployment(ctx, d, Audit{Who: "ada"}); err != nil || changed {
		t.Errorf("the same again: %v %v", changed, err)
	}
	got, err := r.Deployment(ctx, "answers")
	if err != nil || got.Model != "m" || got.Target != "@champion" || string(got.Policy) != `{"max_batch":8}` {
		t.Errorf("%+v %v", got, err)
	}
	if after, err := r.Changes(ctx); err != nil || after <= before {
		t.Errorf("changes %d → %d, %v", before, after, err)
	}
	for _, bad := range []Deployment{{Name: "x", Model: "m", Target: "@nobody"}, {Name: "x", Model: "m", Target: "/9"}, {Name: "x", Model: "other", Target: "/1"}} {
		if _, err := r.SetDeployment(ctx, bad, Audit{}); !errors.Is(err, ErrNotFound) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := r.SetDeployment(ctx, Deployment{Name: "a/b", Model: "m", Target: "/1"}, Audit{}); !errors.Is(err, ErrInvalid) {
		t.Errorf("a name with a slash: %v", err)
	}
	log, err := r.AuditLog(ctx, "deployment answers", 10)
	if err != nil || len(log) != 1 || log[0].Who != "ada" || log[0].Why != "first" || log[0].After != `m@champion {"max_batch":8}` {
		t.Errorf("%+v %v", log, err)
	}
	if err := r.DeleteDeployment(ctx, "answers", Audit{}); err != nil {
		t.Fatal(err)
	}
	if err := r.DeleteDeployment(ctx, "answers", Audit{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
}

// Rolled back again and again, an alias goes through its past and not to and fro.
func TestRollbackGoesFurtherBack(t *testing.T) {
	r := openTest(t)
	ctx := context.Background()
	versions(t, r, "m", 4)
	set := func(v int) {
		if err := r.SetAlias(ctx, "m", "champion", v, Audit{}); err != nil {
			t.Fatal(err)
		}
	}
	back := func(from, to int) {
		t.Helper()
		gotFrom, gotTo, err := r.Rollback(ctx, "m", "champion", Audit{Who: "bob", Why: "worse"})
		if err != nil || gotFrom != from || gotTo != to {
			t.Errorf("back from %d to %d, want %d to %d: %v", gotFrom, gotTo, from, to, err)
		}
	}
	set(1)
	set(2)
	set(3)
	back(3, 2)
	set(4)
	back(4, 2) // and not to 3, which was rolled back from
	back(2, 1)
	if _, _, err := r.Rollback(ctx, "m", "champion", Audit{}); !errors.Is(err, ErrConflict) {
		t.Errorf("nothing is left: %v", err)
	}
	set(2)
	set(4)
	if err := r.DeleteVersion(ctx, "m", 2, Audit{}); err != nil {
		t.Fatal(err)
	}
	back(4, 1)
	if log, err := r.AuditLog(ctx, "m@champion", 1); err != nil || log[0].Action != "alias.rollback" || log[0].Who != "bob" || log[0].Before != "4" || log[0].After != "1" {
		t.Errorf("%+v %v", log, err)
	}
}
