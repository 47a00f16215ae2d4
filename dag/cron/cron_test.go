package cron

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func TestNext(t *testing.T) {
	for _, c := range []struct{ expr, zone, after, want string }{
		{"0 3 * * 1", "UTC", "2026-11-24T10:00:00Z", "2026-11-30T03:00:00Z"},
		{"@daily", "UTC", "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z"},
		{"*/15 * * * *", "UTC", "2026-11-24T10:14:59Z", "2026-11-24T10:15:00Z"},
		{"*/20 * * * * *", "UTC", "2026-11-24T10:14:41Z", "2026-11-24T10:15:00Z"},
		{"0 0 L * *", "UTC", "2028-02-01T00:00:00Z", "2028-02-29T00:00:00Z"},
		{"0 0 L-2 * *", "UTC", "2026-02-01T00:00:00Z", "2026-02-26T00:00:00Z"},
		{"0 0 15W * *", "UTC", "2026-08-01T00:00:00Z", "2026-08-14T00:00:00Z"},
		{"0 0 1W * *", "UTC", "2026-07-31T00:00:00Z", "2026-08-03T00:00:00Z"},
		{"0 0 31W * *", "UTC", "2026-05-01T00:00:00Z", "2026-05-29T00:00:00Z"},
		{"0 0 LW * *", "UTC", "2026-01-01T00:00:00Z", "2026-01-30T00:00:00Z"},
		{"0 0 * * FRI#2", "UTC", "2026-11-01T00:00:00Z", "2026-11-13T00:00:00Z"},
		{"0 0 * * 5L", "UTC", "2026-11-01T00:00:00Z", "2026-11-27T00:00:00Z"},
		{"0 0 13 * FRI", "UTC", "2026-11-01T00:00:00Z", "2026-11-06T00:00:00Z"},
		{"0 9 * * fri-mon", "UTC", "2026-11-23T10:00:00Z", "2026-11-27T09:00:00Z"},
		{"0 0 29 feb *", "UTC", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"},
		{"0 0 * 2 1#5", "UTC", "2025-01-01T00:00:00Z", "2044-02-29T00:00:00Z"},
		{"0 0 * * 7", "UTC", "2026-11-24T00:00:00Z", "2026-11-29T00:00:00Z"},
		// What croniter reads in another way (docs/reliability.md).
		{"0 8-8 * * *", "UTC", "2026-11-24T07:00:00Z", "2026-11-24T08:00:00Z"},
		{"0 8-8 * * *", "UTC", "2026-11-24T08:00:00Z", "2026-11-25T08:00:00Z"},
		{"0 0 */1 * MON", "UTC", "2026-11-24T00:00:00Z", "2026-11-30T00:00:00Z"},
		{"0 0 1-31 * MON", "UTC", "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z"},
		{"0 0 30 * FRI#2", "UTC", "2026-11-01T00:00:00Z", "2026-11-13T00:00:00Z"},
		{"0 0 30 * FRI#2", "UTC", "2026-11-13T00:00:00Z", "2026-11-30T00:00:00Z"},
		{"0 0 24 * 5L", "UTC", "2026-11-20T00:00:00Z", "2026-11-24T00:00:00Z"},
		{"0 0 24 * 5L", "UTC", "2026-11-24T00:00:00Z", "2026-11-27T00:00:00Z"},

		// Clocks go from 02:00 to 03:00 and later from 03:00 back to 02:00.
		{"30 2 * * *", "Europe/Stockholm", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"},
		{"30 2 * * *", "Europe/Stockholm", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"},
		{"* 2 * * *", "Europe/Stockholm", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"},
		{"* 2 * * *", "Europe/Stockholm", "2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"},
		{"30 2 * * *", "Europe/Stockholm", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"},
		{"30 2 * * *", "Europe/Stockholm", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"},
		{"30 2 * * *", "Europe/Stockholm", "2026-10-25T01:10:00Z", "2026-10-26T01:30:00Z"},
		{"*/30 * * * *", "Europe/Stockholm", "2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z"},
		{"*/30 * * * *", "Europe/Stockholm", "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z"},
		{"*/30 * * * *", "Europe/Stockholm", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z"},
		// Half an hour, and a whole day that a country left out.
		{"15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", "2026-10-03T15:30:00Z"},
		{"0 12 * * *", "Pacific/Apia", "2011-12-30T00:00:00Z", "2011-12-30T10:00:00Z"},
		{"0 12 * * *", "Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"},
	} {
		e, err := Parse(c.expr)
		if err != nil {
			t.Errorf("%s: %v", c.expr, err)
			continue
		}
		after, _ := time.Parse(time.RFC3339, c.after)
		got, ok := e.Next(after, zone(t, c.zone))
		if s := got.UTC().Format(time.RFC3339); !ok || s != c.want {
			t.Errorf("%s in %s after %s: %s, want %s", c.expr, c.zone, c.after, s, c.want)
		}
	}
}

func TestNever(t *testing.T) {
	for _, s := range []string{"0 0 30 2 *", "0 0 31W 4 *", "0 0 31 2,4,6,9,11 *"} {
		e, err := Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		if at, ok := e.Next(time.Unix(0, 0), time.UTC); ok {
			t.Errorf("%s: %v", s, at)
		}
	}
}

func TestMistakes(t *testing.T) {
	for s, want := range map[string]string{
		"":              "1: a cron expression has five fields, or six with seconds in front; this one has 0",
		"* * * *":       "1: a cron expression has five fields, or six with seconds in front; this one has 4",
		"61 3 * * 1":    "1: minute: there is no 61",
		"0 3 * * 8":     "9: day of week: there is no 8",
		"0 3 * FOO 1":   `7: month: "FOO" is no number`,
		"0 3 0 * *":     "5: day of month: there is no 0",
		"*/0 * * * *":   `3: minute: the step "0" is no number from 1 to 60`,
		"1,,2 * * * *":  `3: minute: "" is no number, range or *`,
		"0 0 * * 1#6":   `9: day of week: "1#6": a month has no weekday number 6`,
		"@fortnightly":  "1: nothing is named @fortnightly",
		"0 0 L-x * *":   `5: day of month: "L-x" is no such day`,
		"0 0 32W * *":   "5: day of month: there is no 32",
		"1-2-3 * * * *": `1: minute: "1-2-3" is no number, range or *`,
	} {
		_, err := Parse(s)
		e, ok := err.(*Error)
		if !ok {
			t.Errorf("%q: %v", s, err)
			continue
		}
		if got := itoa(e.Col) + ": " + e.Text; got != want {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
}

func itoa(n int) string { return string(rune('0' + n)) }

// reference looks at every second of real time: what the clocks show there,
// and, for expressions that keep to the wall clock, what they have skipped.
func reference(e *Expr, from, to time.Time, loc *time.Location) (fires []time.Time) {
	shown := map[civil]bool{}
	_, offset := from.In(loc).Add(-time.Minute).Zone()
	for t := from.Add(-2 * time.Hour); t.Before(from); t = t.Add(time.Minute) {
		shown[civilOf(t.In(loc))] = true
	}
	for t := from; t.Before(to); t = t.Add(time.Minute) {
		local := t.In(loc)
		c := civilOf(local)
		_, now := local.Zone()
		fire := e.fits(c)
		if !e.allHours() {
			fire = fire && !shown[c]
			for skipped := now - offset; skipped > 0; skipped -= 60 { // the readings before c that no clock showed
				fire = fire || e.fits(civilOf(c.utc().Add(-time.Duration(skipped)*time.Second)))
			}
		}
		shown[c] = true
		offset = now
		if fire {
			fires = append(fires, t)
		}
	}
	return fires
}

// TestWallClock compares Next with the reference around changes of the clock.
func TestWallClock(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	zones := []string{"UTC", "Europe/Stockholm", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Casablanca", "Asia/Kolkata", "Pacific/Apia", "Africa/Cairo", "America/Havana"}
	for i := range 400 {
		s := randomExpr(rng, true)
		e, err := Parse(s)
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		loc := zone(t, zones[i%len(zones)])
		from := time.Date(2009+rng.IntN(18), time.Month(1+rng.IntN(12)), 1+rng.IntN(28), rng.IntN(24), rng.IntN(60), 0, 0, time.UTC)
		if _, change := from.In(loc).ZoneBounds(); !change.IsZero() && i%4 != 0 {
			from = change.Add(-time.Duration(rng.IntN(2000)) * time.Minute).Truncate(time.Minute).UTC()
		}
		to := from.Add(3 * 24 * time.Hour)
		want := reference(e, from, to, loc)
		var got []time.Time
		for at, ok := e.Next(from.Add(-time.Second), loc); ok && at.Before(to); at, ok = e.Next(at, loc) {
			got = append(got, at)
		}
		if len(got) != len(want) {
			t.Fatalf("%q in %s from %v: %d fires, want %d", s, loc, from, len(got), len(want))
		}
		for k := range got {
			if !got[k].Equal(want[k]) {
				t.Fatalf("%q in %s from %v: fire %d at %v, want %v", s, loc, from, k, got[k].UTC(), want[k])
			}
		}
	}
}

// randomExpr draws an expression of the forms that cron and croniter share, or
// of ours as well.
func randomExpr(rng *rand.Rand, ours bool) string {
	one := func(min, max int) string {
		a, b := min+rng.IntN(max-min+1), min+rng.IntN(max-min+1)
		if a > b {
			a, b = b, a
		} else if a == b { // croniter reads 8-8 as the whole range
			a, b = min, max
		}
		switch rng.IntN(5) {
		case 0:
			return "*"
		case 1:
			return "*/" + num(2+rng.IntN(max-min-1)) // croniter takes */1 among the days for a restriction
		case 2:
			return num(a) + "-" + num(b)
		case 3:
			return num(a) + "-" + num(b) + "/" + num(1+rng.IntN(max-min))
		}
		return num(a) + "," + num(b)
	}
	day, weekday, month := one(1, 31), one(0, 6), one(1, 12)
	if rng.IntN(2) == 0 {
		month = "*"
	}
	if !ours { // of a whole range among the days croniter says now this, now that
		if strings.HasPrefix(day, "1-31") {
			day = "*"
		}
		if strings.HasPrefix(weekday, "0-6") {
			weekday = "*"
		}
	}
	switch rng.IntN(6) {
	case 0:
		day, weekday = "*", "*"
	case 1:
		day = "L"
	case 2:
		weekday = []string{"MON", "tue-thu", "sun,WED", "L5", "fri#2"}[rng.IntN(5)]
		if !ours && strings.ContainsAny(weekday, "L#") {
			day = "*" // with a day of the month beside it, croniter forgets that one
		}
	case 3:
		if ours {
			day = []string{"15W", "LW", "1W", "L-3", "31W"}[rng.IntN(5)]
		}
	}
	return one(0, 59) + " " + one(0, 23) + " " + day + " " + month + " " + weekday
}

func num(n int) string {
	if n >= 10 {
		return num(n/10) + num(n%10)
	}
	return string(rune('0' + n))
}

func TestTimetable(t *testing.T) {
	day := func(s string) time.Time {
		x, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	daily, _ := Parse("0 9 * * *")
	exclude, err := ParseCalendar([]string{"12-25", "2026-12-28..2026-12-30", "SUN"})
	if err != nil {
		t.Fatal(err)
	}
	tt := Timetable{Expr: daily, Zone: zone(t, "Europe/Stockholm"), Start: day("2026-12-24T08:00:00Z"), End: day("2026-12-31T08:00:00Z"), Exclude: exclude}
	var got []string
	for at, ok := tt.Next(day("2026-01-01T00:00:00Z")); ok; at, ok = tt.Next(at) {
		got = append(got, at.Format("01-02T15"))
	}
	if len(got) != 3 || got[0] != "12-24T08" || got[1] != "12-26T08" || got[2] != "12-31T08" {
		t.Errorf("fires %v", got)
	}
	if prev, ok := tt.Prev(day("2026-12-31T08:00:00Z")); !ok || !prev.Equal(day("2026-12-26T08:00:00Z")) {
		t.Errorf("before the last: %v %v", prev, ok)
	}
	if _, ok := tt.Prev(day("2026-12-24T08:00:00Z")); ok {
		t.Error("something before the first")
	}
	every := Timetable{Every: 90 * time.Minute, Zone: time.UTC, Start: day("2026-01-01T00:10:00Z")}
	if at, _ := every.Next(day("2025-01-01T00:00:00Z")); !at.Equal(every.Start) {
		t.Errorf("first of an interval: %v", at)
	}
	if at, _ := every.Next(day("2026-01-01T01:40:00Z")); !at.Equal(day("2026-01-01T03:10:00Z")) {
		t.Errorf("third of an interval: %v", at)
	}
	if at, ok := every.Prev(day("2026-01-01T01:40:00Z")); !ok || !at.Equal(every.Start) {
		t.Errorf("before the second: %v", at)
	}
	weekends, _ := ParseCalendar([]string{"sat", "sun", "mon", "tue", "wed", "thu", "fri"})
	never := Timetable{Every: time.Hour, Zone: time.UTC, Exclude: weekends}
	if at, ok := never.Next(day("2026-01-01T00:00:00Z")); ok {
		t.Errorf("all days are excluded, and yet %v", at)
	}
}

func TestDelay(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var early int
	for i := range 1000 {
		d := Delay("s"+num(i), at, time.Minute)
		if d < 0 || d >= time.Minute || d != Delay("s"+num(i), at, time.Minute) {
			t.Fatalf("delay %v", d)
		}
		if d < 30*time.Second {
			early++
		}
	}
	if early < 400 || early > 600 {
		t.Errorf("%d of 1000 are in the first half", early)
	}
}

// TestYearOfMinutes walks through every minute of a year in a zone with both
// changes of the clock.
func TestYearOfMinutes(t *testing.T) {
	e, _ := Parse("* * * * *")
	loc := zone(t, "Europe/Stockholm")
	at := time.Date(2025, 12, 31, 23, 0, 0, 0, time.UTC)
	end := at.AddDate(1, 0, 0)
	for want := at.Add(time.Minute); want.Before(end); want = want.Add(time.Minute) {
		next, ok := e.Next(at, loc)
		if !ok || !next.Equal(want) {
			t.Fatalf("after %v comes %v, want %v", at, next, want)
		}
		at = next
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"0 3 * * 1", "@daily", "*/5 1-3,7 L-2 JAN fri#2", "0 0 15W * 5L", "? ? ? ? ?", "0 0 0 1 1 *"} {
		f.Add(s, int64(1_790_000_000))
	}
	loc := zone(f, "Europe/Stockholm")
	f.Fuzz(func(t *testing.T, s string, unix int64) {
		e, err := Parse(s)
		if err != nil {
			return
		}
		after := time.Unix(unix%4_000_000_000, 0)
		at, ok := e.Next(after, loc)
		if ok && !at.After(after) {
			t.Errorf("%q after %v: %v", s, after, at)
		}
	})
}
