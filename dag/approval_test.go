package dag

import (
	"context"
	"strings"
	"testing"
	"time"
)

func TestApproval(t *testing.T) {
	const src = `pipeline: p
stages:
  a: { uses: draw }
  b: { uses: join, in: a, with: { suffix: x }, approval: "Go on?" }
  c: { uses: join, in: b }
  d: { uses: join, in: a, with: { suffix: y } }
on_waiting: { uses: join, in: d }
`
	s, dir := testStore(t), t.TempDir()
	try := func(decisions map[string]Decision) (string, *Result, error) {
		journal, err := CreateJournal(dir, []byte(src))
		if err != nil {
			t.Fatal(err)
		}
		rec := &recording{}
		res, err := Run(context.Background(), mustLoad(t, src, nil), RunOptions{ID: "r", Store: s, Sink: Sinks{rec, journal}, Jobs: 1, Decisions: decisions})
		if cerr := journal.Close(); cerr != nil {
			t.Fatal(cerr)
		}
		return rec.ends(), res, err
	}
	_, res, err := try(nil)
	if err != nil || res.Status != StatusWaiting || strings.Join(res.Waiting, " ") != "b" || res.Outputs["d"] == nil || res.Outputs["c"] != nil {
		t.Fatalf("%v, %+v", err, res)
	}
	waiting, err := Waiting(dir)
	if err != nil || len(waiting) != 1 || waiting[0].Stage != "b" || waiting[0].Text != "Go on?" {
		t.Fatalf("waiting: %+v, %v", waiting, err)
	}
	for _, c := range []struct {
		d            Decision
		status, last string
	}{
		{Decision{Key: "another", Approved: true, Who: "ada"}, StatusWaiting, "Go on? (what was approved by ada has changed since)"},
		{Decision{Key: waiting[0].Key, Who: "bob", Why: "no"}, StatusFailed, "rejected by bob: no"},
		{Decision{Key: waiting[0].Key, Approved: true, Who: "ada", Why: "yes"}, StatusFinished, ""},
	} {
		c.d.Stage, c.d.Time = "b", time.Now()
		if err := AddDecision(dir, c.d); err != nil {
			t.Fatal(err)
		}
		made, err := Decisions(dir)
		if err != nil || made["b"].Who != c.d.Who {
			t.Fatalf("%v, %v", made, err)
		}
		_, res, err := try(made)
		if res == nil || res.Status != c.status {
			t.Errorf("%+v: %+v, %v", c.d, res, err)
		}
		if c.status == StatusFailed && !strings.Contains(err.Error(), c.last) {
			t.Errorf("%v", err)
		}
	}
	if waiting, err := Waiting(dir); err != nil || len(waiting) > 0 {
		t.Errorf("after the decision, %+v still waits (%v)", waiting, err)
	}
	// What the store has asks nobody.
	if _, res, err := try(nil); err != nil || res.Status != StatusFinished || res.Cached != 4 {
		t.Errorf("again: %+v, %v", res, err)
	}
	if _, err := load(t, "pipeline: p\nstages:\n  a: { uses: draw, approval: false }\n", nil); err == nil || !strings.Contains(err.Error(), "leaves the key out") {
		t.Errorf("approval: false: %v", err)
	}
}
