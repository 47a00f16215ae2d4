package nn

import (
	"math/rand/v2"

	"pipe/stages/nn/kernel"
)

func init() {
	RegisterLayer("gru", func() Layer { return &GRU{Recurrent: recurrentDefaults()} })
}

// GRU is the gated recurrent unit of Cho et al. 2014 in the form that applies
// the reset gate after the recurrent product: PyTorch's nn.GRU, whose gate order
// r, z, n it has, Keras' GRU with reset_after (z, r, h there), ONNX' GRU with
// linear_before_reset. See Recurrent for the shapes.
type GRU struct {
	Recurrent `yaml:",inline"`
}

// Build allocates the weights of one or two directions.
func (l *GRU) Build(in Shape, c Context, rng *rand.Rand) error {
	return l.build(in, c, rng, 3, true)
}

// Forward computes the states.
func (l *GRU) Forward(p *Pass, x *Tensor) *Tensor { return l.forward(p, x, gruCell{}) }

// ForwardStates implements Stateful.
func (l *GRU) ForwardStates(p *Pass, x *Tensor, initial States) (*Tensor, States) {
	return l.forwardStates(p, x, gruCell{}, initial)
}

type gruCell struct{}

func (gruCell) gates() int { return 3 }

func (gruCell) prepare(r *run) { r.recurrent = r.p.floats.take(len(r.gates)) }

func (gruCell) forward(r *run, t, lo, hi int) {
	r.recur(r.recurrent, 0, t, lo, hi)
	recurrent := r.wide(r.recurrent, t, lo, hi)
	if r.d.biasHH != nil {
		kernel.AddBias(recurrent, hi-lo, 3*r.units, r.d.biasHH.Data)
	}
	kernel.GRUCell(r.wide(r.gates, t, lo, hi), recurrent, r.at(r.h, t, lo, hi), r.at(r.h, t+1, lo, hi), hi-lo, r.units)
}

func (gruCell) backward(r *run, t, lo, hi int) {
	gates, recurrent, dh := r.wide(r.gates, t, lo, hi), r.wide(r.recurrent, t, lo, hi), r.row(r.dh, lo, hi)
	kernel.GRUCellGrad(gates, recurrent, dh, gates, recurrent, r.at(r.h, t, lo, hi), dh, hi-lo, r.units)
	r.recurGrad(r.recurrent, 1, t, lo, hi)
}
