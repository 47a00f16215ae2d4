package cron

import (
	"fmt"
	"strings"
	"time"
)

// Calendar is a set of days.
type Calendar struct {
	dates    []span
	yearly   map[[2]int]bool // month, day
	weekdays [7]bool
}

// span is from one day to another, both included, as 20261224.
type span struct{ from, to int }

// ParseCalendar reads days: 2026-12-24, 2026-12-24..2027-01-06, 12-25 (of every
// year), SAT.
func ParseCalendar(days []string) (Calendar, error) {
	c := Calendar{yearly: map[[2]int]bool{}}
	for _, d := range days {
		if err := c.add(strings.TrimSpace(d)); err != nil {
			return Calendar{}, err
		}
	}
	return c, nil
}

func (c *Calendar) add(d string) error {
	if n, err := weekdayField.number(word{text: d}); err == nil && len(d) == 3 {
		c.weekdays[n] = true
		return nil
	}
	if t, err := time.Parse("01-02", d); err == nil || d == "02-29" {
		if d == "02-29" {
			t = time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)
		}
		c.yearly[[2]int{int(t.Month()), t.Day()}] = true
		return nil
	}
	first, last, ranged := strings.Cut(d, "..")
	if !ranged {
		last = first
	}
	from, err1 := time.Parse(time.DateOnly, first)
	to, err2 := time.Parse(time.DateOnly, last)
	if err1 != nil || err2 != nil {
		return fmt.Errorf("%q is no day, such as 2026-12-24, 2026-12-24..2027-01-06, 12-25 or SAT", d)
	}
	if to.Before(from) {
		return fmt.Errorf("%q ends before it begins", d)
	}
	c.dates = append(c.dates, span{dayNumber(from), dayNumber(to)})
	return nil
}

func dayNumber(t time.Time) int {
	y, m, d := t.Date()
	return y*10000 + int(m)*100 + d
}

// excludes tells whether t's day is in the calendar, and when the day began.
func (c *Calendar) excludes(t time.Time) (day time.Time, in bool) {
	y, m, d := t.Date()
	in = c.weekdays[t.Weekday()] || c.yearly[[2]int{int(m), d}]
	for _, s := range c.dates {
		n := dayNumber(t)
		in = in || s.from <= n && n <= s.to
	}
	return time.Date(y, m, d, 0, 0, 0, 0, t.Location()), in
}
