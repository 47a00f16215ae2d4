package kernel

import "math"

// Sum returns the sum of x in a fixed order: 64 lanes, folded in halves.
func Sum(x []float32) float32 { return active.sum(x) }

// Dot returns the sum of x[i]·y[i] over every i of x, in the order of Sum with fused multiply-adds.
func Dot(x, y []float32) float32 { return active.dot(x, y[:len(x)]) }

// SumRows sets dst[c] to the sum over r of x[r, c], added in the order of r; x is rows×cols.
func SumRows(dst []float32, x []float32, rows, cols int) {
	grain := max(columnGrain, rowGrain(rows, elementGrain))
	parallel(&sumTasks, cols, grain, sumTask{dst: dst[:cols], x: x[:rows*cols], rows: rows})
}

// columnGrain keeps columns that lie in one cache line with one core.
const columnGrain = 16

var sumTasks freeList[sumTask]

// sumTask is a sum over rows whose columns can be split.
type sumTask struct {
	dst, x []float32
	rows   int
}

func (t *sumTask) Range(lo, hi int) { sumRows(t.dst[lo:hi], t.x[lo:], t.rows, len(t.dst)) }

// sumRows sums the columns of dst in rows that are step apart.
func sumRows(dst, x []float32, rows, step int) {
	clear(dst)
	addRows(dst, x, rows, step)
}

// addRows adds to dst rows that are step apart.
func addRows(dst, x []float32, rows, step int) {
	if len(dst) == step && rows > 0 {
		active.columnSums(dst, x, rows)
		return
	}
	for r := range rows {
		active.add(dst, dst, x[r*step:][:len(dst)])
	}
}

// lanes is the width of every sum: element i is added to lane i mod lanes, then the lanes are folded in halves.
const lanes = 64

// fold adds the upper half of the lanes to the lower half until one is left.
func fold(acc *[lanes]float32) float32 {
	for h := lanes / 2; h > 0; h /= 2 {
		for i := range h {
			acc[i] += acc[i+h]
		}
	}
	return acc[0]
}

func sumPortable(x []float32) float32 {
	var acc [lanes]float32
	for i, v := range x {
		acc[i%lanes] += v
	}
	return fold(&acc)
}

func dotPortable(x, y []float32) float32 {
	var acc [lanes]float32
	for i, v := range x {
		acc[i%lanes] += v * y[i]
	}
	return fold(&acc)
}

// peakPortable returns the largest element, -Inf for none; with NaN among them, any.
func peakPortable(x []float32) float32 {
	peak := float32(math.Inf(-1))
	for _, v := range x {
		if v > peak {
			peak = v
		}
	}
	return peak
}
