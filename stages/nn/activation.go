package nn

import (
	"fmt"
	"math"

	"pipe/stages/nn/kernel"
)

// Activation names a function that is applied to each element or, softmax, to
// each row of a tensor.
type Activation string

// The activations.
const (
	Linear  Activation = "linear"
	Relu    Activation = "relu"
	Sigmoid Activation = "sigmoid"
	Tanh    Activation = "tanh"
	Softmax Activation = "softmax"
	Gelu    Activation = "gelu" // x·Φ(x), Hendrycks and Gimpel 2016, not the tanh approximation
	Silu    Activation = "silu" // x·σ(x), Elfwing et al. 2018
)

func (a Activation) check() error {
	switch a {
	case Linear, Relu, Sigmoid, Tanh, Softmax, Gelu, Silu:
		return nil
	}
	return fmt.Errorf("unknown activation %q", string(a))
}

// apply returns a(x); the linear activation returns x itself.
func (a Activation) apply(p *Pass, x *Tensor) *Tensor {
	if a == Linear {
		return x
	}
	y := p.like(x)
	a.forward(y.Data, x.Data, x.Shape.Last())
	if a == Softmax || a == Sigmoid {
		y.logits, y.activation = x, a
	}
	if p.train {
		*record[activationNode](p, y) = activationNode{a, x, y}
	}
	return y
}

func (a Activation) forward(y, x []float32, cols int) {
	switch a {
	case Relu:
		kernel.Relu(y, x)
	case Sigmoid:
		kernel.Sigmoid(y, x)
	case Tanh:
		kernel.Tanh(y, x)
	case Softmax:
		kernel.Softmax(y, x, len(x)/cols, cols)
	case Gelu:
		copy(y, x)
		kernel.Scale(math.Sqrt2/2, y)
		kernel.Erf(y, y)
		for i, v := range x {
			y[i] = 0.5 * v * (1 + y[i])
		}
	case Silu:
		kernel.Sigmoid(y, x)
		kernel.Mul(y, y, x)
	}
}

type activationNode struct {
	a    Activation
	x, y *Tensor
}

func (n *activationNode) backward() {
	if n.a == Relu {
		n.reluBackward()
		return
	}
	dx := n.x.gradient()
	if dx == nil {
		return
	}
	x, y, dy := n.x.Data, n.y.Data, n.y.grad
	switch n.a {
	case Sigmoid:
		for i, g := range dy {
			dx[i] += g * y[i] * (1 - y[i])
		}
	case Tanh:
		for i, g := range dy {
			dx[i] += g * (1 - y[i]*y[i])
		}
	case Softmax:
		softmaxGrad(dx, y, dy, n.y.Shape.Last())
	case Gelu:
		geluGrad(n.x.pass, dx, x, dy)
	case Silu:
		s := n.x.pass.floats.take(len(x))
		kernel.Sigmoid(s, x)
		for i, g := range dy {
			dx[i] += g * (s[i] + y[i]*(1-s[i]))
		}
	}
}

func (n *activationNode) reluBackward() {
	dx, first := n.x.blankGradient()
	switch {
	case dx == nil:
	case first:
		kernel.ReluGrad(dx, n.x.Data, n.y.grad)
	default:
		g := n.x.pass.floats.take(len(dx))
		kernel.ReluGrad(g, n.x.Data, n.y.grad)
		kernel.Add(dx, dx, g)
	}
}

// softmaxGrad adds y·(dy - Σ dy·y) of each row to dx.
func softmaxGrad(dx, y, dy []float32, cols int) {
	for lo := 0; lo < len(y); lo += cols {
		yr, gr, dr := y[lo:lo+cols], dy[lo:lo+cols], dx[lo:lo+cols]
		dot := kernel.Dot(yr, gr)
		for i, v := range yr {
			dr[i] += v * (gr[i] - dot)
		}
	}
}

// geluGrad adds dy·(Φ(x) + x·φ(x)) to dx.
func geluGrad(p *Pass, dx, x, dy []float32) {
	const invSqrt2Pi = 0.3989422804014327
	cdf, pdf := p.floats.take(len(x)), p.floats.take(len(x))
	for i, v := range x {
		cdf[i], pdf[i] = v*(math.Sqrt2/2), -0.5*v*v
	}
	kernel.Erf(cdf, cdf)
	kernel.Exp(pdf, pdf)
	for i, g := range dy {
		dx[i] += g * (0.5*(1+cdf[i]) + x[i]*invSqrt2Pi*pdf[i])
	}
}
