package schedule

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"pipe/dag"
	"pipe/registry"
)

// Job is one attempt at a fire.
type Job struct {
	registry.Fire
	Pipeline string
	File     string
	Spec     dag.Schedule
}

// job is an attempt that is under way.
type job struct {
	fire *registry.Fire
	spec dag.Schedule
	stop context.CancelCauseFunc
}

// result is how an attempt ended.
type result struct {
	id  int64
	err error
}

// Why an attempt ended without an end of its own; a Runner gives ErrSkipped, and
// ErrCancelled where somebody stopped the run behind the engine's back.
var (
	ErrCancelled = errors.New("cancelled")
	errOverlap   = errors.New("cancelled: the next run of this schedule has come due, and overlap is cancel")
	errTimeout   = errors.New("timeout")
	ErrSkipped   = errors.New("skipped")
)

// startable is when a fire that waits may start at the earliest.
func startable(f *registry.Fire) time.Time {
	if f.After.After(f.Due) {
		return f.After
	}
	return f.Due
}

// dispatch starts what may start, in the order of the queue.
func (g *Engine) dispatch(ctx context.Context, now time.Time) error {
	kept := g.queue[:0]
	var problem error
	for _, f := range g.queue {
		if problem != nil || startable(f).After(now) {
			kept = append(kept, f)
			continue
		}
		waits, err := g.admit(ctx, f, now)
		if waits || err != nil {
			kept = append(kept, f)
		}
		problem = err
	}
	clear(g.queue[len(kept):])
	g.queue = kept
	return problem
}

// admit starts a fire, leaves it out, or lets it wait.
func (g *Engine) admit(ctx context.Context, f *registry.Fire, now time.Time) (waits bool, err error) {
	e := g.entries[f.Schedule]
	if e == nil { // removed; its fires are cancelled in the registry
		return false, nil
	}
	if e.Paused && f.Cause != "manual" && f.Cause != "backfill" {
		return true, nil
	}
	limit, active := e.maxActive(), g.active[lane(f)]
	if f.Cause == "backfill" {
		limit = backfillJobs(f)
	}
	if limit > 0 && active >= limit {
		switch {
		case f.Attempt > 0 || f.Cause == "backfill" || e.spec.Overlap == "queue" || e.spec.Overlap == "allow" || e.spec.Overlap == "":
			return true, nil
		case e.spec.Overlap == "skip":
			return false, g.leaveOut(ctx, f, now, "a run of this schedule is still under way, and overlap is skip")
		case e.spec.Overlap == "cancel":
			for _, j := range g.running {
				if lane(j.fire) == lane(f) {
					j.stop(errOverlap)
				}
			}
			return true, nil
		}
	}
	if len(g.running) >= g.o.MaxRuns {
		return true, nil
	}
	f.Run = newRunID()
	f.Started, f.Attempt, f.State = now, f.Attempt+1, registry.FireRunning
	err = g.o.Registry.StartFire(ctx, g.lease, f.ID, f.Run, now)
	if errors.Is(err, registry.ErrConflict) { // cancelled meanwhile
		return false, nil
	}
	if err != nil {
		return true, err
	}
	g.start(e, f)
	return false, nil
}

func (g *Engine) leaveOut(ctx context.Context, f *registry.Fire, now time.Time, why string) error {
	g.metrics.skipped(f.Schedule)
	return g.o.Registry.EndFire(ctx, g.lease, f.ID, registry.FireEnd{State: registry.FireSkipped, Error: why, At: now}, nil)
}

// start lets a fire's attempt run.
func (g *Engine) start(e *entry, f *registry.Fire) {
	ctx, stop := context.WithCancelCause(g.quit)
	j := &job{fire: f, spec: e.spec, stop: stop}
	g.running[f.ID] = j
	g.active[lane(f)]++
	g.metrics.started(f.Schedule)
	work := Job{Fire: *f, Pipeline: e.Pipeline, File: e.File, Spec: e.spec}
	g.o.Tell(News{Kind: NewsStarted, Job: work})
	results := g.results
	go func() {
		defer stop(nil)
		timed, end := ctx, context.CancelFunc(func() {})
		if t := time.Duration(work.Spec.Timeout); t > 0 {
			timed, end = context.WithTimeoutCause(ctx, t, fmt.Errorf("%w: it has run for %v", errTimeout, t))
		}
		defer end()
		err := g.o.Runner.Run(timed, work)
		if cause := context.Cause(timed); err != nil && cause != nil {
			err = cause
		}
		results <- result{f.ID, err}
	}()
}

// ended writes down how an attempt ended, and lets it be tried again where that
// is wanted.
func (g *Engine) ended(ctx context.Context, r result) error {
	j := g.running[r.id]
	delete(g.running, r.id)
	f := j.fire
	if g.active[lane(f)]--; g.active[lane(f)] == 0 {
		delete(g.active, lane(f))
	}
	if g.quit.Err() != nil && errors.Is(r.err, context.Canceled) { // this process ends: who leads next goes on with it
		return nil
	}
	return g.settle(ctx, f, j.spec, r.err)
}

// settle writes down what became of a fire.
func (g *Engine) settle(ctx context.Context, f *registry.Fire, spec dag.Schedule, outcome error) error {
	now := g.o.Clock.Now()
	end := registry.FireEnd{State: registry.FireDone, At: now}
	switch {
	case outcome == nil:
	case errors.Is(outcome, ErrSkipped):
		end.State, end.Error = registry.FireSkipped, outcome.Error()
	case errors.Is(outcome, ErrCancelled), errors.Is(outcome, errOverlap):
		end.State, end.Error = registry.FireCancelled, outcome.Error()
	default:
		end.State, end.Error = registry.FireFailed, outcome.Error()
		if spec.Retries != nil && f.Attempt <= spec.Retries.Times {
			end.State, end.After = registry.FireQueued, now.Add(time.Duration(spec.Retries.Delay))
		}
	}
	var failing *bool
	e := g.entries[f.Schedule]
	if e != nil && end.State != registry.FireQueued {
		bad := end.State == registry.FireFailed
		if good := end.State == registry.FireDone; bad && !e.Failing || good && e.Failing {
			failing = &bad
		}
	}
	if err := g.o.Registry.EndFire(ctx, g.lease, f.ID, end, failing); err != nil {
		return err
	}
	f.State, f.Error, f.Ended, f.After = end.State, end.Error, end.At, end.After
	if f.State == registry.FireQueued {
		g.queue = append(g.queue, f)
		g.sortQueue()
		g.o.Log.Warn("schedules: a run failed and is tried again", "schedule", f.Schedule, "run", f.Run, "attempt", f.Attempt, "error", f.Error)
		return nil
	}
	g.metrics.ended(f.Schedule, f.State, now.Sub(f.Started))
	g.tellEnd(f, spec, e, failing)
	g.wakeFollowers(e)
	return nil
}

// wakeFollowers lets the entries look now that wait for the pipeline of e.
func (g *Engine) wakeFollowers(e *entry) {
	if e == nil {
		return
	}
	for _, other := range g.entries {
		if other.spec.On != nil && other.spec.On.Pipeline == e.Pipeline && !other.busy && !other.Paused {
			other.wake = g.o.Clock.Now()
			g.heap.put(other)
		}
	}
}

// newRunID draws a run's name in MLflow's form, 32 hexadecimal digits.
func newRunID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return hex.EncodeToString(b[:])
}

// lane is what runs are counted by: those of a backfill keep none of today's
// from their start.
func lane(f *registry.Fire) string {
	if f.Cause == "backfill" {
		return f.Schedule + " " + f.Token
	}
	return f.Schedule
}

// backfillJobs is how many runs of a backfill may be under way, which its token
// tells.
func backfillJobs(f *registry.Fire) int {
	n := 0
	if _, err := fmt.Sscanf(f.Token, "backfill %d", &n); err != nil {
		return 1
	}
	return n
}
