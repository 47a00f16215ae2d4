package dag

import (
	"errors"
	"fmt"
	"time"

	"pipe/dag/cron"
	"pipe/dag/expr"
	"pipe/dag/text"
)

// Schedule is one entry of `schedule:`: when the pipeline runs by itself.
type Schedule struct {
	Cron     string `yaml:"cron" doc:"five fields (minute, hour, day of month, month, day of week), or @daily and the like" required:"true" example:"0 3 * * 1"`
	Timezone string `yaml:"timezone" doc:"the IANA time zone that the times are in" default:"UTC"`
}

// loadSchedule reads `schedule:`, one entry or a list of them.
func (l *loader) loadSchedule(p *Pipeline, n *text.Node, sc *scope) {
	if n == nil || n.Kind == text.Scalar && n.Value == nil {
		return
	}
	l.substitute(sc, n)
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
		l.checkCron(e.At("cron"), s.Cron)
		if _, err := time.LoadLocation(s.Timezone); err != nil {
			l.problems.Add(&text.Problem{Code: "timezone", Pos: e.At("timezone").Pos, Text: fmt.Sprintf("schedule: there is no time zone %q", s.Timezone), Hint: "an IANA name, as Europe/Stockholm or UTC"})
		}
		p.Schedule = append(p.Schedule, s)
	}
}

// checkCron parses an expression and tells what is wrong with it, and where.
func (l *loader) checkCron(n *text.Node, source string) *cron.Expr {
	x, err := cron.Parse(source)
	var e *cron.Error
	if errors.As(err, &e) {
		p := &text.Problem{Code: "cron", Pos: n.Pos, Text: fmt.Sprintf("schedule: %q: %s", source, e.Text), Hint: e.Hint}
		if n.Value == n.Raw && e.Col > 1 {
			p.Pos = within(n, 0, &expr.Error{Line: 1, Col: e.Col})
		}
		l.problems.Add(p)
		return nil
	}
	// Whether it ever fires does not depend on when that is asked.
	if _, ok := x.Next(time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), time.UTC); !ok {
		l.problems.Add(&text.Problem{Code: "cron", Pos: n.Pos, Text: fmt.Sprintf("schedule: %q never fires: no such day exists", source)})
		return nil
	}
	return x
}
