package nn

import (
	"fmt"

	"pipe/stages/nn/kernel"
)

// Activation names a function that is applied to each element or, softmax, to
// each row of a tensor.
type Activation string

// The activations.
const (
	Linear   Activation = "linear"
	Relu     Activation = "relu"
	Sigmoid  Activation = "sigmoid"
	Tanh     Activation = "tanh"
	Softmax  Activation = "softmax"
	Gelu     Activation = "gelu"      // x·Φ(x), Hendrycks and Gimpel 2016
	GeluTanh Activation = "gelu_tanh" // its approximation by a tanh, which GPT-2 has
	Silu     Activation = "silu"      // x·σ(x), Elfwing et al. 2018
)

func (a Activation) check() error {
	switch a {
	case Linear, Relu, Sigmoid, Tanh, Softmax, Gelu, GeluTanh, Silu:
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
	a.applied(p, x, y)
	return y
}

// applied notes that y is a(x).
func (a Activation) applied(p *Pass, x, y *Tensor) {
	if a == Softmax || a == Sigmoid {
		y.logits, y.activation = x, a
	}
	if p.train {
		*record[activationNode](p, y) = activationNode{a, x, y}
	}
}

func (a Activation) forward(y, x []float32, cols int) {
	if a == Softmax {
		kernel.Softmax(y, x, len(x)/cols, cols)
	} else if f := a.ofElements(); f != nil {
		f(y, x)
	}
}

// ofElements is the function of each element that a is, nil for the linear one and softmax.
func (a Activation) ofElements() func(y, x []float32) {
	switch a {
	case Relu:
		return kernel.Relu
	case Sigmoid:
		return kernel.Sigmoid
	case Tanh:
		return kernel.Tanh
	case Gelu:
		return kernel.Gelu
	case GeluTanh:
		return kernel.GeluTanh
	case Silu:
		return kernel.Silu
	}
	return nil
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
	dx, blank := n.x.blankGradient()
	if dx == nil {
		return
	}
	x, y, dy := n.x.Data, n.y.Data, n.y.grad
	switch n.a {
	case Sigmoid:
		kernel.AddSigmoidGrad(dx, y, dy, blank)
	case Tanh:
		kernel.AddTanhGrad(dx, y, dy, blank)
	case Softmax:
		if blank {
			clear(dx)
		}
		kernel.AddSoftmaxGrad(dx, y, dy, n.y.Rows(), n.y.Shape.Last())
	case Gelu:
		kernel.AddGeluGrad(dx, x, dy, blank)
	case GeluTanh:
		kernel.AddGeluTanhGrad(dx, x, dy, blank)
	case Silu:
		kernel.AddSiluGrad(dx, x, dy, blank)
	}
}

func (n *activationNode) reluBackward() {
	dx, first := n.x.blankGradient()
	switch {
	case dx == nil:
	case first:
		kernel.ReluGrad(dx, n.x.Data, n.y.grad)
	default:
		kernel.AddReluGrad(dx, n.x.Data, n.y.grad)
	}
}
