// Package report owns the page that people read after an evaluation: one HTML
// file without scripts and without anything fetched from elsewhere, in light
// and dark, the same bytes for the same evaluation.
package report

import (
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"sync"

	"pipe/stages/look"
	"pipe/stages/score"
)

// Page is what a report shows. Every text in it may come from data and is
// escaped.
type Page struct {
	Title    string // what was predicted from what
	Subtitle string
	Result   *score.Result
	History  *History  // nil for a model that tells nothing of its training
	Layers   []Layer   // nil for a model without a network
	Mistakes []Mistake // the worst ones first
	Pictures []Picture // of a model that reads pictures: some, explained
	Points   []Point   // of a regression: a sample of the rows
	Facts    []Fact    // about model and data, in the order shown
}

// History is how a training went, a value for each epoch; a curve that was not
// measured is empty.
type History struct {
	Loss, ValidationLoss         []float64
	Accuracy, ValidationAccuracy []float64
	Best                         int // the epoch whose weights were kept, from 1; 0 if it was the last
}

// Layer is one line of a network's summary.
type Layer struct {
	Name, Shape string
	Parameters  int64
}

// Mistake is a row on which the model was wrong.
type Mistake struct {
	Row              int64 // from 1
	Input            string
	Truth, Predicted string
	// Probability is what the model gave its answer; below 0 for a regression.
	Probability float64
}

// Picture is a row whose input is a picture, and which of its places spoke for the
// answer; both are PNG files.
type Picture struct {
	File, Heat       []byte
	Name             string
	Truth, Predicted string
	Probability      float64
}

// Point is one row of a regression.
type Point struct{ Truth, Predicted float64 }

// Fact is a name and a value.
type Fact struct{ Name, Value string }

//go:embed page.html
var pageHTML string

//go:embed style.css
var styleCSS string

var page = sync.OnceValue(func() *template.Template {
	return look.Page(pageHTML, template.FuncMap{
		"count":   count,
		"percent": percent,
		"short":   short,
		"clip":    clip,
		"name":    name,
		"png": func(file []byte) template.URL {
			return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(file))
		},
	})
})

// view is a Page with everything computed that the template lays out.
type view struct {
	*Page
	Style      template.CSS
	Tiles      []tile
	Charts     []*chart
	Matrix     *matrix
	Small      bool // the matrix stands among the charts
	Confused   []pair
	Classes    []classRow
	Planes     []*plane
	Parameters int64
}

// Write renders the page.
func Write(w io.Writer, p *Page) error {
	v := &view{Page: p, Style: look.Style(styleCSS), Tiles: tiles(p.Result)}
	if p.History != nil {
		v.Charts = learningCurves(p.History)
	}
	if p.Result.Task == score.Classification {
		v.Matrix = newMatrix(p.Result)
		v.Confused = confusedPairs(p.Result)
		v.Classes = classRows(p.Result)
		v.Planes = qualityPlanes(p.Result)
	} else if s := newScatter(p.Points); s != nil {
		v.Planes = []*plane{s}
	}
	// A small matrix fills the last place among the charts.
	v.Small = v.Matrix != nil && len(p.Result.Classes) <= 3 && (len(v.Charts)+len(v.Planes))%3 == 2
	for _, l := range p.Layers {
		v.Parameters += l.Parameters
	}
	if err := page().Execute(w, v); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
