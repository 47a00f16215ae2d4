package report

import (
	"fmt"
	"math"
	"strings"
)

// matrixLayout is where the parts of a matrix lie, in pixels.
type matrixLayout struct {
	columns          int
	side, font       float64
	left, top, right float64 // room for the names around the cells
}

func newMatrixLayout(labels []string, columns int) *matrixLayout {
	l := &matrixLayout{columns: columns, font: 13, left: 1, top: 1, right: 1}
	// Narrow cells make small names, and those leave more room for the cells.
	for range 3 {
		longest := 0.0
		for _, label := range labels {
			longest = max(longest, textWidth(shown(label, l.font), l.font))
		}
		l.left = longest + 12
		l.top, l.right = longest*0.75+14, longest*0.6
		l.side = l.fill()
		if l.side < cellForText {
			l.top, l.right = longest+12, 1
			l.side = l.fill()
		}
		l.font = min(13, max(fontLeast, l.side*0.8))
	}
	if l.nameless() {
		l.left, l.top, l.right = 1, 1, 1
		l.side = (matrixWide - 2) / float64(columns)
	}
	return l
}

// fill makes the cells as large as the page allows.
func (l *matrixLayout) fill() float64 {
	return min(cellLargest, math.Floor((matrixWide-l.left-l.right)/float64(l.columns)))
}

func (l *matrixLayout) nameless() bool { return l.side < cellForName }

func (l *matrixLayout) width() float64 { return l.left + l.side*float64(l.columns) + l.right }

// headings places the names: those of columns are aslant where there is room,
// and upright where they would lie over one another.
func (l *matrixLayout) headings(labels []string) (rows, columns []heading) {
	for i, label := range labels {
		text, middle := shown(label, l.font), (float64(i)+0.5)*l.side
		rows = append(rows, heading{Text: text, Full: label, X: px(l.left - 8), Y: px(l.top + middle + l.font*0.34)})
		if i == l.columns {
			break // labels that the model does not know are never predicted
		}
		angle, x, y := -48, l.left+middle+l.font*0.3, l.top-8
		if l.side < cellForText {
			angle, x = -90, l.left+middle+l.font*0.34
		}
		columns = append(columns, heading{Text: text, Full: label, X: px(x), Y: px(y), Rotate: fmt.Sprintf("rotate(%d %s %s)", angle, px(x), px(y))})
	}
	return rows, columns
}

// shown shortens a label to the room that names have.
func shown(label string, font float64) string {
	text := clip(labelLength, label)
	for n := labelLength - 1; n > 0 && textWidth(text, font) > labelWide; n-- {
		text = clip(n, label)
	}
	return text
}

// textWidth is about how wide a text is, and rather too much than too little: the
// fonts of readers differ.
func textWidth(s string, font float64) float64 {
	em := 0.0
	for _, r := range s {
		switch {
		case strings.ContainsRune("iljtfrI.,:;'|!()[]/ ", r):
			em += 0.45
		case strings.ContainsRune("mwMW@%…—", r), r >= 0x1100:
			em += 1.02
		case r >= 'A' && r <= 'Z':
			em += 0.76
		default:
			em += 0.65
		}
	}
	return em * font
}
