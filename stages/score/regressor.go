package score

import (
	"math"

	"pipe/dag"
)

// Regressor accumulates the predictions of a regression in constant memory.
type Regressor struct {
	rows              int64
	squares, absolute float64
	mean, spread      float64 // of the truth, by Welford's recurrence (1962)
}

// Add counts a row.
func (g *Regressor) Add(truth, predicted float64) {
	g.rows++
	d := truth - predicted
	g.squares += d * d
	g.absolute += math.Abs(d)
	off := truth - g.mean
	g.mean += off / float64(g.rows)
	g.spread += off * (truth - g.mean)
}

// Result computes mean squared error, its root, mean absolute error and the
// coefficient of determination R². Where the truth is constant, R² is 1 for
// perfect predictions and else 0; it is not defined for fewer than two rows.
func (g *Regressor) Result() *Result {
	n := float64(g.rows)
	r := &Result{Version: Version, Task: Regression, Rows: g.rows, Metrics: map[string]dag.Float{"rows": dag.Float(g.rows)}}
	if g.rows == 0 {
		return r
	}
	r.Metrics["mse"] = dag.Float(g.squares / n)
	r.Metrics["rmse"] = dag.Float(math.Sqrt(g.squares / n))
	r.Metrics["mae"] = dag.Float(g.absolute / n)
	if g.rows > 1 {
		r.Metrics["r2"] = dag.Float(g.determination())
	}
	return r
}

func (g *Regressor) determination() float64 {
	switch {
	case g.spread > 0:
		return 1 - g.squares/g.spread
	case g.squares == 0:
		return 1
	}
	return 0
}
