package profile

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"
	"time"
)

//go:embed page.html
var pageSource string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"bars":    bars,
	"percent": percent,
	"number":  number,
	"whole":   whole,
	"isTime":  isTime,
}).Parse(pageSource))

// WriteHTML writes a page that stands on its own: no script, no other file.
func (p *Profile) WriteHTML(w io.Writer) error {
	if err := page.Execute(w, p); err != nil {
		return fmt.Errorf("write the page of a profile: %w", err)
	}
	return nil
}

// bar is a column of a histogram in units of the drawing.
type bar struct {
	X, Y, Height float64
	Title        string
}

// The drawing's size and the width of a bar.
const barHeight, barWidth = 60, 12

func bars(c *Column) []bar {
	h := c.Numbers.Histogram
	most := int64(1)
	for _, n := range h.Counts {
		most = max(most, n)
	}
	out := make([]bar, len(h.Counts))
	for i, n := range h.Counts {
		height := barHeight * float64(n) / float64(most)
		out[i] = bar{X: float64(i * barWidth), Y: barHeight - height, Height: height,
			Title: fmt.Sprintf("%s to %s: %s", number(c, h.Edges[i]), number(c, h.Edges[i+1]), whole(n))}
	}
	return out
}

func percent(part, all int64) string {
	if all == 0 {
		return "–"
	}
	return strconv.FormatFloat(100*float64(part)/float64(all), 'f', 1, 64) + " %"
}

// number writes a number of a column; that of a date or time as such.
func number(c *Column, v float64) string {
	switch {
	case !isTime(c):
		return strconv.FormatFloat(v, 'g', 6, 64)
	case c.Type == "date":
		return time.Unix(int64(v), 0).UTC().Format(time.DateOnly)
	}
	return time.UnixMilli(int64(v * 1000)).UTC().Format("2006-01-02 15:04:05")
}

func isTime(c *Column) bool { return c.Type == "date" || strings.HasPrefix(c.Type, "timestamp") }

// whole writes a count with commas between thousands.
func whole(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
