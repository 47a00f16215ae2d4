package nn

import (
	"math/rand/v2"

	"pipe/stages/nn/kernel"
)

func init() {
	RegisterLayer("simple_rnn", func() Layer { return &SimpleRNN{Recurrent: recurrentDefaults(), Activation: Tanh} })
}

// SimpleRNN is the network of Elman 1990: h' = activation(W·x + U·h + b). See
// Recurrent for the shapes. Keras: SimpleRNN; PyTorch: nn.RNN, whose two biases
// are one here; ONNX: RNN.
type SimpleRNN struct {
	Recurrent  `yaml:",inline"`
	Activation Activation `yaml:"activation" doc:"what is applied to the state" default:"tanh" enum:"tanh,relu,sigmoid,linear"`

	cell simpleCell
}

// Build allocates the weights of one or two directions.
func (l *SimpleRNN) Build(in Shape, c Context, rng *rand.Rand) error {
	l.cell.a = l.Activation
	if err := l.Activation.check(); err != nil {
		return err
	}
	return l.build(in, c, rng, 1, false)
}

// Forward computes the states.
func (l *SimpleRNN) Forward(p *Pass, x *Tensor) *Tensor { return l.forward(p, x, &l.cell) }

// ForwardStates implements Stateful.
func (l *SimpleRNN) ForwardStates(p *Pass, x *Tensor, initial States) (*Tensor, States) {
	return l.forwardStates(p, x, &l.cell, initial)
}

type simpleCell struct{ a Activation }

func (*simpleCell) gates() int { return 1 }

func (s *simpleCell) forward(r *run, t, lo, hi int) {
	r.recur(r.gates, 1, t, lo, hi)
	h, pre := r.at(r.h, t+1, lo, hi), r.wide(r.gates, t, lo, hi)
	if s.a == Linear {
		copy(h, pre)
		return
	}
	s.a.forward(h, pre, r.units)
}

func (s *simpleCell) backward(r *run, t, lo, hi int) {
	h, dh, dpre := r.at(r.h, t+1, lo, hi), r.row(r.dh, lo, hi), r.wide(r.gates, t, lo, hi)
	switch s.a {
	case Tanh:
		for i, d := range dh {
			dpre[i] = d * (1 - h[i]*h[i])
		}
	case Sigmoid:
		for i, d := range dh {
			dpre[i] = d * h[i] * (1 - h[i])
		}
	case Relu:
		kernel.ReluGrad(dpre, h, dh)
	default:
		copy(dpre, dh)
	}
	r.recurGrad(r.gates, 0, t, lo, hi)
}
