package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"sync"

	"pipe/stages/look"
)

// Comparison is a page that puts several ways to do one thing beside each other. Every
// text in it may come from data and is escaped.
type Comparison struct {
	Title, Subtitle string
	Tables          []Table
	Examples        []Example
}

// Table has a first column of names; the others are figures.
type Table struct {
	Title, Note string
	Head        []string
	Rows        []TableRow
}

// TableRow is a line of a table; the best one is marked.
type TableRow struct {
	Cells []string
	Best  bool
}

// Example is a text some parts of which were chosen.
type Example struct {
	Title, Note string
	Parts       []Part
}

// Part is a piece of a text, such as a sentence.
type Part struct {
	Text   string
	Chosen bool
}

//go:embed comparison.html
var comparisonHTML string

var comparison = sync.OnceValue(func() *template.Template {
	return look.Page(comparisonHTML, nil)
})

// WriteComparison renders the page.
func WriteComparison(w io.Writer, c *Comparison) error {
	err := comparison().Execute(w, struct {
		*Comparison
		Style template.CSS
	}{c, look.Style(styleCSS)})
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
