package kernel

import "math"

// Exp sets dst[i] = e^x[i].
func Exp(dst, x []float32) { apply(dst, x, math.Exp) }

// Tanh sets dst[i] to the hyperbolic tangent of x[i].
func Tanh(dst, x []float32) { apply(dst, x, math.Tanh) }

// Sigmoid sets dst[i] = 1 / (1 + e^-x[i]).
func Sigmoid(dst, x []float32) { apply(dst, x, sigmoid64) }

// Erf sets dst[i] to the error function of x[i].
func Erf(dst, x []float32) { apply(dst, x, math.Erf) }

// Log sets dst[i] to the natural logarithm of x[i]; it is NaN below 0 and -Inf at 0.
func Log(dst, x []float32) { apply(dst, x, math.Log) }

// apply evaluates f in float64, so that the result is within half a unit of the last place and a little.
func apply(dst, x []float32, f func(float64) float64) {
	x = x[:len(dst)]
	for i, v := range x {
		dst[i] = float32(f(float64(v)))
	}
}

func sigmoid64(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
