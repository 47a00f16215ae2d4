package stages

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts/table"
	"pipe/dag/text"
	"pipe/stages/rows"
)

// valueCheck tests each value of a column that is not null.
type valueCheck struct {
	finding
	at         int
	passes     func(v any) bool
	maxFailing float64
}

func (c *valueCheck) batch(b batch) error {
	col := b.Column(c.at)
	for i := range col.Len() {
		if col.IsNull(i) {
			continue
		}
		if v := rows.Value(col, i); !c.passes(v) {
			c.fail(b.first+int64(i), func() string { return shown(v) })
		}
	}
	return nil
}

func (c *valueCheck) finish(n int64) *finding { return within(&c.finding, n, c.maxFailing) }

// shown writes a value for people, shortened.
func shown(v any) string {
	if at, ok := v.(time.Time); ok {
		v = at.Format(time.RFC3339)
	}
	s := fmt.Sprint(v)
	if r := []rune(s); len(r) > 40 {
		s = string(r[:40]) + "…"
	}
	if _, ok := v.(string); ok {
		return fmt.Sprintf("%q", s)
	}
	return s
}

// checks lists what is expected of a column.
func (r ColumnRule) checks(name string, at int, t arrow.DataType) ([]expectation, error) {
	var out []expectation
	about := func(format string, args ...any) finding {
		return finding{Column: name, Expected: fmt.Sprintf(format, args...), Severity: r.Severity}
	}
	value := func(passes func(any) bool, format string, args ...any) {
		out = append(out, &valueCheck{finding: about(format, args...), at: at, passes: passes, maxFailing: r.MaxFailing})
	}
	if r.Type != nil {
		f := about("type %s", table.TypeName(r.Type.DataType))
		if f.Met = arrow.TypeEqual(r.Type.DataType, t); !f.Met {
			f.Found = table.TypeName(t)
		}
		out = append(out, &fixedCheck{f})
	}
	if r.MaxNullRate != nil {
		out = append(out, &nullCheck{finding: about("at most %.4g %% nulls", 100**r.MaxNullRate), at: at, most: *r.MaxNullRate})
	}
	if r.Min != nil {
		value(func(v any) bool { return asNumber(v) >= *r.Min }, "at least %g", *r.Min)
	}
	if r.Max != nil {
		value(func(v any) bool { return asNumber(v) <= *r.Max }, "at most %g", *r.Max)
	}
	if len(r.In) > 0 {
		value(func(v any) bool { return slices.Contains(r.In, fmt.Sprint(v)) }, "one of %s", text.List(r.In))
	}
	if r.Matches != "" {
		re, err := regexp.Compile(r.Matches)
		if err != nil {
			return nil, fmt.Errorf("column %q: matches: %w", name, err)
		}
		value(func(v any) bool { s, ok := v.(string); return ok && re.MatchString(s) }, "text that matches %s", r.Matches)
	}
	if r.MinLength != nil {
		value(func(v any) bool { return length(v) >= *r.MinLength }, "at least %d characters", *r.MinLength)
	}
	if r.MaxLength != nil {
		value(func(v any) bool { return length(v) <= *r.MaxLength }, "at most %d characters", *r.MaxLength)
	}
	if r.Unique {
		out = append(out, &uniqueCheck{finding: about("no value twice"), at: at, seen: rows.NewSet(), maxFailing: r.MaxFailing})
	}
	if r.NewestAfter != "" {
		after, err := parseTime(r.NewestAfter)
		if err != nil {
			return nil, fmt.Errorf("column %q: newest_after: %w", name, err)
		}
		out = append(out, &freshCheck{finding: about("the newest value is after %s", r.NewestAfter), at: at, after: after})
	}
	return out, nil
}

// asNumber is a value as a number; what is none passes no bound.
func asNumber(v any) float64 {
	switch x := v.(type) {
	case int64:
		return float64(x)
	case float64:
		return x
	}
	return math.NaN()
}

func length(v any) int {
	s, _ := v.(string)
	return utf8.RuneCountInString(s)
}

// fixedCheck is known before any row is read.
type fixedCheck struct{ finding }

func (c *fixedCheck) batch(batch) error       { return nil }
func (c *fixedCheck) finish(n int64) *finding { return &c.finding }

// nullCheck bounds the share of nulls.
type nullCheck struct {
	finding
	at   int
	most float64
}

func (c *nullCheck) batch(b batch) error {
	col := b.Column(c.at)
	for i := 0; i < col.Len() && col.NullN() > 0; i++ {
		if col.IsNull(i) {
			c.fail(b.first+int64(i), func() string { return "" })
		}
	}
	return nil
}

func (c *nullCheck) finish(n int64) *finding {
	c.Met = float64(c.Failing) <= c.most*float64(n)
	if !c.Met {
		c.Found = fmt.Sprintf("%.4g %%", 100*float64(c.Failing)/float64(n))
	}
	return &c.finding
}

// uniqueCheck finds values that came before.
type uniqueCheck struct {
	finding
	at         int
	seen       *rows.Set
	maxFailing float64
}

func (c *uniqueCheck) batch(b batch) error {
	col := b.Column(c.at)
	all := slices.DeleteFunc(b.all(), col.IsNull)
	fresh := c.seen.Distinct(b, []int{c.at}, slices.Clone(all))
	for _, i := range all {
		if len(fresh) > 0 && fresh[0] == i {
			fresh = fresh[1:]
			continue
		}
		c.fail(b.first+int64(i), func() string { return shown(rows.Value(col, i)) })
	}
	return nil
}

func (c *uniqueCheck) finish(n int64) *finding { return within(&c.finding, n, c.maxFailing) }

// freshCheck wants the newest value to be after a moment.
type freshCheck struct {
	finding
	at     int
	after  time.Time
	newest time.Time
}

func (c *freshCheck) batch(b batch) error {
	col := b.Column(c.at)
	for i := range col.Len() {
		if v, ok := rows.Value(col, i).(time.Time); ok && v.After(c.newest) {
			c.newest = v
		}
	}
	return nil
}

func (c *freshCheck) finish(int64) *finding {
	c.Met = c.newest.After(c.after)
	c.Found = "no value"
	if !c.newest.IsZero() {
		c.Found = c.newest.UTC().Format(time.RFC3339)
	}
	return &c.finding
}

// parseTime reads a date or a time; "" is the zero time.
func parseTime(s string) (t time.Time, err error) {
	if s == "" {
		return t, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", time.DateOnly} {
		if t, err = time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return t, fmt.Errorf("%q is no date or time; write it as 2026-11-23 or 2026-11-23T18:00:00Z", s)
}
