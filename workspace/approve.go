package workspace

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"pipe/dag"
	"pipe/dag/text"
	"pipe/registry"
)

// The tags that connect a run that waited with the one that goes on with it.
const (
	ContinuesTag = "pipe.continues"
	ContinuedTag = "pipe.continued_by"
)

// ErrNotWaiting says that a run does not wait for a decision about a stage.
var ErrNotWaiting = errors.New("it does not wait for a decision")

// Decide records what a person has decided about a stage that a run waits for:
// who, why and when. It starts nothing. The same decision once more is the one
// that is there.
func (w *Workspace) Decide(run, stage string, approved bool, who, why string) (dag.Decision, error) {
	waiting, err := dag.Waiting(w.RunDir(run))
	if err != nil {
		return dag.Decision{}, err
	}
	names := make([]string, len(waiting))
	for i, e := range waiting {
		names[i] = e.Stage
		if e.Stage != stage {
			continue
		}
		if who == "" {
			who = username()
		}
		d := dag.Decision{Stage: stage, Key: e.Key, Approved: approved, Who: who, Why: why, Time: time.Now().UTC()}
		return d, dag.AddDecision(w.RunDir(run), d)
	}
	made, err := dag.Decisions(w.RunDir(run))
	if d, there := made[stage]; err == nil && there && d.Approved == approved {
		r, err := w.Registry.RunByID(context.Background(), run)
		if by, gone := registry.Value(r.Tags, ContinuedTag); err == nil && gone {
			return dag.Decision{}, fmt.Errorf("stage %q of run %.8s was decided, and run %.8s has gone on with it already", stage, run, by)
		}
		return d, nil
	}
	hint := text.DidYouMean(stage, names)
	if hint == "" {
		hint = "it waits for: " + text.List(names)
	}
	return dag.Decision{}, fmt.Errorf("stage %q of run %.8s: %w (%s)", stage, run, ErrNotWaiting, hint)
}

// Continue goes on with a run that waited: the pipeline as it was then, with
// what has been decided. What the first run did is in the store, so that only
// the rest runs. The run that is gone on with ends as finished, or failed with
// the new one, and names it.
func (w *Workspace) Continue(ctx context.Context, run string, o RunOptions) (id string, res *dag.Result, err error) {
	p, err := w.asItWas(ctx, run)
	if err != nil {
		return "", nil, err
	}
	return w.ContinueWith(ctx, run, p, o)
}

// asItWas loads the pipeline of a run as its text was then.
func (w *Workspace) asItWas(ctx context.Context, run string) (*dag.Pipeline, error) {
	req, err := w.Request(run)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(filepath.Join(w.RunDir(run), dag.PipelineFile))
	if err != nil {
		return nil, fmt.Errorf("the text of the run's pipeline is gone: %w", err)
	}
	return LoadRequest(ctx, req, data)
}

// ContinueWith is Continue with the pipeline at hand.
func (w *Workspace) ContinueWith(ctx context.Context, run string, p *dag.Pipeline, o RunOptions) (id string, res *dag.Result, err error) {
	req, err := w.Request(run)
	if err != nil {
		return "", nil, err
	}
	if o.Decisions, err = dag.Decisions(w.RunDir(run)); err != nil {
		return "", nil, err
	}
	o.Selection = dag.Selection{Targets: req.Targets, From: req.From}
	o.Tags = map[string]string{ContinuesTag: run}
	id, res, err = w.Run(ctx, p, o)
	if id == "" {
		return id, res, err
	}
	end := ""
	if res != nil {
		end = res.Status
	}
	return id, res, errors.Join(err, w.continued(ctx, run, id, end))
}

// continued notes of a run that waited that another one has gone on with it, and
// how that ended.
func (w *Workspace) continued(ctx context.Context, run, by, end string) error {
	status := registry.Finished
	if end == dag.StatusFailed { // as when somebody rejects
		status = registry.Failed
	}
	_, err := w.Registry.UpdateRun(ctx, run, registry.RunChange{Status: &status})
	return errors.Join(err, w.Registry.SetTags(ctx, run, []registry.Pair{{Key: ContinuedTag, Value: by}}))
}
