package schedule

import (
	"encoding/json"
	"fmt"
	"time"

	"pipe/dag"
	"pipe/dag/cron"
	"pipe/registry"
)

// entry is a schedule as the engine holds it.
type entry struct {
	registry.Schedule
	spec   dag.Schedule
	times  *cron.Timetable // nil for one that waits for something to happen
	cursor time.Time       // of the times that have been seen to, the last
	memory memory

	next  time.Time // the fire time that comes next; zero for none
	wake  time.Time // when the engine must look at it; zero for never
	place int       // in the engine's heap; -1 outside
	busy  bool      // a poll is under way

	written time.Time // when its memory was last written down
}

// memory is what a trigger remembers from one look to the next.
type memory struct {
	Seen     string    `json:"seen,omitempty"`  // what was there when the last run was started
	Now      string    `json:"now,omitempty"`   // what is there
	Since    time.Time `json:"since,omitzero"`  // since when that is there
	Held     bool      `json:"held,omitempty"`  // the condition held for what is Seen
	Text     string    `json:"text,omitempty"`  // what the last look found, for people
	Looked   time.Time `json:"looked,omitzero"` // when that was
	Baseline bool      `json:"baseline,omitempty"`
}

func newEntry(s registry.Schedule) (*entry, error) {
	e := &entry{Schedule: s, cursor: s.Cursor, place: -1}
	if err := json.Unmarshal([]byte(s.Spec), &e.spec); err != nil {
		return nil, fmt.Errorf("schedule %s: what the registry holds of it cannot be read: %w", s.Name, err)
	}
	var err error
	if e.times, err = e.spec.Times(); err != nil {
		return nil, fmt.Errorf("schedule %s: %w", s.Name, err)
	}
	if s.Memory != "" {
		if err := json.Unmarshal([]byte(s.Memory), &e.memory); err != nil {
			return nil, fmt.Errorf("schedule %s: what its trigger remembers cannot be read: %w", s.Name, err)
		}
	}
	return e, nil
}

// polled tells whether the entry has to look for what may have happened.
func (e *entry) polled() bool {
	return e.times == nil && (e.spec.On == nil || e.spec.On.Webhook == "")
}

// plan finds out when the engine must look at the entry next.
func (e *entry) plan(now time.Time) {
	e.next, e.wake = time.Time{}, time.Time{}
	if e.Paused || e.busy {
		return
	}
	if e.times != nil {
		if next, ok := e.times.Next(e.cursor); ok {
			e.next, e.wake = next, e.due(next)
		}
		return
	}
	if !e.polled() {
		return
	}
	poll := time.Duration(e.spec.Poll)
	if e.spec.Quiet > 0 && e.memory.Now != e.memory.Seen {
		poll = min(poll, max(time.Duration(e.spec.Quiet)/2, time.Second))
	}
	if e.memory.Looked.IsZero() {
		e.wake = now
	} else if e.wake = e.memory.Looked.Add(poll); e.wake.Sub(now) > poll { // the clock went back
		e.wake = now.Add(poll)
	}
}

// due is a fire time with its jitter.
func (e *entry) due(at time.Time) time.Time {
	return at.Add(cron.Delay(e.Name, at, time.Duration(e.spec.Jitter)))
}

// maxActive is how many runs may be under way before overlap counts; 0 for any
// number.
func (e *entry) maxActive() int {
	if e.spec.MaxActive == 0 && e.spec.Overlap != "allow" {
		return 1
	}
	return e.spec.MaxActive
}

// Subject is what a Looker may know of an entry.
type Subject struct {
	Name     string
	Pipeline string
	File     string
	Spec     dag.Schedule
	Cursor   time.Time // the fire time that is seen to, where it fires at times
	Next     time.Time
}

func (e *entry) subject() Subject {
	return Subject{Name: e.Name, Pipeline: e.Pipeline, File: e.File, Spec: e.spec, Cursor: e.cursor, Next: e.next}
}
