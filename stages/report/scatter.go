package report

import (
	"math"
	"strings"

	"pipe/stages/score"
)

// plane is a chart with numbers on both axes: dots, a line through points, and
// for comparison the diagonal.
type plane struct {
	Title, Note    string
	XLabel, YLabel string
	X, Y           []tick
	Diagonal, Path string
	Dots           []spot
}

// spot is a dot with a size.
type spot struct{ X, Y, R string }

// axes scales a plane whose axes both go over ticks.
func axes(ticks []float64) (p plane, x, y func(float64) float64) {
	low, high := ticks[0], ticks[len(ticks)-1]
	x = func(v float64) float64 { return plotLeft + (v-low)/(high-low)*(plotRight-plotLeft) }
	y = func(v float64) float64 { return plotBottom - (v-low)/(high-low)*(plotBottom-plotTop) }
	for _, v := range ticks {
		p.X = append(p.X, tick{px(x(v)), tickLabel(v, ticks)})
		p.Y = append(p.Y, tick{px(y(v)), tickLabel(v, ticks)})
	}
	return p, x, y
}

func diagonal(x, y func(float64) float64, low, high float64) string {
	return "M" + px(x(low)) + " " + px(y(low)) + "L" + px(x(high)) + " " + px(y(high))
}

// newScatter shows predictions over the truth, with the line on which a perfect
// model lies.
func newScatter(points []Point) *plane {
	var all []float64
	for _, p := range points {
		all = append(all, p.Truth, p.Predicted)
	}
	low, high := bounds(all)
	if low > high {
		return nil
	}
	ticks := niceTicks(low, high, 5)
	s, x, y := axes(ticks)
	s.Title, s.Note, s.XLabel, s.YLabel = "Predicted over true", "A sample of the rows", "true", "predicted"
	s.Diagonal = diagonal(x, y, ticks[0], ticks[len(ticks)-1])
	for _, p := range points {
		if !math.IsNaN(p.Predicted) && !math.IsInf(p.Predicted, 0) {
			s.Dots = append(s.Dots, spot{px(x(p.Truth)), px(y(p.Predicted)), "2.4"})
		}
	}
	return &s
}

var unit = []float64{0, 0.2, 0.4, 0.6, 0.8, 1}

// qualityPlanes shows how far probabilities can be trusted, and for two classes
// what other thresholds would give.
func qualityPlanes(r *score.Result) []*plane {
	var out []*plane
	if len(r.Calibration) > 0 {
		out = append(out, calibrationPlane(r))
	}
	if len(r.ROC) > 0 {
		p, x, y := axes(unit)
		p.Title, p.Note, p.XLabel, p.YLabel = "ROC", "Area "+short(float64(r.Metrics["roc_auc"])), "false alarms", "recall"
		p.Path, p.Diagonal = path(append([]score.Point{{0, 0}}, r.ROC...), x, y), diagonal(x, y, 0, 1)
		out = append(out, &p)
	}
	if len(r.PrecisionRecall) > 0 {
		p, x, y := axes(unit)
		p.Title, p.Note, p.XLabel, p.YLabel = "Precision over recall", "Average precision "+short(float64(r.Metrics["average_precision"])), "recall", "precision"
		p.Path = path(r.PrecisionRecall, x, y)
		out = append(out, &p)
	}
	return out
}

func calibrationPlane(r *score.Result) *plane {
	p, x, y := axes(unit)
	p.Title, p.XLabel, p.YLabel = "Calibration", "probability", "share that is right"
	p.Note = "Error " + percent(float64(r.Metrics["calibration_error"])) + "; on the line they are honest"
	p.Diagonal = diagonal(x, y, 0, 1)
	var line []score.Point
	for _, b := range r.Calibration {
		line = append(line, score.Point{float64(b.Confidence), float64(b.Accuracy)})
		size := 2.2 + 7*math.Sqrt(float64(b.Rows)/float64(max(r.Rows, 1)))
		p.Dots = append(p.Dots, spot{px(x(float64(b.Confidence))), px(y(float64(b.Accuracy))), px(size)})
	}
	p.Path = path(line, x, y)
	return &p
}

func path(points []score.Point, x, y func(float64) float64) string {
	var b strings.Builder
	pen := "M"
	for _, p := range points {
		b.WriteString(pen + px(x(p[0])) + " " + px(y(p[1])))
		pen = "L"
	}
	return b.String()
}
