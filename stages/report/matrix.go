package report

import (
	"fmt"
	"math"
	"strconv"

	"pipe/stages/score"
)

// matrix is the confusion matrix as a heat map: rows are true classes, columns
// are predicted ones, the shade is the share of the row.
type matrix struct {
	Width, Height string
	Least         string // the width below which the names could not be read
	Font          string
	Rows, Columns []heading
	Nameless      bool // there are too many classes to name them
	Cells         []cell
	Grid          []string // lines between the cells, as paths
}

type heading struct {
	Text, Full   string
	X, Y, Rotate string
}

type cell struct {
	X, Y, Size  string
	Class       string // "hit" on the diagonal, else "miss"
	Opacity     string
	Count       string // shown in the cell, "" where there is no room
	TextX       string
	TextY       string
	Strong      bool // the shade is dark enough for white text
	Description string
}

// Sizes in pixels of the natural width, which fills a page of full width and is
// never more.
const (
	matrixWide  = 980.0
	cellLargest = 52.0
	cellForText = 21.0 // smaller ones have no number, and upright column names
	cellForGrid = 15.0 // smaller ones have a frame around all only
	cellForName = 9.0
	labelWide   = 168.0
	labelLength = 26
	fontLeast   = 7.5
)

func newMatrix(r *score.Result) *matrix {
	labels := make([]string, 0, len(r.Classes)+1)
	for _, c := range r.Classes {
		labels = append(labels, c.Label)
	}
	rows := r.Confusion
	if r.Unknown != nil {
		rows = append(rows[:len(rows):len(rows)], r.Unknown.Predicted)
		labels = append(labels, "other labels")
	}
	l := newMatrixLayout(labels, len(r.Classes))
	m := &matrix{
		Width: px(l.width()), Height: px(l.top + l.side*float64(len(rows)) + 4),
		Least: px(l.width() * min(1, fontLeast/l.font)), Font: px(l.font), Nameless: l.nameless(),
	}
	if !m.Nameless {
		m.Rows, m.Columns = l.headings(labels)
	}
	for i, row := range rows {
		total := int64(0)
		for _, n := range row {
			total += n
		}
		for j, n := range row {
			if n > 0 {
				m.Cells = append(m.Cells, newCell(labels[i], labels[j], n, total, i == j, l.left+float64(j)*l.side, l.top+float64(i)*l.side, l.side))
			}
		}
	}
	m.Grid = grid(l.left, l.top, l.side, len(r.Classes), len(rows))
	return m
}

func newCell(truth, predicted string, n, total int64, hit bool, x, y, side float64) cell {
	share := float64(n) / float64(total)
	gap := min(1, side/10)
	c := cell{X: px(x + gap/2), Y: px(y + gap/2), Size: px(side - gap), Class: "miss",
		Description: fmt.Sprintf("%s of %s rows of %q (%s) were called %q", count(n), count(total), truth, percent(share), predicted)}
	// A few mistakes of many rows must still be seen, hence the root.
	shade := 0.10 + 0.90*math.Sqrt(share)
	if hit {
		c.Class = "hit"
		shade = 0.12 + 0.80*share
	}
	c.Opacity = strconv.FormatFloat(shade, 'f', 2, 64)
	c.Strong = shade > 0.5
	if text := count(n); side >= cellForText && float64(len([]rune(text)))*6.4 < side {
		c.Count, c.TextX, c.TextY = text, px(x+side/2), px(y+side/2+4)
	}
	return c
}

func grid(left, top, side float64, columns, rows int) []string {
	var out []string
	right, bottom := left+side*float64(columns), top+side*float64(rows)
	for j := range columns + 1 {
		if side >= cellForGrid || j == 0 || j == columns {
			out = append(out, "M"+px(left+float64(j)*side)+" "+px(top)+"V"+px(bottom))
		}
	}
	for i := range rows + 1 {
		if side >= cellForGrid || i == 0 || i == rows {
			out = append(out, "M"+px(left)+" "+px(top+float64(i)*side)+"H"+px(right))
		}
	}
	return out
}
