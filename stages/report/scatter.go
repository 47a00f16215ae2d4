package report

import "math"

// scatter shows predictions over the truth, with the diagonal on which a
// perfect model lies.
type scatter struct {
	X, Y     []tick
	Diagonal string
	Dots     []dot
}

func newScatter(points []Point) *scatter {
	var all []float64
	for _, p := range points {
		all = append(all, p.Truth, p.Predicted)
	}
	low, high := bounds(all)
	if low > high {
		return nil
	}
	ticks := niceTicks(low, high, 5)
	low, high = ticks[0], ticks[len(ticks)-1]
	x := func(v float64) float64 { return plotLeft + (v-low)/(high-low)*(plotRight-plotLeft) }
	y := func(v float64) float64 { return plotBottom - (v-low)/(high-low)*(plotBottom-plotTop) }
	s := &scatter{Diagonal: "M" + px(x(low)) + " " + px(y(low)) + "L" + px(x(high)) + " " + px(y(high))}
	for _, v := range ticks {
		s.X = append(s.X, tick{px(x(v)), tickLabel(v, ticks)})
		s.Y = append(s.Y, tick{px(y(v)), tickLabel(v, ticks)})
	}
	for _, p := range points {
		if !math.IsNaN(p.Predicted) && !math.IsInf(p.Predicted, 0) {
			s.Dots = append(s.Dots, dot{px(x(p.Truth)), px(y(p.Predicted))})
		}
	}
	return s
}
