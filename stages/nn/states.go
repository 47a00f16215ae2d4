package nn

import "fmt"

// States are the states of a recurrent layer, one for each sequence of a batch: H
// and, of an LSTM, C, each (batch, units) or, of a bidirectional layer, (batch,
// 2·units), those of the reverse direction behind the others. They are tensors like
// others: gradients flow back through them to wherever they came from. The zero value
// stands for what the layer itself begins with. PyTorch: h_0, c_0 and h_n, c_n of
// nn.LSTM, nn.GRU and nn.RNN; Keras: initial_state and return_state; ONNX: initial_h,
// initial_c and Y_h, Y_c.
type States struct{ H, C *Tensor }

// Stateful is a layer that can go on from states and hand them on: SimpleRNN, LSTM and
// GRU.
type Stateful interface {
	Layer
	// ForwardStates is Forward from initial; it also returns the states after the last
	// step that is not masked. It panics where initial has another shape than the
	// layer's states.
	ForwardStates(p *Pass, x *Tensor, initial States) (y *Tensor, last States)
}

func (l *Recurrent) forwardStates(p *Pass, x *Tensor, c cell, initial States) (*Tensor, States) {
	batch, width := x.Shape[0], l.units*len(l.directions)
	second := c.gates() == lstmGates
	initial.check(batch, width, second)
	last := States{H: p.Tensor(batch, width)}
	if second {
		last.C = p.Tensor(batch, width)
	}
	y := l.run(p, x, c, initial, last)
	if p.train {
		y.gradient() // the way back goes through y, also where the states alone are used
	}
	return y, last
}

func (s States) check(batch, width int, second bool) {
	if s.H == nil && s.C == nil {
		return
	}
	want := Shape{batch, width}
	if s.H == nil || !s.H.Shape.Equal(want) || second != (s.C != nil) || second && !s.C.Shape.Equal(want) {
		panic(fmt.Sprintf("nn: the initial states are not %v each, one of an RNN or a GRU, two of an LSTM", want))
	}
}
