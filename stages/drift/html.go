package drift

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"sync"

	"pipe/stages/look"
)

//go:embed page.html
var pageHTML string

//go:embed style.css
var styleCSS string

// page is parsed when the first report is written.
var page = sync.OnceValue(func() *template.Template {
	return look.Page(pageHTML, template.FuncMap{
		"percent": percent,
		"figure":  figure,
		"clip":    clip,
		"width":   func(share float64) string { return strconv.FormatFloat(100*share, 'f', 1, 64) },
	})
})

// view is a Report with what the template needs beside it.
type view struct {
	*Report
	Style template.CSS
	Says  string
}

// Title is that of the page.
func (v *view) Title() string {
	return fmt.Sprintf("Drift: %d of %d columns", v.Drifted, len(v.Columns))
}

// WriteHTML writes a page that stands on its own: no script, no other file.
func (r *Report) WriteHTML(w io.Writer) error {
	v := &view{Report: r, Style: look.Style(styleCSS)}
	v.Says = fmt.Sprintf("%s reaches %g", r.Rule.Measure.words(), r.Rule.Threshold)
	if r.Rule.Measure == ByPValue {
		v.Says = fmt.Sprintf("%s is below %g", r.Rule.Measure.words(), r.Rule.Threshold)
	}
	if err := page().Execute(w, v); err != nil {
		return fmt.Errorf("write the page of a drift report: %w", err)
	}
	return nil
}

func (m Measure) words() string {
	return map[Measure]string{ByPSI: "the population stability index (PSI)", ByJensenShannon: "the Jensen-Shannon distance", ByPValue: "the p of its test"}[m]
}

func percent(share float64) string { return strconv.FormatFloat(100*share, 'f', 1, 64) + "\u202f%" }

func figure(v *float64) string {
	if v == nil {
		return "–"
	}
	return strconv.FormatFloat(*v, 'g', 4, 64)
}

// clip cuts a category after 60 characters.
func clip(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
