package profile

import (
	"fmt"
	"math"
	"strconv"
)

// chart is a histogram in units of its drawing.
type chart struct {
	Bars []bar
	X    []xLabel
	Y    []yLabel
}

type bar struct{ X, Y, Width, Height, Title string }
type xLabel struct{ At, Anchor, Label string }
type yLabel struct{ At, Label string }

// The drawing area inside the 340 × 150 view box.
const (
	plotLeft, plotRight = 40.0, 334.0
	plotTop, plotBottom = 10.0, 126.0
)

func newChart(c *Column) *chart {
	h := c.Numbers.Histogram
	if len(h.Counts) == 0 {
		return nil
	}
	most := int64(1)
	for _, n := range h.Counts {
		most = max(most, n)
	}
	step := roundStep(most)
	high := (most + step - 1) / step * step
	y := func(n int64) float64 { return plotBottom - float64(n)/float64(high)*(plotBottom-plotTop) }
	out := new(chart)
	for n := int64(0); n <= high; n += step {
		out.Y = append(out.Y, yLabel{px(y(n)), axisCount(n)})
	}
	width := (plotRight - plotLeft) / float64(len(h.Counts))
	for i, n := range h.Counts {
		if n == 0 {
			continue
		}
		// What is rare must still be seen.
		top := min(y(n), plotBottom-1)
		out.Bars = append(out.Bars, bar{px(plotLeft + float64(i)*width + 0.5), px(top), px(width - 1), px(plotBottom - top),
			fmt.Sprintf("%s to %s: %s", number(c, h.Edges[i]), number(c, h.Edges[i+1]), whole(n))})
	}
	out.X = xLabels(c, h.Edges)
	return out
}

// xLabels names both ends and, where there is room, the middle.
func xLabels(c *Column, edges []float64) []xLabel {
	last := len(edges) - 1
	label := func(at float64, anchor string, v float64) xLabel { return xLabel{px(at), anchor, axisNumber(c, v)} }
	out := []xLabel{label(plotLeft, "start", edges[0])}
	if last%2 == 0 {
		out = append(out, label((plotLeft+plotRight)/2, "middle", edges[last/2]))
	}
	return append(out, label(plotRight, "end", edges[last]))
}

// axisNumber is shorter than number.
func axisNumber(c *Column, v float64) string {
	if isTime(c) {
		return number(c, v)[:len("2006-01-02")]
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// axisCount writes 12000 as 12k, so that it fits beside the axis.
func axisCount(n int64) string {
	for _, unit := range []struct {
		from, size float64
		name       string
	}{{1e9, 1e9, "G"}, {1e6, 1e6, "M"}, {1e4, 1e3, "k"}} {
		if v := float64(n); v >= unit.from {
			return strconv.FormatFloat(v/unit.size, 'g', 3, 64) + unit.name
		}
	}
	return whole(n)
}

// roundStep is 1, 2 or 5 times a power of ten, and goes two to five times into n.
func roundStep(n int64) int64 {
	for unit := int64(1); ; unit *= 10 {
		for _, m := range []int64{1, 2, 5} {
			if step := m * unit; (n+3)/4 <= step {
				return step
			}
		}
	}
}

// px writes a coordinate.
func px(x float64) string { return strconv.FormatFloat(math.Round(x*10)/10, 'f', -1, 64) }
