package dag

import (
	"errors"
	"fmt"
	"time"

	"pipe/dag/cron"
	"pipe/dag/expr"
	"pipe/dag/text"
)

// Schedule is one entry of `schedule:`: when the pipeline runs by itself. It
// fires at times (cron or every), when something happens (on), or when a
// condition begins to hold (when alone).
type Schedule struct {
	Name     string   `yaml:"name" json:"name,omitempty" doc:"what the entry is called where there are several" example:"nightly"`
	Cron     string   `yaml:"cron" json:"cron,omitempty" doc:"five fields (minute, hour, day of month, month, day of week), six with the second in front, or @daily and the like; L, W and # are known" example:"0 3 * * 1"`
	Every    Duration `yaml:"every" json:"every,omitempty" doc:"instead of cron: an interval, counted from start or from 1970" example:"15m"`
	On       *Trigger `yaml:"on" json:"on,omitempty" doc:"instead of cron: what starts a run when it happens"`
	When     string   `yaml:"when" json:"when,omitempty" doc:"a condition (CEL) that is asked at each fire time, or, where there are none, every poll: the run starts when it begins to hold" example:"drift.psi(\"age\") > 0.2 && age(champion) > duration(\"24h\")"`
	Timezone string   `yaml:"timezone" json:"timezone,omitempty" doc:"the IANA time zone that the times are in" default:"UTC"`
	Start    string   `yaml:"start" json:"start,omitempty" doc:"nothing fires before this day or time" example:"2026-01-31"`
	End      string   `yaml:"end" json:"end,omitempty" doc:"nothing fires after this day (its midnight begins it) or time" example:"2026-12-31T18:00:00Z"`
	Jitter   Duration `yaml:"jitter" json:"jitter,omitempty" doc:"a run starts up to this much later, by an amount that follows from the schedule's name and the time, so that many schedules do not start at once" example:"5m"`
	Exclude  []string `yaml:"exclude" json:"exclude,omitempty" doc:"days without a run: 2026-12-24, 2026-12-24..2027-01-06, 12-25 of every year, SAT" example:"[SAT, SUN, 12-25]"`

	Model string   `yaml:"model" json:"model,omitempty" doc:"the model that champion and drift in a condition are about: NAME, which means NAME@champion, or NAME@ALIAS" example:"textclass"`
	Data  string   `yaml:"data" json:"data,omitempty" doc:"the newest data, for drift in a condition: a table file, or a pattern of which the last file counts" example:"data/day-*.csv"`
	Poll  Duration `yaml:"poll" json:"poll,omitempty" doc:"how often what is watched is looked at" default:"30s"`
	Quiet Duration `yaml:"debounce" json:"debounce,omitempty" doc:"after something happened, wait until nothing more happens for this long" example:"1m"`

	Params    map[string]string `yaml:"params" json:"params,omitempty" doc:"params of these runs" example:"{ epochs: 20 }"`
	Catchup   string            `yaml:"catchup" json:"catchup,omitempty" doc:"which fire times are run that passed while nothing was there to run them" default:"latest" enum:"none,latest,all"`
	Overlap   string            `yaml:"overlap" json:"overlap,omitempty" doc:"what a run does whose predecessors still run: skip leaves it out, queue lets it wait, cancel stops them, allow starts it" default:"queue" enum:"skip,queue,cancel,allow"`
	MaxActive int               `yaml:"max_active" json:"max_active,omitempty" doc:"how many runs of this entry may be under way before overlap counts; with allow, the limit; 0 means one, or with allow no limit" default:"0" min:"0"`
	Deadline  Duration          `yaml:"deadline" json:"deadline,omitempty" doc:"a run that has not ended this long after its fire time is late, and somebody is told" example:"2h"`
	Timeout   Duration          `yaml:"timeout" json:"timeout,omitempty" doc:"how long an attempt may run" example:"1h"`
	Retries   *RunRetries       `yaml:"retries" json:"retries,omitempty" doc:"how often a failed run is run again: a number, or {times, delay}" example:"2"`
	Priority  int               `yaml:"priority" json:"priority,omitempty" doc:"among runs that wait, those of a higher priority start first" default:"0"`
	Alert     Alerts            `yaml:"alert" json:"-" doc:"who is told of a failure, of lateness and of recovery: http://…, https://…, mailto:ADDRESS, or a map as the kind notify takes it, or a list of them" example:"mailto:ops@example.org"`

	Timetable *cron.Timetable `yaml:"-" json:"-"` // of one that fires at times
}

// Trigger is something that happens. Exactly one of its keys is set.
type Trigger struct {
	Source   string `yaml:"source" json:"source,omitempty" doc:"a file, a folder or a pattern: its content has changed" example:"data/*.csv"`
	Rows     string `yaml:"rows" json:"rows,omitempty" doc:"a table file or a pattern: rows have been added" example:"data/*.csv"`
	Added    int    `yaml:"added" json:"added,omitempty" doc:"of rows: how many since it last fired" default:"1" min:"1"`
	Pipeline string `yaml:"pipeline" json:"pipeline,omitempty" doc:"a run of another pipeline has finished" example:"features"`
	Alias    string `yaml:"alias" json:"alias,omitempty" doc:"an alias of a model has moved" example:"textclass@champion"`
	Webhook  string `yaml:"webhook" json:"webhook,omitempty" doc:"a request to /hooks/SCHEDULE has come, signed with the secret that is in this environment variable" example:"RETRAIN_SECRET"`
}

// RunRetries say how often a scheduled run is run again after it failed. What
// it had finished is found in the store.
type RunRetries struct {
	Times int      `yaml:"times" json:"times" doc:"how often the run is run again" required:"true" min:"0" max:"100"`
	Delay Duration `yaml:"delay" json:"delay" doc:"the wait before that" default:"1m"`
}

// DecodeNode implements text.NodeDecoder: a number is how often.
func (r *RunRetries) DecodeNode(d *text.Decoder, n *text.Node) {
	type plain RunRetries
	d.Known(inMap(n, "times"), (*plain)(r), "retries")
}

// JSONSchema implements Schemed.
func (RunRetries) JSONSchema(b *SchemaBuilder) JSON {
	return JSON{"anyOf": []any{JSON{"type": "integer", "minimum": 0, "maximum": 100}, b.Struct(fieldsOf[RunRetries]())}}
}

// JSONSchema implements Schemed: a word is a cron expression.
func (Schedule) JSONSchema(b *SchemaBuilder) JSON {
	return JSON{"anyOf": []any{JSON{"type": "string"}, b.Struct(fieldsOf[Schedule]())}}
}

// inMap makes a lone value the value of a key.
func inMap(n *text.Node, key string) *text.Node {
	if n.Kind != text.Scalar || n.Value == nil {
		return n
	}
	return &text.Node{Kind: text.Mapping, Pos: n.Pos, Keys: []*text.Node{{Pos: n.Pos, Raw: key, Value: key}}, Items: []*text.Node{n}}
}

// loadSchedule reads `schedule:`, one entry or a list of them. It comes before
// the stages, because their logical time follows from it.
func (l *loader) loadSchedule(p *Pipeline, n *text.Node, sc *scope) {
	if n == nil || n.Kind == text.Scalar && n.Value == nil {
		return
	}
	l.substitute(sc, n)
	entries := []*text.Node{n}
	if n.Kind == text.Sequence {
		entries = n.Items
	}
	names := map[string]bool{}
	for i, e := range entries {
		var s Schedule
		before := l.problems.Len()
		e = inMap(e, "cron")
		l.decoder().Known(e, &s, "schedule")
		l.decodeAlerts(&s.Alert)
		if l.problems.Len() > before {
			continue
		}
		l.checkSchedule(p, sc, e, &s)
		if s.Name == "" && len(entries) > 1 {
			s.Name = fmt.Sprint(i + 1)
		}
		if names[s.Name] {
			l.errorf(e, "duplicate-key", "schedule: two entries are called %q", s.Name)
		}
		names[s.Name] = true
		p.Schedule = append(p.Schedule, s)
	}
}

func (l *loader) checkSchedule(p *Pipeline, sc *scope, e *text.Node, s *Schedule) {
	if s.Name != "" && !stageName().MatchString(s.Name) {
		l.errorf(e.At("name"), "name", "schedule %q: a name has letters (a to z, A to Z), digits, _ and -, and begins with a letter", s.Name)
	}
	ways := 0
	for _, key := range []string{"cron", "every", "on"} {
		if e.Get(key) != nil {
			ways++
		}
	}
	switch {
	case ways > 1:
		l.errorf(e, "config", "schedule: an entry has one of cron, every and on; make several entries of it")
		return
	case ways == 0 && s.When == "":
		l.problems.Add(&text.Problem{Code: "missing-key", Pos: e.Pos, Text: "schedule: it does not say when", Hint: "one of cron, every, on and when"})
		return
	}
	s.Timetable = l.timetable(e, s)
	if s.On != nil {
		l.checkTrigger(e.At("on"), s.On)
	}
	for name, value := range s.Params {
		l.checkGiven(p, sc, e.At("params."+name), name, value)
	}
	if s.When != "" {
		l.checkScheduleCondition(p, sc, e, s)
	}
}

// timetable makes what fires at times; nil where the entry does not, or is
// wrong.
func (l *loader) timetable(e *text.Node, s *Schedule) *cron.Timetable {
	zone, err := time.LoadLocation(s.Timezone)
	if err != nil {
		l.problems.Add(&text.Problem{Code: "timezone", Pos: e.At("timezone").Pos, Text: fmt.Sprintf("schedule: there is no time zone %q", s.Timezone), Hint: "an IANA name, as Europe/Stockholm or UTC"})
	}
	if s.Cron != "" {
		l.checkCron(e.At("cron"), s.Cron)
	}
	for _, at := range []struct{ key, value string }{{"start", s.Start}, {"end", s.End}} {
		if _, err := instant(at.value, time.UTC); err != nil {
			l.errorf(e.At(at.key), "value", "schedule: %s: %v", at.key, err)
		}
	}
	if _, err := cron.ParseCalendar(s.Exclude); err != nil {
		l.errorf(e.At("exclude"), "value", "schedule: exclude: %v", err)
	}
	if zone == nil {
		return nil
	}
	tt, err := s.Times()
	if err != nil {
		return nil // it has been reported
	}
	return tt
}

// Times makes the timetable of an entry; nil for one that does not fire at
// times.
func (s *Schedule) Times() (tt *cron.Timetable, err error) {
	if s.Cron == "" && s.Every == 0 {
		return nil, nil
	}
	tt = &cron.Timetable{Every: time.Duration(s.Every)}
	if tt.Zone, err = time.LoadLocation(s.Timezone); err != nil {
		return nil, err
	}
	if s.Cron != "" {
		if tt.Expr, err = cron.Parse(s.Cron); err != nil {
			return nil, err
		}
	}
	if tt.Start, err = instant(s.Start, tt.Zone); err != nil {
		return nil, err
	}
	if tt.End, err = instant(s.End, tt.Zone); err != nil {
		return nil, err
	}
	tt.Exclude, err = cron.ParseCalendar(s.Exclude)
	return tt, err
}

// instant reads a day, whose first moment it is, or a time; "" is the zero time.
func instant(s string, zone *time.Location) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t, nil
		}
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, fmt.Errorf("%q is no day or time, such as 2026-12-31 or 2026-12-31T18:00:00Z", s)
	}
	return t, nil
}

// ParseInstant reads a day or a time in a zone, as `start:` does.
func ParseInstant(s string, zone *time.Location) (time.Time, error) { return instant(s, zone) }

// checkCron parses an expression and tells what is wrong with it, and where.
func (l *loader) checkCron(n *text.Node, source string) {
	x, err := cron.Parse(source)
	var e *cron.Error
	if errors.As(err, &e) {
		p := &text.Problem{Code: "cron", Pos: n.Pos, Text: fmt.Sprintf("schedule: %q: %s", source, e.Text), Hint: e.Hint}
		if n.Value == n.Raw && e.Col > 1 {
			p.Pos = within(n, 0, &expr.Error{Line: 1, Col: e.Col})
		}
		l.problems.Add(p)
		return
	}
	// Whether it ever fires does not depend on when that is asked.
	if _, ok := x.Next(time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), time.UTC); !ok {
		l.problems.Add(&text.Problem{Code: "cron", Pos: n.Pos, Text: fmt.Sprintf("schedule: %q never fires: no such day exists", source)})
	}
}
