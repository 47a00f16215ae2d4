package schedule

import (
	"container/heap"
	"context"
	"encoding/json"
	"time"

	"pipe/registry"
)

// wakeUp sees to the entries whose moment has come: times become fires, all in
// one transaction, and what has to be looked at is looked at aside. It tells
// whether there is more.
func (g *Engine) wakeUp(ctx context.Context, now time.Time) (more bool, err error) {
	var batches []registry.FireBatch
	var awake []*entry
	taken := 0
	for len(g.heap) > 0 && !g.heap[0].wake.After(now) {
		if taken >= perStep*2 {
			more = true
			break
		}
		e := heap.Pop(&g.heap).(*entry)
		if e.times == nil || e.spec.When != "" {
			g.lookAside(e, now)
			continue
		}
		fires, cursor := e.come(now)
		taken += len(fires)
		batches = append(batches, registry.FireBatch{Schedule: e.Name, Cursor: cursor, Fires: fires})
		awake = append(awake, e)
	}
	if len(batches) == 0 {
		return more, nil
	}
	if err := g.add(ctx, batches); err != nil {
		return false, err
	}
	for i, e := range awake {
		e.cursor = batches[i].Cursor
		e.plan(now)
		g.heap.put(e)
	}
	return more, nil
}

// add writes fires down and lets those that are new wait for their start.
func (g *Engine) add(ctx context.Context, batches []registry.FireBatch) error {
	added, err := g.o.Registry.AddFires(ctx, g.lease, batches)
	if err != nil {
		return err
	}
	now := g.o.Clock.Now()
	for i := range added {
		f := &added[i]
		if f.State != registry.FireQueued {
			g.metrics.skipped(f.Schedule)
			continue
		}
		if f.Cause == "time" {
			g.metrics.lateness(now.Sub(f.Due))
		}
		g.queue = append(g.queue, f)
	}
	g.sortQueue()
	return nil
}

// sighting is what a look has found.
type sighting struct {
	entry *entry
	at    time.Time // when it was looked
	look  Look
	err   error
}

// Look is what there is to see at an entry.
type Look struct {
	Value string // of what is watched: a digest, a number of rows, a version
	Text  string // the same for people
	Holds bool   // the condition, or true where there is none
	Why   string // the values behind that
	Fires bool   // of what is watched: enough has changed since seen
}

// Looker finds out what there is to see at an entry: what its trigger watches
// and whether its condition holds. Seen is the value when it last fired.
type Looker interface {
	Look(ctx context.Context, s Subject, seen string, now time.Time) (Look, error)
}

// lookAside begins a look, which may take its time.
func (g *Engine) lookAside(e *entry, now time.Time) {
	e.busy = true
	subject, seen, quit := e.subject(), e.memory.Seen, g.quit
	go func() {
		s := sighting{entry: e, at: now}
		if g.o.Looker != nil {
			s.look, s.err = g.o.Looker.Look(quit, subject, seen, now)
		}
		select {
		case g.seen <- s:
		case <-quit.Done():
		}
	}()
}

// sighted decides what a look means.
func (g *Engine) sighted(ctx context.Context, s sighting) error {
	e := g.entries[s.entry.Name]
	s.entry.busy = false
	if e == nil {
		return nil
	}
	e.busy = false
	now := g.o.Clock.Now()
	if s.err != nil {
		g.o.Log.Warn("schedules: a look failed", "schedule", e.Name, "error", s.err)
	}
	batch := registry.FireBatch{Schedule: e.Name}
	if e.times != nil {
		batch.Fires, batch.Cursor = e.come(s.at)
		for i := range batch.Fires {
			f := &batch.Fires[i]
			if f.State != registry.FireQueued {
				continue
			}
			f.Why = join(f.Why, s.look.Why)
			if s.err != nil {
				f.State, f.Ended, f.Error = registry.FireFailed, now, s.err.Error()
			} else if !s.look.Holds {
				f.State, f.Ended = registry.FireSkipped, now
			}
		}
	} else {
		before := e.memory
		happened := e.remember(s)
		if happened {
			f := registry.Fire{At: s.at.Truncate(time.Second), Cause: "trigger", Why: join(s.look.Text, s.look.Why), Priority: e.spec.Priority, State: registry.FireQueued}
			f.Due, f.Start, f.End = f.At, f.At, f.At
			batch.Fires = []registry.Fire{f}
		}
		// That nothing has changed is written now and then, for those who look.
		if e.memory.worthWriting(before) || happened || now.Sub(e.written) >= 10*time.Duration(e.spec.Poll) {
			e.written = now
			b, err := json.Marshal(e.memory)
			if err != nil {
				return err
			}
			text := string(b)
			batch.Memory = &text
		}
	}
	if batch.Memory != nil || len(batch.Fires) > 0 || !batch.Cursor.IsZero() {
		if err := g.add(ctx, []registry.FireBatch{batch}); err != nil {
			return err
		}
	}
	if batch.Cursor.After(e.cursor) {
		e.cursor = batch.Cursor
	}
	e.plan(now)
	g.heap.put(e)
	return nil
}

// remember takes a look into the memory, and tells whether a run is to start.
func (e *entry) remember(s sighting) (happened bool) {
	m := &e.memory
	m.Looked = s.at
	if s.err != nil {
		m.Text = s.err.Error()
		return false
	}
	m.Text = join(s.look.Text, s.look.Why)
	if !m.Baseline { // the first look at something that may change is what it changes from
		m.Baseline = true
		if e.spec.On != nil {
			m.Seen, m.Now, m.Since = s.look.Value, s.look.Value, s.at
			return false
		}
	}
	if m.Now != s.look.Value || m.Since.IsZero() {
		m.Now, m.Since = s.look.Value, s.at
	}
	ready := s.look.Holds
	if e.spec.On != nil {
		ready = ready && s.look.Fires
	} else {
		// A condition fires when it begins to hold, and again when it holds for
		// other data or another model than before.
		if !s.look.Holds {
			m.Held, m.Seen, m.Since = false, "", time.Time{}
		}
		ready = ready && (!m.Held || m.Seen != s.look.Value)
	}
	if !ready || s.at.Sub(m.Since) < time.Duration(e.spec.Quiet) {
		return false
	}
	m.Seen, m.Held = s.look.Value, true
	return true
}

// worthWriting leaves out what only says when it was looked.
func (m memory) worthWriting(before memory) bool {
	m.Looked, before.Looked = time.Time{}, time.Time{}
	return m != before
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}
