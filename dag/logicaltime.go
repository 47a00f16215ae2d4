package dag

import (
	"time"

	"pipe/dag/cron"
	"pipe/dag/expr"
)

// Moment is the logical time of a run: what `run` is in expressions. It is
// part of a stage's key only where the stage's text names it, because ${…} is
// carried out before keys are made.
type Moment struct {
	At    time.Time `json:"at"`    // run.scheduled_at
	Start time.Time `json:"start"` // run.interval.start: the fire time before
	End   time.Time `json:"end"`   // run.interval.end: At
	// Zone is where run.date, the day on which the interval begins, is read.
	Zone string `json:"zone,omitempty"`
}

// momentVars declares `run`.
var momentVars = expr.Object("run", expr.Vars{
	"scheduled_at": expr.Timestamp,
	"interval":     expr.Object("interval", expr.Vars{"start": expr.Timestamp, "end": expr.Timestamp}),
	"date":         expr.String,
})

// Values are the fields of `run`.
func (m Moment) Values() map[string]any {
	zone, err := time.LoadLocation(m.Zone)
	if err != nil {
		zone = time.UTC
	}
	return map[string]any{
		"scheduled_at": m.At.UTC(),
		"interval":     map[string]any{"start": m.Start.UTC(), "end": m.End.UTC()},
		"date":         m.Start.In(zone).Format(time.DateOnly),
	}
}

// MomentAt gives the logical time of a fire time.
func MomentAt(tt *cron.Timetable, at time.Time) Moment {
	m := Moment{At: at.UTC(), Start: at.UTC(), End: at.UTC(), Zone: tt.Zone.String()}
	whole := *tt
	if whole.Expr != nil { // the interval of the first fire time begins before the schedule does
		whole.Start = time.Time{}
	}
	if prev, ok := whole.Prev(at); ok {
		m.Start = prev.UTC()
	}
	return m
}

// defaultMoment is the logical time of a run that nobody has scheduled: the
// last fire time of the pipeline's own schedule, or, without one, the last
// midnight (UTC). So a run by hand takes the interval that is complete, and one
// that is repeated finds its results.
func (p *Pipeline) defaultMoment(now time.Time) Moment {
	for i := range p.Schedule {
		tt := p.Schedule[i].Timetable
		if tt == nil {
			continue
		}
		if at, ok := tt.Prev(now.Add(time.Second)); ok {
			return MomentAt(tt, at)
		}
	}
	return Yesterday(now)
}

// Yesterday is the logical time of a run by hand where there is no schedule.
func Yesterday(now time.Time) Moment { return day(now.UTC().Truncate(24 * time.Hour)) }

// Equal tells whether two moments are the same.
func (m Moment) Equal(o Moment) bool {
	return m.At.Equal(o.At) && m.Start.Equal(o.Start) && m.End.Equal(o.End) && m.Zone == o.Zone
}

// momentAt is the logical time of a run that is to be for a given moment.
func (p *Pipeline) momentAt(at time.Time) Moment {
	for i := range p.Schedule {
		if tt := p.Schedule[i].Timetable; tt != nil {
			return MomentAt(tt, at)
		}
	}
	return day(at.UTC())
}

// day is the day before a moment.
func day(at time.Time) Moment {
	return Moment{At: at, Start: at.Add(-24 * time.Hour), End: at, Zone: "UTC"}
}

// BackfillTimes lists the fire times of a timetable from one moment to another,
// both included.
func BackfillTimes(tt *cron.Timetable, from, to time.Time) (times []time.Time) {
	for at, ok := tt.Next(from.Add(-time.Second)); ok && !at.After(to); at, ok = tt.Next(at) {
		times = append(times, at)
	}
	return times
}

// setMoment gives expressions their `run`.
func (l *loader) setMoment(p *Pipeline, sc *scope, o *LoadOptions) {
	p.Moment = o.Moment
	if p.Moment.At.IsZero() && !o.At.IsZero() {
		p.Moment = p.momentAt(o.At)
	}
	if p.Moment.At.IsZero() {
		now := time.Now
		if o.Now != nil {
			now = o.Now
		}
		p.Moment = p.defaultMoment(now())
	}
	sc.vars["run"], sc.values["run"] = momentVars, p.Moment.Values()
}
