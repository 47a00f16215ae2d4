package kernel

import "math"

// Gelu sets dst[i] = x[i]·Φ(x[i]) with the normal distribution's Φ by way of erf (Hendrycks and Gimpel 2016; PyTorch's GELU).
func Gelu(dst, x []float32) { unary(active.gelu, dst, x) }

// GeluTanh sets dst[i] to the tanh form of GELU, x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))), which GPT-2 uses (PyTorch's
// GELU(approximate="tanh"), Hugging Face's gelu_new).
func GeluTanh(dst, x []float32) { unary(active.geluTanh, dst, x) }

// Silu sets dst[i] = x[i]·σ(x[i]) (Elfwing et al. 2018; PyTorch's SiLU, also called swish).
func Silu(dst, x []float32) { unary(active.silu, dst, x) }

// AddProduct adds a[i]·b[i] to dst[i], rounding once.
func AddProduct(dst, a, b []float32) { elements(active.addProduct, dst, a, b) }

// AddReluGrad adds to dx the gradient of Relu at x: dy[i] where x[i] > 0.
func AddReluGrad(dx, x, dy []float32) { elements(active.addReluGrad, dx, x, dy) }

// The gradients below are added to dx or, where dx is blank, take the place of whatever it holds.

// AddSigmoidGrad adds to dx the gradient of Sigmoid, whose result was y: dy·y·(1-y).
func AddSigmoidGrad(dx, y, dy []float32, blank bool) {
	gradient(active.addSigmoidGrad, dx, y, dy, blank)
}

// AddTanhGrad adds to dx the gradient of Tanh, whose result was y: dy·(1-y²).
func AddTanhGrad(dx, y, dy []float32, blank bool) { gradient(active.addTanhGrad, dx, y, dy, blank) }

// AddGeluGrad adds to dx the gradient of Gelu at x.
func AddGeluGrad(dx, x, dy []float32, blank bool) { gradient(active.addGeluGrad, dx, x, dy, blank) }

// AddGeluTanhGrad adds to dx the gradient of GeluTanh at x.
func AddGeluTanhGrad(dx, x, dy []float32, blank bool) {
	gradient(active.addGeluTanhGrad, dx, x, dy, blank)
}

// AddSiluGrad adds to dx the gradient of Silu at x.
func AddSiluGrad(dx, x, dy []float32, blank bool) { gradient(active.addSiluGrad, dx, x, dy, blank) }

// gradient is elements for functions that cost more than the memory they touch.
func gradient(f func(dx, x, dy []float32), dx, x, dy []float32, blank bool) {
	n := len(dx)
	parallel(&gradientTasks, n, unaryGrain, gradientTask{f: f, dx: dx, x: x[:n], dy: dy[:n], blank: blank})
}

var gradientTasks freeList[gradientTask]

// gradientTask adds the gradient of a function of each element.
type gradientTask struct {
	f         func(dx, x, dy []float32)
	dx, x, dy []float32
	blank     bool
}

// Range clears a blank gradient bit by bit, just before it is added to in the first-level cache.
func (t *gradientTask) Range(lo, hi int) {
	const bit = 1 << 11
	for ; t.blank && lo+bit < hi; lo += bit {
		t.add(lo, lo+bit)
	}
	t.add(lo, hi)
}

func (t *gradientTask) add(lo, hi int) {
	if t.blank {
		clear(t.dx[lo:hi])
	}
	t.f(t.dx[lo:hi], t.x[lo:hi], t.dy[lo:hi])
}

func geluPortable(dst, x []float32) {
	apply(dst, x, func(v float64) float64 { return v * phi(v) })
}

// phi is the normal distribution function.
func phi(v float64) float64 { return (1 + math.Erf(v/math.Sqrt2)) / 2 }

// tanhForm returns the tanh in GeluTanh and the derivative of its argument.
func tanhForm(v float64) (t, slope float64) {
	root := math.Sqrt(2 / math.Pi)
	return math.Tanh(root * (v + 0.044715*v*v*v)), root * (1 + 3*0.044715*v*v)
}

func geluTanhPortable(dst, x []float32) {
	apply(dst, x, func(v float64) float64 {
		t, _ := tanhForm(v)
		return v / 2 * (1 + t)
	})
}

func siluPortable(dst, x []float32) {
	apply(dst, x, func(v float64) float64 { return v * sigmoid64(v) })
}

func addProductPortable(dst, a, b []float32) {
	for i := range dst {
		dst[i] += a[i] * b[i]
	}
}

func addReluGradPortable(dx, x, dy []float32) {
	for i := range dx {
		if x[i] > 0 {
			dx[i] += dy[i]
		}
	}
}

func addSigmoidGradPortable(dx, y, dy []float32) {
	for i := range dx {
		dx[i] += dy[i] * y[i] * (1 - y[i])
	}
}

func addTanhGradPortable(dx, y, dy []float32) {
	for i := range dx {
		dx[i] += dy[i] * (1 - y[i]*y[i])
	}
}

// addSlopes adds dy times the derivative of a function, evaluated in float64.
func addSlopes(dx, x, dy []float32, slope func(float64) float64) {
	for i := range dx {
		dx[i] += dy[i] * float32(slope(float64(x[i])))
	}
}

func addGeluGradPortable(dx, x, dy []float32) {
	addSlopes(dx, x, dy, func(v float64) float64 { return phi(v) + v*math.Exp(-v*v/2)/math.Sqrt(2*math.Pi) })
}

func addGeluTanhGradPortable(dx, x, dy []float32) {
	addSlopes(dx, x, dy, func(v float64) float64 {
		t, slope := tanhForm(v)
		return (1 + t + v*(1-t*t)*slope) / 2
	})
}

func addSiluGradPortable(dx, x, dy []float32) {
	addSlopes(dx, x, dy, func(v float64) float64 {
		y := sigmoid64(v)
		return y * (1 + v*(1-y))
	})
}
