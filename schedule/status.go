package schedule

import (
	"context"
	"time"

	"pipe/dag"
	"pipe/dag/cron"
	"pipe/registry"
)

// Status is a schedule as people see it.
type Status struct {
	Name     string         `json:"name"`
	Pipeline string         `json:"pipeline"`
	File     string         `json:"file"`
	When     string         `json:"when"` // in words
	Spec     dag.Schedule   `json:"spec"`
	Paused   bool           `json:"paused"`
	Reason   string         `json:"reason,omitempty"`
	Problem  string         `json:"problem,omitempty"` // of its file
	Failing  bool           `json:"failing,omitempty"`
	Next     time.Time      `json:"next,omitzero"`
	Watching string         `json:"watching,omitempty"` // what the last look at its trigger found
	Looked   time.Time      `json:"looked,omitzero"`
	Last     *registry.Fire `json:"last,omitempty"`
	// Of the last 30 days:
	Done    int     `json:"done"`
	Failed  int     `json:"failed"`
	Skipped int     `json:"skipped"`
	Success float64 `json:"success"` // the share of the runs that ended well; 0 without any
	// Now:
	Running int `json:"running"`
	Queued  int `json:"queued"`
}

// rateOver is the time that success rates are about.
const rateOver = 30 * 24 * time.Hour

// List gives all schedules by name.
func (s *Service) List(ctx context.Context) ([]Status, error) {
	kept, err := s.Workspace.Registry.Schedules(ctx)
	if err != nil {
		return nil, err
	}
	now := s.now()
	counts, err := s.Workspace.Registry.FireCounts(ctx, now.Add(-rateOver))
	if err != nil {
		return nil, err
	}
	last, err := s.Workspace.Registry.LastFires(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]Status, 0, len(kept))
	for _, k := range kept {
		list = append(list, status(k, counts[k.Name], last[k.Name], now))
	}
	return list, nil
}

// Show gives one schedule.
func (s *Service) Show(ctx context.Context, name string) (Status, error) {
	k, err := s.Workspace.Registry.Schedule(ctx, name)
	if err != nil {
		return Status{}, err
	}
	now := s.now()
	counts, err := s.Workspace.Registry.FireCounts(ctx, now.Add(-rateOver))
	if err != nil {
		return Status{}, err
	}
	last, err := s.Workspace.Registry.Fires(ctx, registry.FireQuery{Schedule: name, States: []registry.FireState{registry.FireDone, registry.FireFailed, registry.FireRunning, registry.FireCancelled, registry.FireSkipped}, Limit: 1})
	if err != nil {
		return Status{}, err
	}
	var f *registry.Fire
	if len(last) > 0 {
		f = &last[0]
	}
	return status(k, counts[name], f, now), nil
}

func status(k registry.Schedule, counts map[registry.FireState]int, last *registry.Fire, now time.Time) Status {
	st := Status{Name: k.Name, Pipeline: k.Pipeline, File: k.File, Paused: k.Paused, Reason: k.Reason, Problem: k.Problem, Failing: k.Failing, Last: last,
		Done: counts[registry.FireDone], Failed: counts[registry.FireFailed], Skipped: counts[registry.FireSkipped], Running: counts[registry.FireRunning], Queued: counts[registry.FireQueued]}
	if ran := st.Done + st.Failed; ran > 0 {
		st.Success = float64(st.Done) / float64(ran)
	}
	e, err := newEntry(k)
	if err != nil {
		st.Problem = err.Error()
		return st
	}
	st.Spec, st.When = e.spec, e.words()
	st.Watching, st.Looked = e.memory.Text, e.memory.Looked
	if e.times != nil && !k.Paused {
		from := now
		if e.cursor.After(from) {
			from = e.cursor
		}
		st.Next, _ = e.times.Next(from)
	}
	return st
}

// words say when an entry fires.
func (e *entry) words() string {
	s := e.spec
	var w string
	switch {
	case s.Cron != "":
		w = s.Cron
	case s.Every != 0:
		w = "every " + s.Every.String()
	case s.On != nil && s.On.Source != "":
		w = "on a change of " + s.On.Source
	case s.On != nil && s.On.Rows != "":
		w = "on new rows in " + s.On.Rows
	case s.On != nil && s.On.Pipeline != "":
		w = "after " + s.On.Pipeline
	case s.On != nil && s.On.Alias != "":
		w = "when " + s.On.Alias + " moves"
	case s.On != nil && s.On.Webhook != "":
		w = "on a request"
	}
	if e.times != nil && s.Timezone != "UTC" {
		w += " " + s.Timezone
	}
	if s.When != "" {
		if w != "" {
			w += ", "
		}
		w += "if " + s.When
	}
	return w
}

// Upcoming is a fire time that is to come, and why it is one.
type Upcoming struct {
	Schedule string    `json:"schedule"`
	At       time.Time `json:"at"`
	Local    string    `json:"local"` // At in the schedule's zone
	Due      time.Time `json:"due"`   // with the jitter
	Why      string    `json:"why"`
}

// Next lists the fire times that come next, of one schedule ("" for all),
// until a moment (zero: without end), at most n.
func (s *Service) Next(ctx context.Context, name string, n int, until time.Time) ([]Upcoming, error) {
	kept, err := s.Workspace.Registry.Schedules(ctx)
	if err != nil {
		return nil, err
	}
	if name != "" {
		one, err := s.Workspace.Registry.Schedule(ctx, name)
		if err != nil {
			return nil, err
		}
		kept = []registry.Schedule{one}
	}
	now := s.now()
	var h wakeHeap
	for _, k := range kept {
		e, err := newEntry(k)
		if err != nil || e.times == nil || e.Paused {
			continue
		}
		if e.cursor.Before(now) {
			e.cursor = now
		}
		e.plan(now)
		h.put(e)
	}
	var list []Upcoming
	for len(h) > 0 && len(list) < n {
		e := h[0]
		if !until.IsZero() && e.next.After(until) {
			break
		}
		list = append(list, Upcoming{Schedule: e.Name, At: e.next, Local: e.next.In(e.times.Zone).Format("Mon 2006-01-02 15:04:05 MST"), Due: e.wake, Why: e.why(e.next)})
		e.cursor = e.next
		e.plan(now)
		h.put(e)
	}
	return list, nil
}

// why says why a moment is a fire time.
func (e *entry) why(at time.Time) string {
	w := e.words()
	if e.times.Expr != nil && e.times.Moved(at) {
		w += "; clocks skip its time, so that it runs at the change"
	}
	if d := cron.Delay(e.Name, at, time.Duration(e.spec.Jitter)); d > 0 {
		w += "; starts " + d.String() + " later (jitter)"
	}
	return w
}

// History gives the fires of a schedule ("" for all), the newest first.
func (s *Service) History(ctx context.Context, name string, q registry.FireQuery) ([]registry.Fire, error) {
	if name != "" {
		if _, err := s.Workspace.Registry.Schedule(ctx, name); err != nil {
			return nil, err
		}
	}
	q.Schedule = name
	return s.Workspace.Registry.Fires(ctx, q)
}

// Day is what happened on a day, or is to come, for a calendar.
type Day struct {
	Date  string          `json:"date"`
	Fires []registry.Fire `json:"fires,omitempty"`
	Next  []Upcoming      `json:"next,omitempty"`
}

// Calendar gives the days (UTC) from one moment to another, at most a hundred
// fires and times of each day.
func (s *Service) Calendar(ctx context.Context, name string, from, to time.Time) ([]Day, error) {
	from = from.UTC().Truncate(24 * time.Hour)
	fires, err := s.History(ctx, name, registry.FireQuery{From: from, To: to, Oldest: true})
	if err != nil {
		return nil, err
	}
	next, err := s.Next(ctx, name, 10_000, to)
	if err != nil {
		return nil, err
	}
	var days []Day
	place := map[string]int{}
	for at := from; !at.After(to) && len(days) < 400; at = at.Add(24 * time.Hour) {
		place[at.Format(time.DateOnly)] = len(days)
		days = append(days, Day{Date: at.Format(time.DateOnly)})
	}
	for _, f := range fires {
		if i, ok := place[f.At.Format(time.DateOnly)]; ok && len(days[i].Fires) < 100 {
			days[i].Fires = append(days[i].Fires, f)
		}
	}
	for _, u := range next {
		if i, ok := place[u.At.UTC().Format(time.DateOnly)]; ok && len(days[i].Next) < 100 {
			days[i].Next = append(days[i].Next, u)
		}
	}
	return days, nil
}
