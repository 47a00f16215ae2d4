package report

import (
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"pipe/stages/score"
)

// matrix is the confusion matrix as a heat map: rows are true classes, columns
// are predicted ones, the shade is the share of the row.
type matrix struct {
	Width, Height string
	Font          string
	Rows, Columns []heading
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

// Sizes in pixels of the natural width; the page scrolls a large matrix.
const (
	matrixWide   = 880.0
	cellLargest  = 52.0
	cellSmallest = 10.0
	cellForText  = 21.0
	cellForGrid  = 15.0 // smaller ones have a frame around all only
	labelLength  = 26
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
	side := min(cellLargest, max(cellSmallest, math.Floor((matrixWide-150)/float64(len(rows)))))
	font := min(13, max(8, side*0.62))
	longest := 0
	for _, l := range labels {
		longest = max(longest, min(labelLength, utf8.RuneCountInString(l)))
	}
	left := float64(longest)*font*0.58 + 12
	top := left*0.75 + 14
	m := &matrix{
		Width:  px(left + side*float64(len(r.Classes)) + top*0.8),
		Height: px(top + side*float64(len(rows)) + 4),
		Font:   px(font),
	}
	for i, l := range labels {
		middle := (float64(i) + 0.5) * side
		m.Rows = append(m.Rows, heading{Text: clip(labelLength, l), Full: l, X: px(left - 8), Y: px(top + middle + font*0.34)})
		if i < len(r.Classes) {
			m.Columns = append(m.Columns, heading{Text: clip(labelLength, l), Full: l, X: px(left + middle + font*0.3), Y: px(top - 8), Rotate: fmt.Sprintf("rotate(-48 %s %s)", px(left+middle+font*0.3), px(top-8))})
		}
	}
	for i, row := range rows {
		total := int64(0)
		for _, n := range row {
			total += n
		}
		for j, n := range row {
			if n > 0 {
				m.Cells = append(m.Cells, newCell(labels[i], labels[j], n, total, i == j, left+float64(j)*side, top+float64(i)*side, side))
			}
		}
	}
	m.Grid = grid(left, top, side, len(r.Classes), len(rows))
	return m
}

func newCell(truth, predicted string, n, total int64, hit bool, x, y, side float64) cell {
	share := float64(n) / float64(total)
	c := cell{X: px(x + 0.5), Y: px(y + 0.5), Size: px(side - 1), Class: "miss",
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
