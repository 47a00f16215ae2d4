package onnx

import (
	"fmt"
	"math"

	"pipe/stages/nn"
)

// activation applies a function: Relu-14, Sigmoid-13, Tanh-13, Softmax-13 over the
// last dimension; both forms of gelu by Erf-13 and by Tanh-13, because Gelu came
// with operator set 20, and silu as x·Sigmoid(x).
func (g *builder) activation(a nn.Activation, x value) (value, error) {
	var f func(string) string
	switch a {
	case nn.Linear:
		return x, nil
	case nn.Softmax:
		return x.with(g.op("Softmax", in(x.name), intAttribute("axis", -1))), nil
	case nn.Relu:
		f = func(x string) string { return g.op("Relu", in(x)) }
	case nn.Sigmoid:
		f = func(x string) string { return g.op("Sigmoid", in(x)) }
	case nn.Tanh:
		f = func(x string) string { return g.op("Tanh", in(x)) }
	case nn.Silu:
		f = func(x string) string { return g.op("Mul", in(x, g.op("Sigmoid", in(x)))) }
	case nn.Gelu:
		f = g.gelu
	case nn.GeluTanh:
		f = g.geluTanh
	default:
		return value{}, fmt.Errorf("activation %q %w", a, errNoForm)
	}
	return g.elementwise(x, f), nil
}

// gelu computes x/2 · (1 + erf(x/√2)) in the order of operations that runtimes
// recognise and compute as one.
func (g *builder) gelu(x string) string {
	erf := g.op("Erf", in(g.op("Div", in(x, g.scalar(math.Sqrt2)))))
	return g.op("Mul", in(g.op("Mul", in(x, g.op("Add", in(erf, g.scalar(1))))), g.scalar(0.5)))
}

// geluTanh computes x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³))).
func (g *builder) geluTanh(x string) string {
	cube := g.op("Mul", in(g.op("Mul", in(g.op("Mul", in(x, x)), x)), g.scalar(0.044715)))
	inner := g.op("Mul", in(g.op("Add", in(x, cube)), g.scalar(float32(math.Sqrt(2/math.Pi)))))
	tanh := g.op("Tanh", in(inner))
	return g.op("Mul", in(g.op("Mul", in(x, g.op("Add", in(tanh, g.scalar(1))))), g.scalar(0.5)))
}
