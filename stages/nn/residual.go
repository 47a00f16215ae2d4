package nn

import (
	"errors"
	"fmt"
	"math/rand/v2"
)

func init() {
	RegisterLayer("residual", func() Layer { return &Residual{Shortcut: Stack{}, Activation: Linear} })
}

// Residual adds its input to what layers make of it (He et al. 2016):
// activation(x + layers(x)). Where the layers change the shape the shortcut, a
// stack of its own, must change it too. The mask is that of the layers' output.
type Residual struct {
	Layers     Stack      `yaml:"layers" doc:"what is added to the input" required:"true" example:"[{dense: {units: 8}}]"`
	Shortcut   Stack      `yaml:"shortcut" doc:"layers on the way around, for inputs of another shape" default:"[]"`
	Activation Activation `yaml:"activation" doc:"what is applied to the sum" default:"linear" enum:"linear,relu,sigmoid,tanh,softmax,gelu,silu"`

	main, around sequence
}

// OutShape returns the shape that both ways give.
func (l *Residual) OutShape(in Shape, c Context) (Shape, error) {
	if err := l.Activation.check(); err != nil {
		return nil, err
	}
	main, around, err := l.make()
	if err != nil {
		return nil, err
	}
	out, err := main.outShape(in, c)
	if err != nil {
		return nil, err
	}
	other, err := around.outShape(in, c)
	if err != nil {
		return nil, fmt.Errorf("shortcut: %w", err)
	}
	if !out.Equal(other) {
		return nil, fmt.Errorf("cannot add %v, which the layers give, to %v; a shortcut may change its shape", out, other)
	}
	return out, nil
}

func (l *Residual) make() (main, around sequence, err error) {
	if len(l.Layers) == 0 {
		return nil, nil, errors.New("layers must not be empty")
	}
	if main, err = newSequence(l.Layers); err != nil {
		return nil, nil, err
	}
	if around, err = newSequence(l.Shortcut); err != nil {
		return nil, nil, fmt.Errorf("shortcut: %w", err)
	}
	return main, around, nil
}

// Build builds the layers ("layers.0.weight") and the shortcut
// ("shortcut.0.weight").
func (l *Residual) Build(in Shape, c Context, rng *rand.Rand) (err error) {
	if l.main, l.around, err = l.make(); err != nil {
		return err
	}
	if err := errors.Join(l.main.build(in, c, rng), l.around.build(in, c, rng)); err != nil {
		return err
	}
	prefixed("layers", l.main.params())
	prefixed("shortcut", l.around.params())
	return nil
}

// Params returns those of the layers and of the shortcut.
func (l *Residual) Params() []*Param { return append(l.main.params(), l.around.params()...) }

// Forward computes the layer.
func (l *Residual) Forward(p *Pass, x *Tensor) *Tensor {
	return l.Activation.apply(p, add(p, l.main.forward(p, x), l.around.forward(p, x)))
}

func (l *Residual) endsWith() Activation { return l.Activation }
