package schedule

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"time"

	"pipe/dag"
	"pipe/workspace"
)

// InWorkspace runs pipelines as `pipe run` does, in a workspace.
type InWorkspace struct {
	Workspace *workspace.Workspace
	Lookup    func(param string) (string, bool) // as dag.LoadOptions.Lookup
	// Sink gives who watches a run; nil for nobody.
	Sink func(j Job, p *dag.Pipeline) dag.Sink
}

// Tags of a scheduled run.
const (
	TagSchedule    = "pipe.schedule"
	TagScheduledAt = "pipe.scheduled_at"
	TagCause       = "pipe.cause"
)

// Run implements Runner.
func (r InWorkspace) Run(ctx context.Context, j Job) error {
	p, err := r.load(ctx, j)
	if err != nil {
		return err
	}
	o := workspace.RunOptions{ID: j.Fire.Run, Tags: map[string]string{
		TagSchedule: j.Schedule, TagScheduledAt: j.At.Format(time.RFC3339), TagCause: j.Cause,
	}}
	if r.Sink != nil {
		o.Sink = r.Sink(j, p)
	}
	_, _, err = r.Workspace.Run(ctx, p, o)
	switch {
	case errors.Is(err, workspace.ErrSkipped):
		return fmt.Errorf("%w: %w", ErrSkipped, err)
	case errors.Is(err, dag.ErrInterrupted) && ctx.Err() == nil:
		return ErrCancelled // by `pipe cancel`, or by another run of its concurrency group
	}
	return err
}

// load reads the pipeline as it is now, for the logical time of the fire.
func (r InWorkspace) load(ctx context.Context, j Job) (*dag.Pipeline, error) {
	params := map[string]string{}
	maps.Copy(params, j.Spec.Params)
	maps.Copy(params, j.Params)
	moment := dag.Moment{At: j.At, Start: j.Start, End: j.End, Zone: j.Spec.Timezone}
	return workspace.LoadFile(ctx, FilePath(r.Workspace.Dir, j.File), dag.LoadOptions{Params: params, Lookup: r.Lookup, Moment: moment})
}

// State implements Runner.
func (r InWorkspace) State(ctx context.Context, run string) (RunState, error) {
	return StateOf(ctx, r.Workspace.Registry, run)
}

// FilePath finds a schedule's file: what is kept is relative to the folder that
// .pipe is in, so that the folder can move.
func FilePath(store, file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(filepath.Dir(filepath.Clean(store)), file)
}

// keptPath is the inverse of FilePath.
func keptPath(store, file string) string {
	base, err1 := filepath.Abs(filepath.Dir(filepath.Clean(store)))
	abs, err2 := filepath.Abs(file)
	if err1 != nil || err2 != nil {
		return file
	}
	if rel, err := filepath.Rel(base, abs); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return abs
}

var _ Runner = InWorkspace{}
