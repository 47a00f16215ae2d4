package kernel

import "math"

// The errors stated below are against the exact value, in units of the last place of a float32, and are those of the assembly loops; the
// portable ones round a float64 result. Denormal arguments and results are kept.

// Exp sets dst[i] = e^x[i]: +Inf above 88.72, 0 below -103.97, NaN for NaN. The error is below 1 unit.
func Exp(dst, x []float32) { active.exp(dst, x[:len(dst)]) }

// Tanh sets dst[i] to the hyperbolic tangent of x[i]. The error is below 3 units.
func Tanh(dst, x []float32) { active.tanh(dst, x[:len(dst)]) }

// Sigmoid sets dst[i] = 1 / (1 + e^-x[i]). The error is below 3 units, for results near 0 too.
func Sigmoid(dst, x []float32) { active.sigmoid(dst, x[:len(dst)]) }

// Erf sets dst[i] to the error function of x[i]. The error is below 1.5 units.
func Erf(dst, x []float32) { active.erf(dst, x[:len(dst)]) }

// Log sets dst[i] to the natural logarithm of x[i]; it is NaN below 0, -Inf at 0 and +Inf at +Inf. The error is below 1 unit.
func Log(dst, x []float32) { active.log(dst, x[:len(dst)]) }

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
