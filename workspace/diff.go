package workspace

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/registry"
)

// Diff is what differs between two runs.
type Diff struct {
	Runs     [2]string     `json:"runs"`
	Params   []Change      `json:"params,omitempty"`
	Code     []Change      `json:"code,omitempty"`
	Pipeline []string      `json:"pipeline,omitempty"` // lines of the pipeline's text, with - or +
	Stages   []StageChange `json:"stages,omitempty"`
	Data     []TableChange `json:"data,omitempty"`
	Metrics  []Change      `json:"metrics,omitempty"`
}

// Change is a value in both runs; "" where it is not there.
type Change struct {
	Name   string `json:"name"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// StageChange is a stage whose key differs, and why.
type StageChange struct {
	Stage string   `json:"stage"`
	Why   []string `json:"why"`
}

// Diff compares two runs, named by their ids or the beginnings of them.
func (w *Workspace) Diff(ctx context.Context, before, after string) (*Diff, error) {
	a, err := w.Detail(ctx, before)
	if err != nil {
		return nil, err
	}
	b, err := w.Detail(ctx, after)
	if err != nil {
		return nil, err
	}
	d := &Diff{Runs: [2]string{a.ID, b.ID}}
	d.Params = changes(pairs(a.Params), pairs(b.Params))
	d.Metrics = changes(latest(a.Metrics), latest(b.Metrics))
	d.Code = changes(code(a.Git), code(b.Git))
	ta, tb := w.pipelineText(a), w.pipelineText(b)
	d.Pipeline = lineDiff(ta, tb)
	d.Stages = w.stageChanges(a.Stages, b.Stages)
	d.Data, err = w.tableChanges(ctx, a.Stages, b.Stages)
	return d, err
}

func (w *Workspace) pipelineText(r registry.RunDetail) string {
	if b, err := os.ReadFile(filepath.Join(w.RunDir(r.ID), dag.PipelineFile)); err == nil {
		return string(b)
	}
	return r.PipelineText
}

func pairs(list []registry.Pair) map[string]string {
	m := make(map[string]string, len(list))
	for _, p := range list {
		m[p.Key] = p.Value
	}
	return m
}

func latest(list []registry.Metric) map[string]string {
	m := make(map[string]string, len(list))
	for _, x := range list {
		m[x.Key] = fmt.Sprintf("%.6g", x.Value)
	}
	return m
}

func code(g registry.Git) map[string]string {
	m := map[string]string{}
	if g.Commit != "" {
		m["commit"] = g.Commit
	}
	if g.Dirty {
		m["work tree"] = "with changes"
	}
	return m
}

// changes lists the names whose values differ, sorted.
func changes(a, b map[string]string) []Change {
	names := map[string]bool{}
	for n := range a {
		names[n] = true
	}
	for n := range b {
		names[n] = true
	}
	var out []Change
	for _, n := range slices.Sorted(maps.Keys(names)) {
		if a[n] != b[n] {
			out = append(out, Change{n, a[n], b[n]})
		}
	}
	return out
}

func byName(stages []registry.Stage) map[string]registry.Stage {
	m := make(map[string]registry.Stage, len(stages))
	for _, s := range stages {
		m[s.Name] = s
	}
	return m
}

func (w *Workspace) stageChanges(a, b []registry.Stage) []StageChange {
	before, after := byName(a), byName(b)
	var out []StageChange
	for _, s := range b {
		old, ok := before[s.Name]
		switch {
		case !ok:
			out = append(out, StageChange{s.Name, []string{"is new"}})
		case old.Key != s.Key:
			out = append(out, StageChange{s.Name, w.whyOther(old, s)})
		}
	}
	for _, s := range a {
		if _, ok := after[s.Name]; !ok {
			out = append(out, StageChange{s.Name, []string{"is gone"}})
		}
	}
	return out
}

// whyOther says why a stage had another key. Where the records do not tell,
// because they were collected or because an effect leaves none, what the stage
// read does.
func (w *Workspace) whyOther(a, b registry.Stage) []string {
	ra, okA := w.Store.Lookup(a.Key)
	rb, okB := w.Store.Lookup(b.Key)
	if okA && okB {
		return dag.Differences(ra.Description, rb.Description)
	}
	var why []string
	for _, c := range changes(inputs(a), inputs(b)) {
		why = append(why, fmt.Sprintf("%s %s → %s", c.Name, artifacts.Digest(c.Before).Short(), artifacts.Digest(c.After).Short()))
	}
	if why == nil {
		return []string{"its configuration differs; no record in the store says how"}
	}
	return why
}

// inputs are the digests of all that a stage read.
func inputs(s registry.Stage) map[string]string {
	m := make(map[string]string, len(s.Inputs)+len(s.Externals))
	for port, ref := range s.Inputs {
		m["input "+port] = string(ref.Digest)
	}
	for _, x := range s.Externals {
		m["file "+x.Path] = string(x.Digest)
	}
	return m
}
