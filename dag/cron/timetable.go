package cron

import (
	"hash/fnv"
	"time"
)

// Timetable is when something comes again: an expression or an interval, in a
// zone, between a start and an end, without the days of a calendar.
type Timetable struct {
	Expr       *Expr         // or nil
	Every      time.Duration // where there is no Expr
	Zone       *time.Location
	Start, End time.Time // the zero time where there is none; both belong to it
	Exclude    Calendar
}

// maxExcluded bounds how many times in a row a calendar may take out.
const maxExcluded = 1_000_000

// Next gives the first time after t; ok is false where none comes.
func (tt *Timetable) Next(t time.Time) (next time.Time, ok bool) {
	if !tt.Start.IsZero() && t.Before(tt.Start) {
		t = tt.Start.Add(-time.Nanosecond)
		if tt.Expr != nil { // it looks at whole seconds
			t = tt.Start.Add(-time.Second)
		}
	}
	for range maxExcluded {
		if t, ok = tt.step(t); !ok || !tt.End.IsZero() && t.After(tt.End) {
			return time.Time{}, false
		}
		if !tt.Start.IsZero() && t.Before(tt.Start) {
			continue
		}
		day, out := tt.Exclude.excludes(t.In(tt.Zone))
		if !out {
			return t, true
		}
		if tt.Expr != nil && !tt.Expr.allHours() { // no other time of that day counts
			t = day.AddDate(0, 0, 1).Add(-time.Second)
		}
	}
	return time.Time{}, false
}

func (tt *Timetable) step(t time.Time) (time.Time, bool) {
	if tt.Expr != nil {
		next, ok := tt.Expr.Next(t, tt.Zone)
		return next.UTC(), ok
	}
	from := tt.Start
	if from.IsZero() {
		from = time.Unix(0, 0)
	}
	past := t.Sub(from)
	n := past / tt.Every
	if past >= 0 || past%tt.Every == 0 {
		n++
	}
	return from.Add(n * tt.Every).UTC(), true
}

// Prev gives the last time before t; ok is false where there is none.
func (tt *Timetable) Prev(t time.Time) (prev time.Time, ok bool) {
	for window := 2 * time.Minute; ; window *= 12 {
		from := t.Add(-window)
		for next, found := tt.Next(from.Add(-time.Second)); found && next.Before(t); next, found = tt.Next(next) {
			prev, ok = next, true
		}
		if ok || window > 50*365*24*time.Hour || !tt.Start.IsZero() && from.Before(tt.Start) {
			return prev, ok
		}
	}
}

// Delay spreads fire times of many schedules: a time below limit, which follows
// from the schedule's name and the fire time and is no chance, so that a
// process that starts again comes to the same.
func Delay(name string, at time.Time, limit time.Duration) time.Duration {
	if limit <= 0 {
		return 0
	}
	h := fnv.New64a()
	h.Write([]byte(name))
	h.Write([]byte(at.UTC().Format(time.RFC3339)))
	x := h.Sum64() // its low bits are the mixed ones, its high bits hardly: mix once more
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return time.Duration(x % uint64(limit)).Truncate(time.Millisecond)
}

// Moved tells whether a fire time is the moment of a change of the clock, which
// stands for a time that the clock skips.
func (tt *Timetable) Moved(at time.Time) bool {
	return tt.Expr != nil && !tt.Expr.fits(civilOf(at.In(tt.Zone)))
}
