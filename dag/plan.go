package dag

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"pipe/artifacts"
)

// Action is what a run would do with a stage.
type Action string

// The actions of a plan.
const (
	ActionCached Action = "cached" // the store has the result
	ActionRun    Action = "run"
	ActionWait   Action = "wait" // depends on what a stage before it gives
	ActionSkip   Action = "skip" // its condition does not hold, or it needs a stage that is skipped
)

// Planned is what would become of one stage, and why.
type Planned struct {
	Stage  *Stage        `json:"-"`
	Name   string        `json:"stage"`
	Kind   string        `json:"kind"`
	Action Action        `json:"action"`
	Why    []string      `json:"why,omitempty"`
	Key    artifacts.Key `json:"key,omitempty"`
	// Last is how long the stage took when it last ran; 0 where that is not
	// known.
	Last time.Duration `json:"last,omitempty"`
}

// PlanOptions say what to plan.
type PlanOptions struct {
	Store   *artifacts.Store
	Secrets Secrets
	Selection
	Verify bool // the run would be with RunOptions.Verify
	// Last finds the key that a stage had in the newest run of the pipeline.
	Last func(stage string) (artifacts.Key, bool)
	// Artifact finds what some run had under a digest; nil where nothing tells.
	Artifact func(d artifacts.Digest) (artifacts.Ref, bool)
}

// Plan tells what Run would do, without doing it. Files outside the store are
// fingerprinted; nothing else is read.
func Plan(ctx context.Context, p *Pipeline, o PlanOptions) ([]Planned, error) {
	c, err := p.choose(o.Selection)
	if err != nil {
		return nil, err
	}
	w := worker{store: o.Store, seed: p.Seed, secrets: o.Secrets, now: time.Now}
	outputs, reported, skipped := map[*Stage]map[string]artifacts.Ref{}, map[*Stage][]Metric{}, map[*Stage]bool{}
	var plan []Planned
	for _, s := range c.stages {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if from := s.skippedBy(skipped); from != nil {
			skipped[s], outputs[s] = true, map[string]artifacts.Ref{}
			plan = append(plan, Planned{Stage: s, Name: s.Name, Kind: s.Info.Name, Action: ActionSkip, Why: []string{fmt.Sprintf("stage %q is skipped", from.Name)}})
			continue
		}
		one, r, err := planStage(ctx, &w, s, outputs, reported, c.force[s], &o)
		if err != nil {
			return nil, StageError{s.Name, err}
		}
		if r != nil {
			outputs[s], reported[s] = r.outputs, r.metrics
		}
		if o.Verify && one.Action == ActionCached {
			one.Action, one.Why = ActionRun, []string{"once more, to compare the bytes"}
		}
		skipped[s] = one.Action == ActionSkip
		plan = append(plan, one)
	}
	return plan, nil
}

// planStage plans one stage; the outcome is nil where it is not known yet.
func planStage(ctx context.Context, w *worker, s *Stage, outputs map[*Stage]map[string]artifacts.Ref, reported map[*Stage][]Metric, force bool, o *PlanOptions) (Planned, *outcome, error) {
	one := Planned{Stage: s, Name: s.Name, Kind: s.Info.Name, Action: ActionRun}
	past := w.past(s, o.Last)
	one.Last = past.took()
	if waits := waitsFor(s, outputs); len(waits) > 0 {
		one.Action, one.Why = ActionWait, waits
		switch {
		case past.never:
			one.Action, one.Why = ActionRun, []string{"never ran"}
		case force && s.when == nil:
			one.Action, one.Why = ActionRun, []string{"forced"}
		}
		return one, nil, nil
	}
	in, err := gather(s, outputs)
	if err != nil {
		return one, nil, err
	}
	if s.when != nil {
		if ok, err := s.when.holds(s, in, reported); err != nil {
			return one, nil, err
		} else if !ok {
			one.Action, one.Why = ActionSkip, []string{s.when.why()}
			return one, &outcome{outputs: map[string]artifacts.Ref{}}, nil
		}
	}
	d, prints, outside, err := w.describe(ctx, s, in, labelsOf(s, outputs))
	if err != nil {
		return one, nil, err
	}
	key, description, err := d.Key()
	if err != nil {
		return one, nil, err
	}
	one.Key = key
	switch {
	case s.Info.Effect:
		one.Why = []string{"has an effect outside the store: runs each time"}
	case force:
		one.Why = []string{"forced"}
	case s.NoCache:
		one.Why = []string{"cache: false"}
	case outside.restless:
		one.Why = []string{"nothing tells whether what it reads has changed"}
	default:
		if r, hit := w.store.Lookup(key); hit {
			o := &outcome{outputs: r.Outputs}
			if len(r.Metrics) == 0 || json.Unmarshal(r.Metrics, &o.metrics) == nil { // else a run finds it to be a miss
				one.Action, one.Last = ActionCached, r.Finished.Sub(r.Started)
				return one, o, nil
			}
		}
		one.Why = nameFiles(past, d, prints, nameInputs(s, in, o.Artifact, past, past.why(description)))
	}
	return one, nil, nil
}

// skippedBy finds the skipped stage that s cannot do without, or nil.
func (s *Stage) skippedBy(skipped map[*Stage]bool) *Stage {
	gone := func(from *Stage) bool { return skipped[from] }
	for _, e := range s.In {
		if skipped[e.From] && s.needs(e.From, gone) {
			return e.From
		}
	}
	return nil
}

// waitsFor names the stages whose outputs are not known yet.
func waitsFor(s *Stage, outputs map[*Stage]map[string]artifacts.Ref) []string {
	var why []string
	for _, e := range s.In {
		if outputs[e.From] == nil {
			if w := fmt.Sprintf("depends on what %s gives", e.From.Name); !slices.Contains(why, w) {
				why = append(why, w)
			}
		}
	}
	return why
}
