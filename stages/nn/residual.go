package nn

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"pipe/stages/nn/kernel"
)

func init() {
	RegisterLayer("residual", func() Layer { return &Residual{Shortcut: Stack{}, Activation: Linear} })
}

// Residual adds its input to what layers make of it (He et al. 2016):
// activation(x + layers(x)). Where the layers change the shape the shortcut, a
// stack of its own, must change it too. The mask is that of the layers' output.
// Parameters are named "layers.0.weight" and "shortcut.0.weight". PyTorch: x + block(x);
// ONNX: Add.
type Residual struct {
	Layers     Stack      `yaml:"layers" doc:"what is added to the input" required:"true" example:"[{dense: {units: 8}}]"`
	Shortcut   Stack      `yaml:"shortcut" doc:"layers on the way around, for inputs of another shape" default:"[]"`
	Activation Activation `yaml:"activation" doc:"what is applied to the sum" default:"linear" enum:"linear,relu,sigmoid,tanh,softmax,gelu,gelu_tanh,silu"`

	skip
}

// OutShape returns the shape that both ways give.
func (l *Residual) OutShape(in Shape, c Context) (Shape, error) {
	if err := l.Activation.check(); err != nil {
		return nil, err
	}
	s, err := l.make()
	if err != nil {
		return nil, err
	}
	return s.OutShape(in, c)
}

func (l *Residual) make() (skip, error) {
	if len(l.Layers) == 0 {
		return skip{}, errors.New("layers must not be empty")
	}
	main, err := l.Layers.sequence("layers.")
	if err != nil {
		return skip{}, err
	}
	around, err := l.Shortcut.sequence("shortcut.")
	if err != nil {
		return skip{}, fmt.Errorf("shortcut: %w", err)
	}
	return skip{main, around, l.Activation}, nil
}

// Build builds the layers and the shortcut.
func (l *Residual) Build(in Shape, c Context, rng *rand.Rand) (err error) {
	if l.skip, err = l.make(); err != nil {
		return err
	}
	return l.skip.Build(in, c, rng)
}

func (l *Residual) endsWith() Activation { return l.Activation }

// skip is two ways from the input to a sum, and what is applied to the sum. A way
// without parts is the input itself.
type skip struct {
	main, around sequence
	activation   Activation
}

// OutShape returns the shape that both ways give.
func (s *skip) OutShape(in Shape, c Context) (Shape, error) {
	out, err := s.main.OutShape(in, c)
	if err != nil {
		return nil, err
	}
	other, err := s.around.OutShape(in, c)
	if err != nil {
		return nil, fmt.Errorf("shortcut: %w", err)
	}
	if !out.Equal(other) {
		return nil, fmt.Errorf("cannot add %v, which the layers give, to %v; a shortcut may change its shape", out, other)
	}
	return out, nil
}

// Build builds both ways.
func (s *skip) Build(in Shape, c Context, rng *rand.Rand) error {
	return errors.Join(s.main.Build(in, c, rng), s.around.Build(in, c, rng))
}

// Params returns those of the layers and of the shortcut.
func (s *skip) Params() []*Param { return append(s.main.Params(), s.around.Params()...) }

// Forward computes both ways and their sum.
func (s *skip) Forward(p *Pass, x *Tensor) *Tensor {
	a, b := s.main.Forward(p, x), s.around.Forward(p, x)
	if s.activation == Relu && !p.still {
		return addRelu(p, a, b)
	}
	return s.activation.apply(p, add(p, a, b))
}

// addRelu returns relu(a + b); both have the same shape, and the mask is a's.
func addRelu(p *Pass, a, b *Tensor) *Tensor {
	y := p.like(a)
	kernel.AddRelu(y.Data, a.Data, b.Data)
	if p.train {
		*record[addReluNode](p, y) = addReluNode{a, b, y}
	}
	return y
}

type addReluNode struct{ a, b, y *Tensor }

// backward masks the gradient of y, which is not needed after this, and makes it that of
// a where there is none yet.
func (n *addReluNode) backward() {
	dy := n.y.grad
	kernel.ReluGrad(dy, n.y.Data, dy)
	if n.a.grad == nil && !n.a.constant && n.a != n.b {
		n.a.grad = dy
	} else if da := n.a.gradient(); da != nil {
		kernel.Add(da, da, dy)
	}
	if db, first := n.b.blankGradient(); first {
		copy(db, dy)
	} else if db != nil {
		kernel.Add(db, db, dy)
	}
}
