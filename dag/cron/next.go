package cron

import (
	"math/bits"
	"time"
	_ "time/tzdata" // zones where the machine has none
)

// civil is what a clock on the wall shows.
type civil struct{ year, month, day, hour, minute, second int }

func civilOf(t time.Time) civil {
	y, m, d := t.Date()
	h, mi, s := t.Clock()
	return civil{y, int(m), d, h, mi, s}
}

// utc reads the clock as if it hung in Greenwich.
func (c civil) utc() time.Time {
	return time.Date(c.year, time.Month(c.month), c.day, c.hour, c.minute, c.second, 0, time.UTC)
}

// horizon is how far ahead a match is looked for: the Gregorian calendar
// repeats after 400 years.
const horizon = 400

// Next gives the first fire time after t, in loc; ok is false where none ever
// comes.
//
// An expression that runs in every hour goes by elapsed time: its times are the
// moments whose wall clock fits, twice in an hour that comes twice. Any other
// goes by the wall clock: a time that is skipped when clocks go forward runs
// once, at the moment of the change, and one that comes twice runs the first
// time only.
func (e *Expr) Next(t time.Time, loc *time.Location) (next time.Time, ok bool) {
	t = t.In(loc).Truncate(time.Second)
	if e.allHours() {
		return e.nextElapsed(t)
	}
	for c, ok := e.after(civilOf(t)); ok; c, ok = e.after(c) {
		if at := c.in(loc); at.After(t) {
			return at, true
		}
	}
	return time.Time{}, false
}

// nextElapsed looks within one offset from UTC at a time.
func (e *Expr) nextElapsed(t time.Time) (time.Time, bool) {
	loc := t.Location()
	for {
		_, offset := t.Zone()
		c, ok := e.after(civilOf(t))
		if !ok {
			return time.Time{}, false
		}
		at := c.utc().Add(-time.Duration(offset) * time.Second).In(loc)
		if _, o := at.Zone(); o == offset {
			// The same offset may come back after another one: a change between
			// the two is what counts.
			if _, end := t.ZoneBounds(); end.IsZero() || at.Before(end) {
				return at, true
			}
		}
		_, change := t.ZoneBounds()
		if change.IsZero() {
			return at, true
		}
		if e.fits(civilOf(change.In(loc))) {
			return change.In(loc), true
		}
		t = change.In(loc)
	}
}

// in gives the moment at which clocks in loc first show c, or, where they skip
// it, the moment of the change.
func (c civil) in(loc *time.Location) time.Time {
	u := c.utc()
	near := time.Date(c.year, time.Month(c.month), c.day, c.hour, c.minute, c.second, 0, loc)
	start, end := near.ZoneBounds()
	_, now := near.Zone()
	before, after := now, now
	if !start.IsZero() {
		_, before = start.Add(-time.Second).Zone()
	}
	if !end.IsZero() {
		_, after = end.Zone()
	}
	for _, offset := range []int{max(before, now, after), before, now, after} { // the larger the offset, the earlier
		at := u.Add(-time.Duration(offset) * time.Second).In(loc)
		if _, o := at.Zone(); o == offset {
			return at
		}
	}
	// No clock shows it. It lies in the jump at one of the two changes.
	if !start.IsZero() && now > before && !u.Before(start.Add(time.Duration(before)*time.Second)) && u.Before(start.Add(time.Duration(now)*time.Second)) {
		return start.In(loc)
	}
	return end.In(loc)
}

// fits tells whether a clock's reading matches all fields.
func (e *Expr) fits(c civil) bool {
	return e.second>>c.second&1 == 1 && e.minute>>c.minute&1 == 1 && e.hour>>c.hour&1 == 1 &&
		e.month>>c.month&1 == 1 && e.fitsDay(c.year, c.month, c.day)
}

// after gives the next reading that matches, later than c.
func (e *Expr) after(c civil) (civil, bool) {
	last := c.year + horizon
	if n := e.nextTime(&c); n {
		if e.month>>c.month&1 == 1 && e.fitsDay(c.year, c.month, c.day) {
			return c, true
		}
	}
	// Another day, at the first time that fits.
	c.hour, c.minute, c.second = bits.TrailingZeros64(e.hour), bits.TrailingZeros64(e.minute), bits.TrailingZeros64(e.second)
	for c.year <= last {
		if e.month>>c.month&1 == 0 {
			c.day = 0
			if c.month++; c.month > 12 {
				c.year, c.month = c.year+1, 1
			}
			continue
		}
		length := daysIn(c.year, c.month)
		for c.day++; c.day <= length; c.day++ {
			if e.fitsDay(c.year, c.month, c.day) {
				return c, true
			}
		}
		c.day = 0
		if c.month++; c.month > 12 {
			c.year, c.month = c.year+1, 1
		}
	}
	return civil{}, false
}

// nextTime moves c to the next time of the same day that fits, whatever the
// day is; false where none is left.
func (e *Expr) nextTime(c *civil) bool {
	hourFits, minuteFits := e.hour>>c.hour&1 == 1, e.minute>>c.minute&1 == 1
	if hourFits && minuteFits {
		if s := next(e.second, c.second); s < 64 {
			c.second = s
			return true
		}
	}
	c.second = bits.TrailingZeros64(e.second)
	if hourFits {
		if m := next(e.minute, c.minute); m < 64 {
			c.minute = m
			return true
		}
	}
	c.minute = bits.TrailingZeros64(e.minute)
	if h := next(e.hour, c.hour); h < 64 {
		c.hour = h
		return true
	}
	return false
}

// next is the lowest bit above n, or 64.
func next(set uint64, n int) int { return bits.TrailingZeros64(set &^ (1<<(n+1) - 1)) }

func daysIn(year, month int) int {
	if month == 2 {
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 30 + (month+month/8)%2
}

// weekdayOf is Sakamoto's: 0 is Sunday.
func weekdayOf(year, month, day int) int {
	t := [12]int{0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4}
	if month < 3 {
		year--
	}
	return (year + year/4 - year/100 + year/400 + t[month-1] + day) % 7
}

// fitsDay tells whether a day matches both of its fields, or, where both are
// restricted, one of them.
func (e *Expr) fitsDay(year, month, day int) bool {
	if e.anyDay && e.anyWeekday {
		return true
	}
	if e.anyDay {
		return e.fitsWeekday(year, month, day)
	}
	if e.fitsDate(year, month, day) {
		return true
	}
	return !e.anyWeekday && e.fitsWeekday(year, month, day)
}

func (e *Expr) fitsDate(year, month, day int) bool {
	if e.day>>day&1 == 1 {
		return true
	}
	if e.fromLast == nil && e.nearest == nil {
		return false
	}
	length := daysIn(year, month)
	for _, n := range e.fromLast {
		if day == length-n {
			return true
		}
	}
	for _, n := range e.nearest {
		if n <= length && day == nearestWeekday(year, month, n, length) {
			return true
		}
	}
	return false
}

// nearestWeekday is the day from Monday to Friday that is nearest to a date
// and in its month; day 0 stands for the last.
func nearestWeekday(year, month, day, length int) int {
	if day == 0 {
		switch weekdayOf(year, month, length) {
		case 6:
			return length - 1
		case 0:
			return length - 2
		}
		return length
	}
	switch weekdayOf(year, month, day) {
	case 6:
		if day == 1 {
			return 3
		}
		return day - 1
	case 0:
		if day == length {
			return day - 2
		}
		return day + 1
	}
	return day
}

func (e *Expr) fitsWeekday(year, month, day int) bool {
	w := weekdayOf(year, month, day)
	return e.weekday>>w&1 == 1 || e.nth[w]>>((day+6)/7)&1 == 1 || e.lastWeekday>>w&1 == 1 && day+7 > daysIn(year, month)
}
