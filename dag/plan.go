package dag

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
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
		one, r, err := planStage(ctx, &w, s, outputs, reported, c.force[s], o.Last)
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
func planStage(ctx context.Context, w *worker, s *Stage, outputs map[*Stage]map[string]artifacts.Ref, reported map[*Stage][]Metric, force bool, last func(string) (artifacts.Key, bool)) (Planned, *outcome, error) {
	one := Planned{Stage: s, Name: s.Name, Kind: s.Info.Name, Action: ActionRun}
	past := w.past(s, last)
	one.Last = past.took()
	if waits := waitsFor(s, outputs); len(waits) > 0 {
		one.Action, one.Why = ActionWait, waits
		if past.never {
			one.Action, one.Why = ActionRun, []string{"never ran"}
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
	d, _, outside, err := w.describe(ctx, s, in, labelsOf(s, outputs))
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
		one.Why = w.nameInputs(s, in, last, past.why(description))
	}
	return one, nil, nil
}

// nameInputs says of an input that changed which output of which stage it is,
// and of a table how its rows changed.
func (w *worker) nameInputs(s *Stage, in map[string][]artifacts.Ref, last func(string) (artifacts.Key, bool), why []string) []string {
	for i, text := range why {
		port, found := strings.CutPrefix(text, inputChanged)
		if !found {
			continue
		}
		for _, e := range s.In {
			if e.Port != port {
				continue
			}
			why[i] = inputChanged + e.From.Name + "." + e.FromPort
			if before := w.past(e.From, last).record; before != nil && len(in[port]) == 1 && in[port][0].Type == artifacts.Table {
				why[i] += fmt.Sprintf(": %d → %d rows", before.Outputs[e.FromPort].Rows, in[port][0].Rows)
			}
			break
		}
	}
	return why
}

// skippedBy finds the skipped stage that s cannot do without, or nil.
func (s *Stage) skippedBy(skipped map[*Stage]bool) *Stage {
	for _, e := range s.In {
		if skipped[e.From] && s.needs(e.From) {
			return e.From
		}
	}
	return nil
}

// inputChanged begins the reason that an input is another one; the port
// follows.
const inputChanged = "other input "

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

// past is how a stage last succeeded.
type past struct {
	never  bool
	record *artifacts.Record // nil where the store has lost it
}

func (w *worker) past(s *Stage, last func(string) (artifacts.Key, bool)) past {
	if last == nil {
		return past{}
	}
	key, known := last(s.Name)
	if !known {
		return past{never: true}
	}
	r, _ := w.store.Lookup(key)
	return past{record: r}
}

func (p past) took() time.Duration {
	if p.record == nil {
		return 0
	}
	return p.record.Finished.Sub(p.record.Started)
}

// why tells what made a stage's key another one.
func (p past) why(description json.RawMessage) []string {
	switch {
	case p.never:
		return []string{"never ran"}
	case p.record == nil:
		return []string{"its last result is no longer in the store"}
	}
	return Differences(p.record.Description, description)
}

// Differences tells why two descriptions, as records keep them, have different
// keys.
func Differences(before, after json.RawMessage) []string {
	var a, b Description
	if json.Unmarshal(before, &a) != nil || json.Unmarshal(after, &b) != nil {
		return []string{"its last result was described in another format"}
	}
	var why []string
	if a.Kind != b.Kind {
		why = append(why, fmt.Sprintf("uses %s → %s", a.Kind, b.Kind))
	} else if a.Version != b.Version {
		why = append(why, fmt.Sprintf("%s is of a newer version (%d → %d)", b.Kind, a.Version, b.Version))
	}
	var ca, cb any
	if json.Unmarshal(a.Config, &ca) == nil && json.Unmarshal(b.Config, &cb) == nil {
		why = append(why, configDifferences("with", ca, cb)...)
	}
	if a.Seed != nil && b.Seed != nil && *a.Seed != *b.Seed {
		why = append(why, fmt.Sprintf("seed %d → %d", *a.Seed, *b.Seed))
	}
	for _, port := range sortedKeys(b.Inputs) {
		if !slices.Equal(a.Inputs[port], b.Inputs[port]) {
			why = append(why, inputChanged+port)
		}
	}
	for _, name := range sortedKeys(b.Secrets) {
		if a.Secrets[name] != b.Secrets[name] {
			why = append(why, fmt.Sprintf("another secret %s", name))
		}
	}
	if !slices.Equal(a.Externals, b.Externals) {
		why = append(why, externalDifference(a.Externals, b.Externals))
	}
	if a.Outside != b.Outside {
		why = append(why, fmt.Sprintf("what it reads has another version: %s → %s", brief(a.Outside), brief(b.Outside)))
	}
	if len(why) == 0 {
		why = []string{"its inputs are connected otherwise"}
	}
	return why
}

func externalDifference(a, b []ExternalFile) string {
	for i, x := range b {
		if i >= len(a) || a[i] != x {
			return fmt.Sprintf("what it reads from outside changed (%s)", x.Field)
		}
	}
	return "the files that it reads changed"
}

// configDifferences walks two configurations and tells which values differ.
func configDifferences(path string, a, b any) []string {
	if reflect.DeepEqual(a, b) {
		return nil
	}
	ma, aIsMap := a.(map[string]any)
	mb, bIsMap := b.(map[string]any)
	if aIsMap && bIsMap {
		keys := map[string]bool{}
		for k := range ma {
			keys[k] = true
		}
		for k := range mb {
			keys[k] = true
		}
		var why []string
		for _, k := range sortedKeys(keys) {
			why = append(why, configDifferences(path+"."+k, ma[k], mb[k])...)
		}
		return why
	}
	la, aIsList := a.([]any)
	lb, bIsList := b.([]any)
	if aIsList && bIsList && len(la) == len(lb) {
		var why []string
		for i := range la {
			why = append(why, configDifferences(fmt.Sprintf("%s[%d]", path, i), la[i], lb[i])...)
		}
		return why
	}
	return []string{fmt.Sprintf("%s %s → %s", path, brief(a), brief(b))}
}

// brief writes a value in at most a few words.
func brief(v any) string {
	if v == nil {
		return "(unset)"
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // people read it
	if err := enc.Encode(v); err != nil {
		return "?"
	}
	s := strings.TrimSpace(b.String())
	if len(s) <= 40 {
		return s
	}
	return strings.ToValidUTF8(s[:37], "") + "…"
}
