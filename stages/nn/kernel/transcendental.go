package kernel

import "math"

// The errors stated below are against the exact value, in units of the last place of a float32, and are those of the assembly loops; the
// portable ones round a float64 result. Denormal arguments and results are kept.

// Exp sets dst[i] = e^x[i]: +Inf above 88.72, 0 below -103.97, NaN for NaN. The error is below 1 unit.
func Exp(dst, x []float32) { unary(active.exp, dst, x) }

// Tanh sets dst[i] to the hyperbolic tangent of x[i]. The error is below 3 units.
func Tanh(dst, x []float32) { unary(active.tanh, dst, x) }

// Sigmoid sets dst[i] = 1 / (1 + e^-x[i]). The error is below 3 units, for results near 0 too.
func Sigmoid(dst, x []float32) { unary(active.sigmoid, dst, x) }

// Erf sets dst[i] to the error function of x[i]. The error is below 1.5 units.
func Erf(dst, x []float32) { unary(active.erf, dst, x) }

// Log sets dst[i] to the natural logarithm of x[i]; it is NaN below 0, -Inf at 0 and +Inf at +Inf. The error is below 1 unit.
func Log(dst, x []float32) { unary(active.log, dst, x) }

// unaryGrain is how many elements repay the hand-over to another core.
const unaryGrain = 1 << 14

var unaryTasks freeList[unaryTask]

// unaryTask is a function of every element of a slice.
type unaryTask struct {
	f      func(dst, x []float32)
	dst, x []float32
}

func (t *unaryTask) Range(lo, hi int) { t.f(t.dst[lo:hi], t.x[lo:hi]) }

func unary(f func(dst, x []float32), dst, x []float32) {
	if len(dst) < 2*unaryGrain {
		f(dst, x[:len(dst)])
		return
	}
	parallel(&unaryTasks, len(dst), unaryGrain, unaryTask{f: f, dst: dst, x: x[:len(dst)]})
}

func expPortable(dst, x []float32)     { apply(dst, x, math.Exp) }
func tanhPortable(dst, x []float32)    { apply(dst, x, math.Tanh) }
func sigmoidPortable(dst, x []float32) { apply(dst, x, sigmoid64) }
func erfPortable(dst, x []float32)     { apply(dst, x, math.Erf) }
func logPortable(dst, x []float32)     { apply(dst, x, math.Log) }

func expShiftedPortable(dst, x []float32, shift float32) {
	for i, v := range x[:len(dst)] {
		dst[i] = float32(math.Exp(float64(v - shift)))
	}
}

// apply evaluates f in float64, so that the result is within half a unit of the last place and a little.
func apply(dst, x []float32, f func(float64) float64) {
	for i, v := range x[:len(dst)] {
		dst[i] = float32(f(float64(v)))
	}
}

func sigmoid64(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
