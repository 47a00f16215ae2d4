package profile

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"pipe/stages/look"
)

//go:embed page.html
var pageHTML string

//go:embed style.css
var styleCSS string

var page = sync.OnceValue(func() *template.Template {
	return look.Page(pageHTML, template.FuncMap{"whole": whole})
})

// view is a Profile with everything computed that the template lays out.
type view struct {
	*Profile
	Style template.CSS
	Tiles []tile
	Cards []card
}

// Title is that of the page.
func (v *view) Title() string { return "Profile of " + whole(v.Rows) + " rows" }

// tile is a headline number.
type tile struct{ Name, Value, Note string }

// WriteHTML writes a page that stands on its own: no script, no other file.
func (p *Profile) WriteHTML(w io.Writer) error {
	v := &view{Profile: p, Style: look.Style(styleCSS), Tiles: p.tiles()}
	for _, c := range p.Columns {
		v.Cards = append(v.Cards, newCard(c, p.Rows))
	}
	if err := page().Execute(w, v); err != nil {
		return fmt.Errorf("write the page of a profile: %w", err)
	}
	return nil
}

func (p *Profile) tiles() []tile {
	var nulls, gaps, numbers, texts int64
	for _, c := range p.Columns {
		nulls += c.Nulls
		if c.Nulls > 0 {
			gaps++
		}
		switch {
		case c.Numbers != nil && !isTime(c):
			numbers++
		case c.Length != nil:
			texts++
		}
	}
	columns := int64(len(p.Columns))
	return []tile{
		{"Rows", whole(p.Rows), ""},
		{"Columns", whole(columns), fmt.Sprintf("%d of numbers, %d of text", numbers, texts)},
		{"Nulls", percent(nulls, p.Rows*columns), fmt.Sprintf("%s values, in %d of %d columns", whole(nulls), gaps, columns)},
	}
}

func percent(part, all int64) string {
	if all == 0 {
		return "–"
	}
	return strconv.FormatFloat(100*float64(part)/float64(all), 'f', 1, 64) + "\u202f%"
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

// whole writes a count with thousands apart.
func whole(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:] // narrow no-break space: ISO 80000-1
	}
	return s
}
