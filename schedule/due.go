package schedule

import (
	"fmt"
	"time"

	"pipe/dag"
	"pipe/registry"
)

// grace is how late a fire time may be seen to before it counts as missed, and
// catchup decides.
const grace = time.Minute

// perStep bounds how many fires of one entry a step of the engine takes in.
const perStep = 1000

// countMissed bounds how many missed times are counted one by one.
const countMissed = 100_000

// come tells which fires the times after the cursor up to now give, and how far
// that goes. Times that catchup leaves out become one fire, which is skipped
// and says how many they were. It is a function of its arguments and the entry.
func (e *entry) come(now time.Time) (fires []registry.Fire, cursor time.Time) {
	cursor = e.cursor
	var missed missedTimes
	for at, ok := e.times.Next(cursor); ok && !e.due(at).After(now); at, ok = e.times.Next(cursor) {
		if len(fires) == perStep {
			return fires, cursor
		}
		cursor = at
		if now.Sub(e.due(at)) <= grace {
			fires = append(fires, e.fire(at, "time", ""))
			continue
		}
		if e.spec.Catchup == "all" {
			fires = append(fires, e.fire(at, "catchup", "its time passed while nothing ran"))
			continue
		}
		missed.add(at)
		if missed.count == countMissed { // a schedule of seconds, after a year
			if last, ok := e.times.Prev(now.Add(-grace)); ok && last.After(cursor) {
				missed.last, cursor, missed.more = last, last, true
			}
		}
	}
	if e.spec.Catchup == "latest" && missed.count > 0 && len(fires) == 0 {
		fires = append(fires, e.fire(missed.last, "catchup", "the last of the times that passed while nothing ran"))
		missed.dropLast()
	}
	if missed.count > 0 {
		f := e.fire(missed.last, "catchup", missed.text(e.spec.Catchup))
		f.Token, f.State, f.Ended = "missed", registry.FireSkipped, now
		fires = append(fires, f)
	}
	return fires, cursor
}

// missedTimes counts what catchup leaves out.
type missedTimes struct {
	first, before, last time.Time
	count               int
	more                bool
}

func (m *missedTimes) add(at time.Time) {
	if m.count == 0 {
		m.first = at
	}
	m.before, m.last = m.last, at
	m.count++
}

func (m *missedTimes) dropLast() { m.last, m.count = m.before, m.count-1 }

func (m *missedTimes) text(catchup string) string {
	many := fmt.Sprint(m.count)
	if m.more {
		many = "more than " + many
	}
	if m.count == 1 {
		return fmt.Sprintf("%s passed while nothing ran, and catchup is %s", m.first.Format(time.RFC3339), catchup)
	}
	return fmt.Sprintf("%s times from %s to %s passed while nothing ran, and catchup is %s", many, m.first.Format(time.RFC3339), m.last.Format(time.RFC3339), catchup)
}

// fire is a fire of a time of the entry.
func (e *entry) fire(at time.Time, cause, why string) registry.Fire {
	m := dag.MomentAt(e.times, at)
	return registry.Fire{Schedule: e.Name, At: at, Cause: cause, Why: why, Due: e.due(at), Start: m.Start, End: m.End, Priority: e.spec.Priority, State: registry.FireQueued}
}
