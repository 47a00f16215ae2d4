// Package cron owns times that come again: cron expressions, intervals, time
// zones with their days of 23 and 25 hours, and calendars of exclusions. It asks
// no clock: what it says follows from its arguments.
package cron

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// Expr is a cron expression: five fields (minute, hour, day of month, month,
// day of week), or six with the second in front. Beside *, lists, ranges, steps
// and names it knows L (the last day of the month; with L-3 three days before
// it), W (15W: the weekday nearest to the 15th; LW: the last weekday), # (FRI#2:
// the second Friday) and FRIL (the last Friday). Where both days are given, one
// of them is enough, as in Vixie's cron.
type Expr struct {
	source               string
	second, minute, hour uint64
	month                uint64
	day                  uint64   // of the month, as numbers
	fromLast             []int    // days before the last one of the month
	nearest              []int    // weekdays nearest to these days; 0 is the last weekday
	weekday              uint64   // 0 is Sunday
	nth                  [7]uint8 // bit n: the nth such weekday of the month
	lastWeekday          uint64   // the last such weekday of the month
	anyDay, anyWeekday   bool
}

// Error is an expression that is none. Col counts from 1 in bytes.
type Error struct {
	Col  int
	Text string
	Hint string
}

func (e *Error) Error() string {
	if e.Hint != "" {
		return e.Text + " (" + e.Hint + ")"
	}
	return e.Text
}

var macros = map[string]string{
	"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
	"@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}

// field is one of the six, with the numbers that it may hold.
type field struct {
	name     string
	min, max int
	names    []string // of the numbers, from min on
}

var (
	secondField  = field{name: "second", max: 59}
	minuteField  = field{name: "minute", max: 59}
	hourField    = field{name: "hour", max: 23}
	dayField     = field{name: "day of month", min: 1, max: 31}
	monthField   = field{name: "month", min: 1, max: 12, names: []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}}
	weekdayField = field{name: "day of week", max: 7, names: []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}}
)

// word is a part of the expression and where it begins, from 0.
type word struct {
	text string
	at   int
}

func (w word) errorf(hint, format string, args ...any) error {
	return &Error{Col: w.at + 1, Text: fmt.Sprintf(format, args...), Hint: hint}
}

// split cuts a word at a separator.
func (w word) split(sep string) []word {
	var out []word
	at := w.at
	for _, t := range strings.Split(w.text, sep) {
		out = append(out, word{t, at})
		at += len(t) + len(sep)
	}
	return out
}

// Parse reads an expression. Its errors are of type *Error.
func Parse(source string) (*Expr, error) {
	words := fields(source)
	if len(words) == 1 && strings.HasPrefix(words[0].text, "@") {
		m, ok := macros[strings.ToLower(words[0].text)]
		if !ok {
			return nil, words[0].errorf("@yearly, @monthly, @weekly, @daily and @hourly are known", "nothing is named %s", words[0].text)
		}
		words = fields(m)
	}
	if len(words) != 5 && len(words) != 6 {
		return nil, &Error{Col: 1, Text: fmt.Sprintf("a cron expression has five fields, or six with seconds in front; this one has %d", len(words)), Hint: `as in "0 3 * * 1": every Monday at 03:00`}
	}
	e := &Expr{source: source, second: 1}
	if len(words) == 6 {
		if err := secondField.set(words[0], &e.second); err != nil {
			return nil, err
		}
		words = words[1:]
	}
	for i, f := range []struct {
		field field
		bits  *uint64
	}{{minuteField, &e.minute}, {hourField, &e.hour}, {monthField, &e.month}} {
		if err := f.field.set(words[[]int{0, 1, 3}[i]], f.bits); err != nil {
			return nil, err
		}
	}
	if err := e.days(words[2]); err != nil {
		return nil, err
	}
	if err := e.weekdays(words[4]); err != nil {
		return nil, err
	}
	e.anyDay, e.anyWeekday = unrestricted(words[2].text), unrestricted(words[4].text)
	return e, nil
}

// String is the text that was parsed.
func (e *Expr) String() string { return e.source }

func isAny(s string) bool { return s == "*" || s == "?" }

// unrestricted tells whether a field of days says nothing. MON-SUN does say
// something, as in Vixie's cron: beside a day of the month it means every day.
func unrestricted(s string) bool { return isAny(s) || s == "*/1" }

func fields(s string) []word {
	var out []word
	for i := 0; i < len(s); {
		if s[i] == ' ' || s[i] == '\t' {
			i++
			continue
		}
		end := i
		for end < len(s) && s[end] != ' ' && s[end] != '\t' {
			end++
		}
		out = append(out, word{s[i:end], i})
		i = end
	}
	return out
}

// set reads a list of numbers, ranges and steps into bits.
func (f field) set(w word, to *uint64) error {
	*to = 0
	for _, part := range w.split(",") {
		if err := f.add(part, to); err != nil {
			return err
		}
	}
	return nil
}

// add reads one element of a list: *, 5, 1-5, */2, 1-9/2 or 5/2.
func (f field) add(w word, to *uint64) error {
	if w.text == "?" && f.name != dayField.name && f.name != weekdayField.name {
		return w.errorf("write *", "the %s cannot be ?", f.name)
	}
	halves := w.split("/")
	if len(halves) > 2 {
		return w.errorf("", "%s: %q has more than one step", f.name, w.text)
	}
	step := 1
	if len(halves) == 2 {
		n, err := strconv.Atoi(halves[1].text)
		if err != nil || n < 1 || n > 60 {
			return halves[1].errorf("a step is a number, as in */15", "%s: the step %q is no number from 1 to 60", f.name, halves[1].text)
		}
		step = n
	}
	low, high, err := f.bounds(halves[0], len(halves) == 2)
	if err != nil {
		return err
	}
	size := f.max - f.min + 1
	if f.max == weekdayField.max && f.min == 0 && f.names != nil {
		size = 7
		if low == 7 && high == 7 {
			low, high = 0, 0
		}
	}
	if high < low { // FRI-MON goes round the end
		high += size
	}
	for n := low; n <= high; n += step {
		*to |= 1 << ((n-f.min)%size + f.min)
	}
	return nil
}

// bounds reads what stands before a step.
func (f field) bounds(w word, stepped bool) (low, high int, err error) {
	if isAny(w.text) {
		high = f.max
		if f.names != nil && f.min == 0 {
			high = 6
		}
		return f.min, high, nil
	}
	ends := w.split("-")
	if len(ends) > 2 || ends[0].text == "" {
		return 0, 0, w.errorf("", "%s: %q is no number, range or *", f.name, w.text)
	}
	if low, err = f.number(ends[0]); err != nil {
		return 0, 0, err
	}
	if len(ends) == 2 {
		high, err = f.number(ends[1])
		return low, high, err
	}
	if stepped {
		if high = f.max; f.names != nil && f.min == 0 && low < 7 {
			high = 6
		}
		return low, high, nil
	}
	return low, low, nil
}

func (f field) number(w word) (int, error) {
	for i, n := range f.names {
		if strings.EqualFold(n, w.text) {
			return f.min + i, nil
		}
	}
	n, err := strconv.Atoi(w.text)
	if err != nil || strings.HasPrefix(w.text, "+") {
		hint := ""
		if f.names != nil {
			hint = "a number, or one of " + strings.Join(f.names, ", ")
		}
		return 0, w.errorf(hint, "%s: %q is no number", f.name, w.text)
	}
	if n < f.min || n > f.max {
		return 0, w.errorf(fmt.Sprintf("from %d to %d", f.min, f.max), "%s: there is no %d", f.name, n)
	}
	return n, nil
}

// days reads the day of month with L, L-n, LW and nW.
func (e *Expr) days(w word) error {
	for _, part := range w.split(",") {
		s := strings.ToUpper(part.text)
		switch {
		case s == "L":
			e.fromLast = append(e.fromLast, 0)
		case s == "LW" || s == "WL":
			e.nearest = append(e.nearest, 0)
		case strings.HasPrefix(s, "L-"):
			n, err := strconv.Atoi(s[2:])
			if err != nil || n < 0 || n > 30 {
				return part.errorf("L-3 is three days before the last", "day of month: %q is no such day", part.text)
			}
			e.fromLast = append(e.fromLast, n)
		case strings.HasSuffix(s, "W"):
			n, err := dayField.number(word{s[:len(s)-1], part.at})
			if err != nil {
				return err
			}
			e.nearest = append(e.nearest, n)
		default:
			if err := dayField.add(part, &e.day); err != nil {
				return err
			}
		}
	}
	return nil
}

// weekdays reads the day of week with 5L, L5 and 5#2.
func (e *Expr) weekdays(w word) error {
	for _, part := range w.split(",") {
		s := strings.ToUpper(part.text)
		if name, n, ok := strings.Cut(s, "#"); ok {
			d, err := weekdayField.number(word{name, part.at})
			if err != nil {
				return err
			}
			i, err := strconv.Atoi(n)
			if err != nil || i < 1 || i > 5 {
				return part.errorf("FRI#2 is the second Friday", "day of week: %q: a month has no weekday number %s", part.text, n)
			}
			e.nth[d%7] |= 1 << i
			continue
		}
		name, last := strings.CutSuffix(s, "L")
		if !last {
			name, last = strings.CutPrefix(s, "L")
		}
		if last && name != "" {
			d, err := weekdayField.number(word{name, part.at})
			if err != nil {
				return err
			}
			e.lastWeekday |= 1 << (d % 7)
			continue
		}
		if s == "L" { // Saturday, the last day of the week that begins on Sunday
			e.weekday |= 1 << 6
			continue
		}
		if err := weekdayField.add(part, &e.weekday); err != nil {
			return err
		}
	}
	return nil
}

// allHours tells whether the expression runs in every hour, so that it goes by
// elapsed time and not by the clock on the wall.
func (e *Expr) allHours() bool { return bits.OnesCount64(e.hour) == 24 }
