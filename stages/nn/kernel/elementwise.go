package kernel

import (
	"fmt"
	"math"
)

// Add sets dst[i] = a[i] + b[i] for every i of dst.
func Add(dst, a, b []float32) { elements(active.add, dst, a, b) }

// Sub sets dst[i] = a[i] - b[i] for every i of dst.
func Sub(dst, a, b []float32) { elements(active.sub, dst, a, b) }

// Mul sets dst[i] = a[i] · b[i] for every i of dst.
func Mul(dst, a, b []float32) { elements(active.mul, dst, a, b) }

// Axpy adds alpha·x[i] to y[i] for every i of y, rounding once.
func Axpy(alpha float32, x, y []float32) { active.axpy(alpha, x[:len(y)], y) }

// Scale multiplies every element of x by alpha.
func Scale(alpha float32, x []float32) { active.scale(alpha, x) }

// AddBias adds bias[c] to dst[r, c] for every row of the rows×cols matrix dst.
func AddBias(dst []float32, rows, cols int, bias []float32) {
	parallel(&biasTasks, rows, rowGrain(cols, elementGrain), biasTask{dst: dst[:rows*cols], bias: bias[:cols]})
}

// Relu sets dst[i] = max(x[i], 0); NaN stays NaN.
func Relu(dst, x []float32) { unary(active.relu, dst, x) }

// ReluGrad sets dx[i] = dy[i] where x[i] > 0 and 0 elsewhere. dx may be x or dy.
func ReluGrad(dx, x, dy []float32) { elements(active.reluGrad, dx, x, dy) }

// MaxTaps takes the maximum over the taps of a window for each channel c of best: best[c] is the greatest x[tap+c], and place[c] is
// first+tap+c for the first tap that has it, -1 where all are -Inf. Once a maximum is NaN it stays NaN.
func MaxTaps(best []float32, place []int32, x []float32, taps []int32, first int) {
	checkTaps(taps, len(best), len(x))
	if len(taps) == 0 {
		maxTapsPortable(best, place[:len(best)], x, nil, 0)
		return
	}
	active.maxTaps(best, place[:len(best)], x, taps, int32(first))
}

// AddTaps is the reverse of MaxTaps: it adds dy[c] to dx[tap+c] where place[c] is first+tap+c. The channels of two taps
// do not overlap.
func AddTaps(dx []float32, taps []int32, first int, place []int32, dy []float32) {
	checkTaps(taps, len(dy), len(dx))
	if len(taps) == 0 {
		return
	}
	active.addTaps(dx, taps, int32(first), place[:len(dy)], dy)
}

// checkTaps panics when the channels of a tap do not lie within a slice of length have.
func checkTaps(taps []int32, channels, have int) {
	for _, tap := range taps {
		if tap < 0 || int(tap)+channels > have {
			panic(fmt.Sprintf("kernel: a tap at %d of %d channels does not lie within %d elements", tap, channels, have))
		}
	}
}

// elementGrain is how many elements of cheap arithmetic, which waits for memory, repay the hand-over to another core.
const elementGrain = 1 << 16

var elementTasks freeList[elementTask]

// elementTask is a function of the elements of two slices.
type elementTask struct {
	f         func(dst, a, b []float32)
	dst, a, b []float32
}

func (t *elementTask) Range(lo, hi int) { t.f(t.dst[lo:hi], t.a[lo:hi], t.b[lo:hi]) }

func elements(f func(dst, a, b []float32), dst, a, b []float32) {
	n := len(dst)
	if n <= elementGrain {
		f(dst, a[:n], b[:n])
		return
	}
	parallel(&elementTasks, n, elementGrain, elementTask{f: f, dst: dst, a: a[:n], b: b[:n]})
}

var biasTasks freeList[biasTask]

// biasTask adds a bias to rows.
type biasTask struct{ dst, bias []float32 }

func (t *biasTask) Range(lo, hi int) {
	cols := len(t.bias)
	for r := lo; r < hi; r++ {
		row := t.dst[r*cols : (r+1)*cols]
		active.add(row, row, t.bias)
	}
}

func addPortable(dst, a, b []float32) {
	for i := range dst {
		dst[i] = a[i] + b[i]
	}
}

func subPortable(dst, a, b []float32) {
	for i := range dst {
		dst[i] = a[i] - b[i]
	}
}

func mulPortable(dst, a, b []float32) {
	for i := range dst {
		dst[i] = a[i] * b[i]
	}
}

func axpyPortable(alpha float32, x, y []float32) {
	for i := range y {
		y[i] += alpha * x[i]
	}
}

func scalePortable(alpha float32, x []float32) {
	for i := range x {
		x[i] *= alpha
	}
}

func reluPortable(dst, x []float32) {
	for i, v := range x {
		if v <= 0 {
			v = 0
		}
		dst[i] = v
	}
}

func reluGradPortable(dx, x, dy []float32) {
	for i := range dx {
		if x[i] > 0 {
			dx[i] = dy[i]
		} else {
			dx[i] = 0
		}
	}
}

func maxTapsPortable(best []float32, place []int32, x []float32, taps []int32, first int32) {
	for c := range best {
		best[c], place[c] = float32(math.Inf(-1)), -1
		for _, tap := range taps {
			switch v := x[int(tap)+c]; {
			case v > best[c]:
				best[c], place[c] = v, first+tap+int32(c)
			case v != v:
				best[c] = v
			}
		}
	}
}

func addTapsPortable(dx []float32, taps []int32, first int32, place []int32, dy []float32) {
	for _, tap := range taps {
		for c, p := range place {
			if p == first+tap+int32(c) {
				dx[int(tap)+c] += dy[c]
			}
		}
	}
}
