package schedule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"pipe/dag"
	"pipe/registry"
	"pipe/workspace"
)

// Service is what people and programs ask: commands, REST and the UI. It works
// beside an engine in this process, beside one in another process, and without
// any.
type Service struct {
	Workspace *workspace.Workspace
	Engine    *Engine // of this process, or nil
	Lookup    func(param string) (string, bool)
	Now       func() time.Time // nil means time.Now
}

func (s *Service) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

func (s *Service) knock() {
	if s.Engine != nil {
		s.Engine.Knock()
	}
}

// ErrNoSchedule says that a pipeline has no `schedule:`.
var ErrNoSchedule = errors.New("the pipeline has no schedule")

// Add registers the schedules of a pipeline file, and takes back those of it
// that are not in it any more. It returns their names. The folder is the one
// that is watched and holds the file, or "".
func (s *Service) Add(ctx context.Context, file, folder string) (names []string, err error) {
	p, err := workspace.LoadFile(ctx, file, dag.LoadOptions{Lookup: s.Lookup})
	if err != nil {
		return nil, err
	}
	kept := keptPath(s.Workspace.Dir, file)
	if len(p.Schedule) == 0 {
		if folder == "" {
			return nil, fmt.Errorf("%s: %w: add `schedule: { cron: \"0 3 * * *\" }` to the file", file, ErrNoSchedule)
		}
		return nil, s.Workspace.Registry.PutSchedules(ctx, kept, nil)
	}
	var list []registry.Schedule
	for _, e := range p.Schedule {
		name := p.Name
		if e.Name != "" {
			name += "." + e.Name
		}
		if old, err := s.Workspace.Registry.Schedule(ctx, name); err == nil && old.File != kept {
			return nil, fmt.Errorf("%s: schedule %q is that of %s already: give one of the pipelines another name, or remove the other with `pipe schedule rm %s`", file, name, old.File, name)
		}
		spec, err := json.Marshal(e)
		if err != nil {
			return nil, fmt.Errorf("keep schedule %q: %w", name, err)
		}
		cursor := s.now()
		if t := e.Timetable; t != nil && e.Catchup == "all" && !t.Start.IsZero() && t.Start.Before(cursor) {
			cursor = t.Start.Add(-time.Second) // what has passed since the start is wanted, too
		}
		list = append(list, registry.Schedule{Name: name, Pipeline: p.Name, File: kept, Folder: folder, Spec: string(spec), Cursor: cursor})
		names = append(names, name)
	}
	if err := s.Workspace.Registry.PutSchedules(ctx, kept, list); err != nil {
		return nil, err
	}
	s.knock()
	return names, nil
}

// Remove ends a schedule; its history stays.
func (s *Service) Remove(ctx context.Context, name string, why registry.Audit) error {
	defer s.knock()
	return s.Workspace.Registry.RemoveSchedule(ctx, name, why)
}

// Pause stops new runs of a schedule.
func (s *Service) Pause(ctx context.Context, name string, why registry.Audit) error {
	defer s.knock()
	return s.Workspace.Registry.PauseSchedule(ctx, name, true, why)
}

// Resume lets a schedule go on. What passed meanwhile is missed, and catchup
// decides what becomes of it.
func (s *Service) Resume(ctx context.Context, name string, why registry.Audit) error {
	defer s.knock()
	return s.Workspace.Registry.PauseSchedule(ctx, name, false, why)
}

// Trigger lets a schedule run now. At is the logical time, or zero for the last
// fire time (of one without times: now).
func (s *Service) Trigger(ctx context.Context, name string, at time.Time, params map[string]string, cause, why string) (registry.Fire, error) {
	kept, err := s.Workspace.Registry.Schedule(ctx, name)
	if err != nil {
		return registry.Fire{}, err
	}
	e, err := newEntry(kept)
	if err != nil {
		return registry.Fire{}, err
	}
	now := s.now()
	f := registry.Fire{At: at, Token: cause + " " + newRunID()[:12], Cause: cause, Why: why, Due: now, Priority: e.spec.Priority, Params: params}
	if f.At.IsZero() {
		f.At = now.Truncate(time.Second)
		if e.times != nil {
			if last, ok := e.times.Prev(now); ok {
				f.At = last
			}
		}
	}
	f.Start, f.End = f.At, f.At
	if e.times != nil {
		m := dag.MomentAt(e.times, f.At)
		f.Start, f.End = m.Start, m.End
	}
	added, err := s.Workspace.Registry.Enqueue(ctx, name, []registry.Fire{f})
	if err != nil {
		return registry.Fire{}, err
	}
	s.knock()
	return added[0], nil
}

// Backfill lets a schedule run for each of its fire times from one moment to
// another, jobs of them at a time. Times for which that was asked before are
// left as they are, unless again is set.
func (s *Service) Backfill(ctx context.Context, name string, from, to time.Time, jobs int, again bool, why string) ([]registry.Fire, error) {
	kept, err := s.Workspace.Registry.Schedule(ctx, name)
	if err != nil {
		return nil, err
	}
	e, err := newEntry(kept)
	if err != nil {
		return nil, err
	}
	if e.times == nil {
		return nil, fmt.Errorf("schedule %q does not fire at times: there is no past to fill", name)
	}
	if jobs < 1 {
		jobs = 1
	}
	now := s.now()
	have := map[time.Time]bool{}
	if !again {
		before, err := s.Workspace.Registry.Fires(ctx, registry.FireQuery{Schedule: name, From: from, To: to, Causes: []string{"backfill"},
			States: []registry.FireState{registry.FireDone, registry.FireQueued, registry.FireRunning}})
		if err != nil {
			return nil, err
		}
		for _, f := range before {
			have[f.At] = true
		}
	}
	times := dag.BackfillTimes(e.times, from, to)
	if len(times) == 0 {
		return nil, fmt.Errorf("schedule %q has no fire time from %s to %s", name, from.Format(time.RFC3339), to.Format(time.RFC3339))
	}
	var list []registry.Fire
	token := fmt.Sprintf("backfill %d %s", jobs, newRunID()[:12])
	for _, at := range times {
		if have[at] {
			continue
		}
		f := e.fire(at, "backfill", why)
		f.Token, f.Due, f.Priority = token, now, e.spec.Priority-1
		list = append(list, f)
	}
	added, err := s.Workspace.Registry.Enqueue(ctx, name, list)
	s.knock()
	return added, err
}

// Cancel stops the run of a fire that is under way.
func (s *Service) Cancel(ctx context.Context, run string) error {
	found, err := s.Workspace.Registry.CancelFire(ctx, run)
	if err == nil && !found {
		err = &registry.Error{Kind: registry.ErrNotFound, What: "run", Name: run, Text: fmt.Sprintf("run %s is no run of a schedule that is under way", run)}
	}
	if err == nil {
		err = s.Workspace.ExplainStop(run, "cancelled by a person, as a run of its schedule")
	}
	s.knock()
	return err
}
