package score

import (
	"math"

	"pipe/dag"
)

// calibration sorts rows into bins of equal width by the probability of their
// prediction (Guo et al. 2017, "On calibration of modern neural networks").
type calibration [10]struct {
	rows, right int64
	confidence  float64
}

func (c *calibration) add(confidence float32, right bool) {
	b := &c[min(int(confidence*float32(len(c))), len(c)-1)]
	b.rows++
	b.confidence += float64(confidence)
	if right {
		b.right++
	}
}

// bins lists the bins that have rows, from the least sure.
func (c *calibration) bins() []Bin {
	var out []Bin
	for _, b := range c {
		if b.rows > 0 {
			n := float64(b.rows)
			out = append(out, Bin{b.rows, dag.Float(b.confidence / n), dag.Float(float64(b.right) / n)})
		}
	}
	return out
}

// err is the expected calibration error: how far confidence and accuracy are
// apart in the mean over all rows.
func (c *calibration) err() float64 {
	rows, sum := int64(0), 0.0
	for _, b := range c {
		rows += b.rows
		sum += math.Abs(b.confidence - float64(b.right))
	}
	return sum / float64(rows)
}
