package report

import (
	"math"
	"strings"
)

// chart is a line chart over the epochs.
type chart struct {
	Title  string
	Series []series
	X, Y   []tick
	Best   string // the x of the epoch whose weights were kept, "" for none
	Epoch  int    // that epoch
}

type series struct {
	Name, Class string
	Path        string
	Dots        []dot
}

type tick struct{ At, Label string }
type dot struct{ X, Y string }

// The drawing area inside the 340 × 230 view box.
const (
	plotLeft, plotRight = 40.0, 330.0
	plotTop, plotBottom = 12.0, 188.0
)

// learningCurves draws the loss and, where it was measured, the accuracy.
func learningCurves(h *History) []*chart {
	var out []*chart
	for _, c := range []struct {
		title             string
		train, validation []float64
	}{{"Loss", h.Loss, h.ValidationLoss}, {"Accuracy", h.Accuracy, h.ValidationAccuracy}} {
		if chart := newChart(c.title, h.Best, c.train, c.validation); chart != nil {
			out = append(out, chart)
		}
	}
	return out
}

func newChart(title string, best int, train, validation []float64) *chart {
	low, high := bounds(train, validation)
	epochs := max(len(train), len(validation))
	if low > high || epochs == 0 {
		return nil
	}
	ys := niceTicks(low, high, 5)
	low, high = min(low, ys[0]), max(high, ys[len(ys)-1])
	y := func(v float64) float64 { return plotBottom - (v-low)/(high-low)*(plotBottom-plotTop) }
	x := func(epoch int) float64 {
		if epochs == 1 {
			return (plotLeft + plotRight) / 2
		}
		return plotLeft + float64(epoch-1)/float64(epochs-1)*(plotRight-plotLeft)
	}
	c := &chart{Title: title}
	for _, v := range ys {
		c.Y = append(c.Y, tick{px(y(v)), tickLabel(v, ys)})
	}
	for _, e := range epochTicks(epochs) {
		c.X = append(c.X, tick{px(x(e)), count(int64(e))})
	}
	if best > 0 && best <= epochs {
		c.Best, c.Epoch = px(x(best)), best
	}
	for _, s := range []struct {
		name, class string
		values      []float64
	}{{"training", "train", train}, {"validation", "val", validation}} {
		if len(s.values) > 0 {
			c.Series = append(c.Series, line(s.name, s.class, s.values, x, y))
		}
	}
	return c
}

// maxDots is up to how many epochs each one gets a dot.
const maxDots = 40

// line draws values; it is interrupted where one is not a number.
func line(name, class string, values []float64, x func(int) float64, y func(float64) float64) series {
	s := series{Name: name, Class: class}
	var path strings.Builder
	pen := "M"
	for i, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			pen = "M"
			continue
		}
		at := dot{px(x(i + 1)), px(y(v))}
		path.WriteString(pen + at.X + " " + at.Y)
		pen = "L"
		if len(values) <= maxDots {
			s.Dots = append(s.Dots, at)
		}
	}
	s.Path = path.String()
	return s
}

// bounds gives the least and the greatest of the finite values; low > high
// where there are none.
func bounds(lists ...[]float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, l := range lists {
		for _, v := range l {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	return low, high
}

func epochTicks(epochs int) []int {
	step := 1
	for _, s := range []int{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000} {
		if step = s; epochs/step <= 8 {
			break
		}
	}
	step = max(step, epochs/8)
	out := []int{1}
	for e := step; e <= epochs; e += step {
		if e > 1 {
			out = append(out, e)
		}
	}
	return out
}
