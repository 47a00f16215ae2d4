package kernel

import (
	"math"
	"testing"
)

// differences checks the gradient of Σ out·weight with respect to every element of x by central differences. forward computes out from
// the current x; the step is a power of two, so that x ± step is exact for numbers of order 1.
func differences(t *testing.T, what string, x, got []float32, weight []float32, forward func() []float32) {
	t.Helper()
	const step = 0x1p-7
	loss := func() float64 {
		sum := 0.0
		for i, v := range forward() {
			sum += float64(v) * float64(weight[i])
		}
		return sum
	}
	for i := range x {
		was := x[i]
		x[i] = was + step
		above := loss()
		x[i] = was - step
		below := loss()
		x[i] = was
		want := (above - below) / (2 * step)
		if d := math.Abs(float64(got[i]) - want); d > 2e-3*(1+math.Abs(want)) {
			t.Fatalf("%s: gradient of element %d is %v, differences give %v", what, i, got[i], want)
		}
	}
}

func TestActivationGradients(t *testing.T) {
	for _, f := range []struct {
		name     string
		forward  func(dst, x []float32)
		gradient func(dx, from, dy []float32, blank bool)
		ofResult bool
	}{
		{"Sigmoid", Sigmoid, AddSigmoidGrad, true}, {"Tanh", Tanh, AddTanhGrad, true},
		{"Relu", Relu, func(dx, from, dy []float32, _ bool) { AddReluGrad(dx, from, dy) }, false},
		{"Gelu", Gelu, AddGeluGrad, false}, {"GeluTanh", GeluTanh, AddGeluTanhGrad, false}, {"Silu", Silu, AddSiluGrad, false},
	} {
		r := seeded(30)
		x, dy, y, dx := normal(r, 50), normal(r, 50), make([]float32, 50), make([]float32, 50)
		for i, v := range x {
			x[i] += float32(math.Copysign(0.1, float64(v))) // away from the corner of Relu
		}
		f.forward(y, x)
		from := x
		if f.ofResult {
			from = y
		}
		f.gradient(dx, from, dy, false)
		differences(t, f.name, x, dx, dy, func() []float32 {
			f.forward(y, x)
			return y
		})
	}
}

func TestNormAndSoftmaxGradients(t *testing.T) {
	const rows, cols, n = 3, 19, 57
	r := seeded(31)
	x, dy, y := normal(r, n), normal(r, n), make([]float32, n)
	weight, bias := normal(r, cols), normal(r, cols)
	h, inverse := make([]float32, n), make([]float32, rows)
	for _, centre := range []bool{true, false} {
		forward := func() []float32 {
			NormRows(y, h, inverse, x, weight, bias, rows, cols, 1e-5, centre)
			return y
		}
		forward()
		dx, dweight, dbias := make([]float32, n), make([]float32, cols), make([]float32, cols)
		NormRowsGrad(dx, dweight, dbias, dy, h, inverse, weight, rows, cols, centre, false)
		differences(t, "NormRows", x, dx, dy, forward)
		differences(t, "NormRows weight", weight, dweight, dy, forward)
		differences(t, "NormRows bias", bias, dbias, dy, forward)
	}
	forward := func() []float32 {
		Softmax(y, x, rows, cols)
		return y
	}
	forward()
	dx := make([]float32, n)
	AddSoftmaxGrad(dx, y, dy, rows, cols)
	differences(t, "Softmax", x, dx, dy, forward)
}

func TestLSTMGradients(t *testing.T) {
	const rows, hidden, n = 2, 9, 18
	r := seeded(32)
	pre, cPrev, weight := normal(r, 4*n), normal(r, n), normal(r, 2*n)
	gates, c, h, tanhC := make([]float32, 4*n), make([]float32, n), make([]float32, n), make([]float32, n)
	forward := func() []float32 {
		copy(gates, pre)
		LSTMCell(gates, cPrev, c, h, tanhC, rows, hidden)
		return concat(h, c)
	}
	forward()
	dgates, dcPrev := make([]float32, 4*n), make([]float32, n)
	LSTMCellGrad(dgates, dcPrev, gates, cPrev, tanhC, weight[:n], weight[n:], rows, hidden)
	differences(t, "LSTM gates", pre, dgates, weight, forward)
	differences(t, "LSTM cPrev", cPrev, dcPrev, weight, forward)
}

func TestGRUGradients(t *testing.T) {
	const rows, hidden, n = 2, 9, 18
	r := seeded(33)
	pre, recurrent, hPrev, weight := normal(r, 3*n), normal(r, 3*n), normal(r, n), normal(r, n)
	gates, h := make([]float32, 3*n), make([]float32, n)
	forward := func() []float32 {
		copy(gates, pre)
		GRUCell(gates, recurrent, hPrev, h, rows, hidden)
		return h
	}
	forward()
	dgates, drecurrent, dhPrev := make([]float32, 3*n), make([]float32, 3*n), make([]float32, n)
	GRUCellGrad(dgates, drecurrent, dhPrev, gates, recurrent, hPrev, weight, rows, hidden)
	differences(t, "GRU gates", pre, dgates, weight, forward)
	differences(t, "GRU recurrent", recurrent, drecurrent, weight, forward)
	differences(t, "GRU hPrev", hPrev, dhPrev, weight, forward)
}

// The optimisers are followed for three steps by PyTorch's formulas as its documentation writes them, in float64.
func TestOptimisersFollowTheirFormulas(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		const n = 37
		for _, decoupled := range []bool{false, true} {
			r := seeded(34)
			p, m, v := normal(r, n), make([]float32, n), make([]float32, n)
			want := widen(p)
			m64, v64 := make([]float64, n), make([]float64, n)
			for step := 1; step <= 3; step++ {
				g := normal(r, n)
				Adam(p, g, m, v, 0.02, 0.9, 0.99, 1e-6, 0.1, decoupled, step)
				for i := range want {
					grad := float64(g[i])
					if decoupled {
						want[i] -= 0.02 * 0.1 * want[i]
					} else {
						grad += 0.1 * want[i]
					}
					m64[i] = 0.9*m64[i] + 0.1*grad
					v64[i] = 0.99*v64[i] + 0.01*grad*grad
					mHat := m64[i] / (1 - math.Pow(0.9, float64(step)))
					vHat := v64[i] / (1 - math.Pow(0.99, float64(step)))
					want[i] -= 0.02 * mHat / (math.Sqrt(vHat) + 1e-6)
				}
			}
			near(t, "Adam", p, want, 1e-5)
		}
		for _, nesterov := range []bool{false, true} {
			r := seeded(35)
			p, buf := normal(r, n), make([]float32, n)
			want, b64 := widen(p), make([]float64, n)
			for range 3 {
				g := normal(r, n)
				SGD(p, g, buf, 0.1, 0.9, 0.01, nesterov)
				for i := range want {
					grad := float64(g[i]) + 0.01*want[i]
					b64[i] = 0.9*b64[i] + grad
					if nesterov {
						want[i] -= 0.1 * (grad + 0.9*b64[i])
					} else {
						want[i] -= 0.1 * b64[i]
					}
				}
			}
			near(t, "SGD", p, want, 1e-5)
		}
	})
}

func widen(x []float32) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}

func near(t *testing.T, what string, got []float32, want []float64, bound float64) {
	t.Helper()
	for i := range want {
		if d := math.Abs(float64(got[i]) - want[i]); !(d <= bound*(1+math.Abs(want[i]))) {
			t.Fatalf("%s: element %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}
