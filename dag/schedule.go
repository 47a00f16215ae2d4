package dag

import (
	"fmt"
	"time"

	"github.com/adhocore/gronx"

	"pipe/dag/text"
)

// Schedule is one entry of `schedule:`: when the pipeline runs by itself.
type Schedule struct {
	Cron     string `yaml:"cron" doc:"five fields (minute, hour, day of month, month, day of week), or @daily and the like" required:"true" example:"0 3 * * 1"`
	Timezone string `yaml:"timezone" doc:"the IANA time zone that the times are in" default:"UTC"`
}

// loadSchedule reads `schedule:`, one entry or a list of them.
func (l *loader) loadSchedule(p *Pipeline, n *text.Node) {
	if n == nil || n.Kind == text.Scalar && n.Value == nil {
		return
	}
	l.substitute(n)
	entries := []*text.Node{n}
	if n.Kind == text.Sequence {
		entries = n.Items
	}
	for _, e := range entries {
		var s Schedule
		before := l.problems.Len()
		l.decoder().Known(e, &s, "schedule")
		if l.problems.Len() > before {
			continue
		}
		if !gronx.IsValid(s.Cron) {
			l.problems.Add(&text.Problem{Code: "cron", Pos: e.At("cron").Pos, Text: fmt.Sprintf("schedule: %q is no cron expression", s.Cron), Hint: `five fields, as in "0 3 * * 1": every Monday at 03:00`})
		}
		// Whether it ever fires does not depend on when that is asked; a leap year
		// is within the eight years after this date.
		if _, err := gronx.NextTickAfter(s.Cron, time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), false); gronx.IsValid(s.Cron) && err != nil {
			l.problems.Add(&text.Problem{Code: "cron", Pos: e.At("cron").Pos, Text: fmt.Sprintf("schedule: %q never fires: no such day exists", s.Cron)})
		}
		if _, err := time.LoadLocation(s.Timezone); err != nil {
			l.problems.Add(&text.Problem{Code: "timezone", Pos: e.At("timezone").Pos, Text: fmt.Sprintf("schedule: there is no time zone %q", s.Timezone), Hint: "an IANA name, as Europe/Stockholm or UTC"})
		}
		p.Schedule = append(p.Schedule, s)
	}
}
