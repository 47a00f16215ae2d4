package nn

import (
	"math/rand/v2"

	"pipe/stages/nn/kernel"
)

func init() {
	RegisterLayer("lstm", func() Layer { return &LSTM{Recurrent: recurrentDefaults(), UnitForgetBias: true} })
}

// LSTM is the long short-term memory of Hochreiter and Schmidhuber 1997 with the
// forget gate of Gers et al. 2000. See Recurrent for the shapes. The gates lie in
// the order i, f, g, o: PyTorch's nn.LSTM, whose two biases are one here, and
// Keras' LSTM; ONNX' LSTM has i, o, f, c.
type LSTM struct {
	Recurrent      `yaml:",inline"`
	UnitForgetBias bool `yaml:"unit_forget_bias" doc:"whether the bias of the forget gate begins at one (Jozefowicz et al. 2015)" default:"true"`
}

// Build allocates the weights of one or two directions.
func (l *LSTM) Build(in Shape, c Context, rng *rand.Rand) error {
	if err := l.build(in, c, rng, lstmGates, false); err != nil {
		return err
	}
	for _, d := range l.directions {
		if d.bias != nil && l.UnitForgetBias && rng != nil {
			for i := l.units; i < 2*l.units; i++ {
				d.bias.Data[i] = 1
			}
		}
	}
	return nil
}

// Forward computes the states.
func (l *LSTM) Forward(p *Pass, x *Tensor) *Tensor { return l.forward(p, x, lstmCell{}) }

// ForwardStates implements Stateful.
func (l *LSTM) ForwardStates(p *Pass, x *Tensor, initial States) (*Tensor, States) {
	return l.forwardStates(p, x, lstmCell{}, initial)
}

type lstmCell struct{}

// lstmGates tells an LSTM, which alone has a second state, from the others.
const lstmGates = 4

func (lstmCell) gates() int { return lstmGates }

func (lstmCell) prepare(r *run) {
	r.c0 = r.states()
	r.tanhC = r.p.floats.take(max(r.time*r.stride, r.batch) * r.units)
}

func (lstmCell) forward(r *run, t, lo, hi int) {
	r.recur(r.gates, 1, t, lo, hi)
	kernel.LSTMCell(r.wide(r.gates, t, lo, hi), r.at(r.c0, t, lo, hi), r.at(r.c0, t+1, lo, hi), r.at(r.h, t+1, lo, hi),
		r.at(r.tanhC, t, lo, hi), hi-lo, r.units)
}

func (lstmCell) backward(r *run, t, lo, hi int) {
	gates, dc := r.wide(r.gates, t, lo, hi), r.row(r.dc, lo, hi)
	kernel.LSTMCellGrad(gates, dc, gates, r.at(r.c0, t, lo, hi), r.at(r.tanhC, t, lo, hi), r.row(r.dh, lo, hi), dc, hi-lo, r.units)
	r.recurGrad(r.gates, 0, t, lo, hi)
}
