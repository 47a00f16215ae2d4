package schedule

import (
	"context"
	"fmt"
	"time"

	"pipe/dag"
	"pipe/registry"
)

// NewsKind says what people should know.
type NewsKind string

// The kinds of news.
const (
	NewsStarted   NewsKind = "started"
	NewsEnded     NewsKind = "ended"
	NewsFailed    NewsKind = "failed"    // the first failure after a success
	NewsRecovered NewsKind = "recovered" // the first success after a failure
	NewsLate      NewsKind = "late"
)

// News is something that happened to a fire.
type News struct {
	Kind NewsKind
	Job  Job
}

func (g *Engine) tellEnd(f *registry.Fire, spec dag.Schedule, e *entry, failing *bool) {
	j := Job{Fire: *f, Spec: spec}
	if e != nil {
		j.Pipeline, j.File = e.Pipeline, e.File
	}
	g.o.Tell(News{Kind: NewsEnded, Job: j})
	log := g.o.Log.Info
	if f.State == registry.FireFailed {
		log = g.o.Log.Error
	}
	log("schedules: a run ended", "schedule", f.Schedule, "run", f.Run, "at", f.At, "state", f.State, "error", f.Error)
	if failing == nil || e == nil {
		return
	}
	e.Failing = *failing
	kind := NewsRecovered
	if *failing {
		kind = NewsFailed
	}
	g.o.Tell(News{Kind: kind, Job: j})
}

// tellLate tells of fires that have passed their deadline, once of each, and
// returns when the next one will.
func (g *Engine) tellLate(ctx context.Context, now time.Time) (next time.Time) {
	look := func(f *registry.Fire) {
		e := g.entries[f.Schedule]
		if e == nil || e.spec.Deadline == 0 || f.Late || f.Cause == "backfill" {
			return
		}
		if at := f.Due.Add(time.Duration(e.spec.Deadline)); at.After(now) {
			next = earlier(next, at)
			return
		}
		f.Late = true
		first, err := g.o.Registry.MarkLate(ctx, g.lease, f.ID)
		if err != nil {
			g.o.Log.Warn("schedules: mark a run as late", "error", err)
		}
		if first {
			g.metrics.late(f.Schedule)
			g.o.Log.Warn("schedules: a run is late", "schedule", f.Schedule, "at", f.At, "state", f.State)
			g.o.Tell(News{Kind: NewsLate, Job: Job{Fire: *f, Pipeline: e.Pipeline, File: e.File, Spec: e.spec}})
		}
	}
	for _, f := range g.queue {
		look(f)
	}
	for _, j := range g.running {
		look(j.fire)
	}
	return next
}

// Sentence tells the news in one line.
func (n News) Sentence() string {
	f := n.Job.Fire
	at := f.At.Format("2006-01-02 15:04:05Z")
	switch n.Kind {
	case NewsFailed:
		return fmt.Sprintf("%s failed: its run of %s", f.Schedule, at)
	case NewsRecovered:
		return fmt.Sprintf("%s works again: its run of %s is done", f.Schedule, at)
	case NewsLate:
		return fmt.Sprintf("%s is late: its run of %s has not ended within %v", f.Schedule, at, n.Job.Spec.Deadline)
	case NewsStarted:
		return fmt.Sprintf("%s: its run of %s has started", f.Schedule, at)
	}
	return fmt.Sprintf("%s: its run of %s is %s", f.Schedule, at, f.State)
}
