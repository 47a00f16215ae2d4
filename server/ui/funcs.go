package ui

import (
	"fmt"
	"html/template"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"pipe/artifacts"
	"pipe/registry"
)

// funcs are what templates may call.
func funcs() template.FuncMap {
	return template.FuncMap{
		"asset": asset, "num": func(v any) string { return number(float(v)) }, "count": func(v any) string { return count(int64(float(v))) }, "bytes": byteSize, "dur": duration, "ago": ago, "stamp": stamp, "clock": clock,
		"short": short, "digest": func(d artifacts.Digest) string { return d.Short() }, "seg": url.PathEscape, "state": stateName,
		"join": strings.Join, "lower": strings.ToLower, "clip": clip, "list": func(v ...any) []any { return v },
		"add": func(a, b int) int { return a + b }, "times100": func(v any) float64 { return 100 * float(v) }, "plural": plural, "percent": percent, "ref": aboutRef, "breaks": breaks,
	}
}

// breaks lets a browser break a name behind its dots, underscores and slashes, where
// there is no room for the whole.
func breaks(name string) template.HTML {
	safe := template.HTMLEscapeString(name)
	return template.HTML(strings.NewReplacer(".", ".<wbr>", "_", "_<wbr>", "/", "/<wbr>").Replace(safe))
}

// float takes the numbers that templates have.
func float(v any) float64 {
	switch n := v.(type) {
	case float64:
		return n
	case *float64:
		return *n
	case int:
		return float64(n)
	case int64:
		return float64(n)
	}
	panic(fmt.Sprintf("%T is no number", v))
}

// number writes a value in four significant digits, as it is compared by
// people, and large whole numbers with separators.
func number(v float64) string {
	switch abs := math.Abs(v); {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "∞"
	case math.IsInf(v, -1):
		return "−∞"
	case v == math.Trunc(v) && abs < 1e12:
		return count(int64(v))
	case abs >= 1e6 || abs < 1e-3:
		return strings.Replace(strconv.FormatFloat(v, 'e', 3, 64), "e-0", "e-", 1)
	case abs >= 1000:
		return count(int64(math.Trunc(v))) + strings.TrimPrefix(strconv.FormatFloat(math.Abs(v-math.Trunc(v)), 'f', 1, 64), "0")
	}
	return strconv.FormatFloat(v, 'f', 3-int(math.Floor(math.Log10(math.Abs(v)))), 64)
}

// count writes a whole number with separators between thousands.
func count[T int | int64](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "−", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// byteSize writes a size in units of 1,000.
func byteSize(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	v, units := float64(n), []string{"kB", "MB", "GB", "TB", "PB"}
	for _, u := range units {
		if v /= 1000; v < 999.5 {
			return strconv.FormatFloat(v, 'f', max(0, 2-len(strconv.Itoa(int(v)))), 64) + " " + u
		}
	}
	return strconv.FormatFloat(v, 'f', 0, 64) + " " + units[len(units)-1]
}

// duration writes how long something took, in two units.
func duration(d time.Duration) string {
	switch {
	case d < 0:
		return "–"
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	case d < time.Hour:
		return fmt.Sprintf("%d m %02d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %02d m", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d d %d h", int(d.Hours())/24, int(d.Hours())%24)
}

// ago writes how long before now a moment was.
func ago(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	d := now.Sub(t)
	switch {
	case d < -time.Minute:
		return "in " + strings.TrimSuffix(ago(now, t), " ago")
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	case d < 60*24*time.Hour:
		return fmt.Sprintf("%d days ago", int(d.Hours())/24)
	}
	return t.UTC().Format("2 Jan 2006")
}

// stamp writes a moment for a tooltip, clock to the second for a table.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

func clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04")
}

func short(id string) string { return id[:min(8, len(id))] }

// clip bounds a text that has one line of a table.
func clip(n int, s string) string {
	runes := 0
	for i := range s {
		if runes++; runes > n {
			return s[:i] + "…"
		}
	}
	return s
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + many
}

func percent(part, all int) string {
	if all == 0 {
		return "–"
	}
	return strconv.FormatFloat(100*float64(part)/float64(all), 'f', 0, 64) + " %"
}

// stateName is the word of a run's or stage's state on the pages; it is the
// class of its mark, too.
func stateName(state any) string {
	switch s := state.(type) {
	case registry.Status:
		switch s {
		case registry.Finished:
			return "done"
		case registry.Scheduled: // as pipe runs calls it
			return "waiting"
		}
		return strings.ToLower(string(s))
	case registry.StageState:
		return string(s)
	}
	return fmt.Sprint(state)
}
