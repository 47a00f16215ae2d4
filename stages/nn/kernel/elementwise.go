package kernel

import (
	"fmt"
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

// AddRelu sets dst[i] = max(a[i] + b[i], 0); NaN stays NaN.
func AddRelu(dst, a, b []float32) { elements(addRelu, dst, a, b) }

// addRelu goes over the sum again while it is in the first-level cache.
func addRelu(dst, a, b []float32) {
	const block = 1 << 12
	for lo := 0; lo < len(dst); lo += block {
		hi := min(lo+block, len(dst))
		active.add(dst[lo:hi], a[lo:hi], b[lo:hi])
		active.relu(dst[lo:hi], dst[lo:hi])
	}
}

// Relu sets dst[i] = max(x[i], 0); NaN stays NaN.
func Relu(dst, x []float32) { unary(active.relu, dst, x) }

// ReluGrad sets dx[i] = dy[i] where x[i] > 0 and 0 elsewhere. dx may be x or dy.
func ReluGrad(dx, x, dy []float32) { elements(active.reluGrad, dx, x, dy) }

// checkTaps panics when the channels of a tap do not lie within a slice of length have.
func checkTaps(taps []int32, channels, have int) {
	for _, tap := range taps {
		if tap < 0 || int(tap)+channels > have {
			panic(fmt.Sprintf("kernel: a tap at %d of %d channels does not lie within %d elements", tap, channels, have))
		}
	}
}

// elementGrain is how many elements of cheap arithmetic, which waits for memory, repay the hand-over to another core.
const elementGrain = 1 << 15

var elementTasks freeList[elementTask]

// elementTask is a function of the elements of two slices.
type elementTask struct {
	f         func(dst, a, b []float32)
	dst, a, b []float32
}

func (t *elementTask) Range(lo, hi int) { t.f(t.dst[lo:hi], t.a[lo:hi], t.b[lo:hi]) }

func elements(f func(dst, a, b []float32), dst, a, b []float32) {
	n := len(dst)
	if n < 2*elementGrain {
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
