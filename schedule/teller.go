package schedule

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"pipe/dag"
	"pipe/notify"
	"pipe/workspace"
)

// Teller tells people of failures, lateness and recovery.
type Teller struct {
	workspace *workspace.Workspace
	always    []notify.Target
	lookup    func(string) (string, bool)
	log       *slog.Logger
	news      chan News
}

// NewTeller makes a teller that tells some targets everything, and those that
// an entry names what is about it.
func NewTeller(w *workspace.Workspace, always []string, lookup func(string) (string, bool), log *slog.Logger) (*Teller, error) {
	t := &Teller{workspace: w, lookup: lookup, log: log, news: make(chan News, 1024)}
	for _, a := range always {
		target, err := notify.ParseFlag(a)
		if err != nil {
			return nil, fmt.Errorf("--alert: %w", err)
		}
		t.always = append(t.always, target)
	}
	return t, nil
}

// Tell takes news that people should know; it does not wait.
func (t *Teller) Tell(n News) {
	if n.Kind != NewsFailed && n.Kind != NewsRecovered && n.Kind != NewsLate {
		return
	}
	select {
	case t.news <- n:
	default:
		t.log.Warn("schedules: too many alerts wait; one was dropped", "about", n.Sentence())
	}
}

// Run sends what it is told until ctx is done.
func (t *Teller) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case n := <-t.news:
			t.send(ctx, n)
		}
	}
}

func (t *Teller) send(ctx context.Context, n News) {
	m := message(n)
	for _, target := range append(t.own(ctx, n), t.always...) {
		if err := target.Send(ctx, m); err != nil {
			t.log.Warn("schedules: an alert could not be sent", "about", n.Sentence(), "error", err)
		}
	}
}

// own reads the targets that the entry names from its file: an address is often
// a secret, and is not kept in the registry.
func (t *Teller) own(ctx context.Context, n News) (targets []notify.Target) {
	if n.Job.File == "" {
		return nil
	}
	p, err := workspace.LoadFile(ctx, FilePath(t.workspace.Dir, n.Job.File), dag.LoadOptions{Lookup: t.lookup})
	if err != nil {
		return nil // that the file is wrong is told by the watcher
	}
	for _, e := range p.Schedule {
		if e.Name != n.Job.Spec.Name {
			continue
		}
		if own, ok := e.Alert.Targets.(notify.Targets); ok {
			targets = own
		}
	}
	return targets
}

func message(n News) notify.Message {
	f := n.Job.Fire
	m := notify.Message{Title: n.Sentence(), Level: notify.Good, Text: f.Error, Time: time.Now(), Fields: []notify.Field{
		{Name: "pipeline", Value: n.Job.Pipeline}, {Name: "scheduled for", Value: f.At.Format(time.RFC3339)}, {Name: "cause", Value: f.Cause},
	}}
	if f.Run != "" {
		m.Fields = append(m.Fields, notify.Field{Name: "run", Value: f.Run})
	}
	switch n.Kind {
	case NewsFailed:
		m.Level = notify.Bad
		m.Fields = append(m.Fields, notify.Field{Name: "attempts", Value: fmt.Sprint(f.Attempt)})
	case NewsLate:
		m.Level, m.Text = notify.Warning, "it is "+string(f.State)
	}
	return m
}
