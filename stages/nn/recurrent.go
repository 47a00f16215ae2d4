package nn

import (
	"errors"
	"fmt"
	"math/rand/v2"
)

// Recurrent is the configuration that all recurrent layers share. Input is
// (batch, time, features); output is the last state (batch, units), or with
// return_sequences every state (batch, time, units). A bidirectional layer reads
// the sequence in both directions, with weights of its own for each, and puts the
// two states side by side: (…, 2·units). Where the input has a mask, a masked
// step leaves the state as it is. Recurrent layers are stacked by listing them,
// all but the last with return_sequences.
type Recurrent struct {
	Units                Units        `yaml:"units" doc:"size of the state" required:"true" example:"128"`
	ReturnSequences      bool         `yaml:"return_sequences" doc:"whether every state comes out and not only the last" default:"false"`
	Bidirectional        bool         `yaml:"bidirectional" doc:"whether the sequence is read backwards as well" default:"false"`
	UseBias              bool         `yaml:"use_bias" doc:"whether a bias is added" default:"true"`
	KernelInitializer    Initializer  `yaml:"kernel_initializer" doc:"first values of the input weights" default:"glorot_uniform" enum:"glorot_uniform,glorot_normal,he_uniform,he_normal,lecun_uniform,lecun_normal,random_uniform,random_normal,orthogonal,zeros,ones"`
	RecurrentInitializer Initializer  `yaml:"recurrent_initializer" doc:"first values of the recurrent weights" default:"orthogonal" enum:"glorot_uniform,glorot_normal,he_uniform,he_normal,lecun_uniform,lecun_normal,random_uniform,random_normal,orthogonal,zeros,ones"`
	InitialState         InitialState `yaml:"initial_state" doc:"the state before the first step: zeros; learned, the same for all sequences, as a weight; or given, which comes with weights that are read or with its initializer and is not trained" default:"zeros" enum:"zeros,learned,given"`
	StateInitializer     Initializer  `yaml:"state_initializer" doc:"first values of an initial state that is learned or given" default:"zeros" enum:"zeros,ones,random_uniform,random_normal"`
	BiasInitializer      Initializer  `yaml:"bias_initializer" doc:"first values of the bias" default:"zeros" enum:"zeros,ones,random_uniform,random_normal"`

	units      int
	directions []*direction
}

// recurrentDefaults are Keras'.
func recurrentDefaults() Recurrent {
	return Recurrent{UseBias: true, KernelInitializer: GlorotUniform, RecurrentInitializer: Orthogonal, BiasInitializer: Zeros, InitialState: ZeroState, StateInitializer: Zeros}
}

// InitialState says what a recurrent layer by itself begins with, the same for all
// sequences. A state for each sequence comes from elsewhere in the network: States.
type InitialState string

// The initial states.
const (
	ZeroState    InitialState = "zeros"
	LearnedState InitialState = "learned"
	GivenState   InitialState = "given"
)

// direction holds the weights that read the sequence one way. With G gates the
// shapes are weight_ih (G·units, features), weight_hh (G·units, units) and
// bias (G·units). biasHH is nil but for the GRU. h0 and c0 (units) are the state before
// the first step; nil for zeros, and c0 but for the LSTM.
type direction struct {
	reverse                                  bool
	weightIH, weightHH, bias, biasHH, h0, c0 *Param
}

func (l *Recurrent) recurrent() *Recurrent { return l }

// moment maps a step of this direction to a position in the sequence.
func (d *direction) moment(t, time int) int {
	if d.reverse {
		return time - 1 - t
	}
	return t
}

// OutShape returns (batch, time, width) or (batch, width).
func (l *Recurrent) OutShape(in Shape, c Context) (Shape, error) {
	if err := wantRank(in, 3, "(batch, time, features)"); err != nil {
		return nil, err
	}
	width, err := l.Units.resolve(c)
	if err != nil {
		return nil, err
	}
	if l.Bidirectional && width != Unknown {
		width *= 2
	}
	if l.ReturnSequences {
		return Shape{in[0], in[1], width}, wantKnown(in)
	}
	return Shape{in[0], width}, wantKnown(in)
}

func (l *Recurrent) build(in Shape, c Context, rng *rand.Rand, gates int, twoBiases bool) error {
	units, err := l.Units.resolve(c)
	if err != nil {
		return err
	}
	if units == Unknown {
		return errors.New("the number of classes is not known")
	}
	l.units, l.directions = units, nil
	suffixes := []string{""}
	if l.Bidirectional {
		suffixes = append(suffixes, "_reverse")
	}
	features, width := in.Last(), gates*units
	for i, suffix := range suffixes {
		d := &direction{reverse: i == 1}
		d.weightIH = newParam("weight_ih"+suffix, width, features).inPyTorch("weight_ih_l0" + suffix)
		d.weightHH = newParam("weight_hh"+suffix, width, units).inPyTorch("weight_hh_l0" + suffix)
		err := errors.Join(
			l.KernelInitializer.fill(d.weightIH, features, width, rng),
			l.RecurrentInitializer.fill(d.weightHH, units, width, rng))
		switch {
		case l.UseBias && twoBiases:
			d.bias = newParam("bias_ih"+suffix, width).inPyTorch("bias_ih_l0" + suffix)
			d.biasHH = newParam("bias_hh"+suffix, width).inPyTorch("bias_hh_l0" + suffix)
			err = errors.Join(err, l.BiasInitializer.fill(d.biasHH, width, width, rng))
		case l.UseBias:
			d.bias = newParam("bias"+suffix, width).inPyTorch("bias_ih_l0"+suffix, "bias_hh_l0"+suffix)
		}
		if l.UseBias {
			err = errors.Join(err, l.BiasInitializer.fill(d.bias, width, width, rng))
		}
		if l.InitialState == LearnedState || l.InitialState == GivenState {
			d.h0 = newParam("h0"+suffix, units)
			err = errors.Join(err, l.StateInitializer.fill(d.h0, units, units, rng))
			if gates == lstmGates {
				d.c0 = newParam("c0"+suffix, units)
				err = errors.Join(err, l.StateInitializer.fill(d.c0, units, units, rng))
				d.c0.Trainable = l.InitialState == LearnedState
			}
			d.h0.Trainable = l.InitialState == LearnedState
		} else if l.InitialState != ZeroState {
			err = errors.Join(err, fmt.Errorf("unknown initial_state %q", l.InitialState))
		}
		if err != nil {
			return err
		}
		l.directions = append(l.directions, d)
	}
	return nil
}

// Params returns the weights of the forward direction and then of the reverse.
func (l *Recurrent) Params() []*Param {
	var all []*Param
	for _, d := range l.directions {
		for _, p := range []*Param{d.weightIH, d.weightHH, d.bias, d.biasHH, d.h0, d.c0} {
			if p != nil {
				all = append(all, p)
			}
		}
	}
	return all
}

// forward runs the cell over the sequence in each direction.
func (l *Recurrent) forward(p *Pass, x *Tensor, c cell) *Tensor {
	return l.run(p, x, c, States{}, States{})
}

// run goes from the states of initial, where there are any, and writes the states after
// the last step to those of final, where there are any.
func (l *Recurrent) run(p *Pass, x *Tensor, c cell, initial, final States) *Tensor {
	batch, time, width := x.Shape[0], x.Shape[1], l.units*len(l.directions)
	var y *Tensor
	if l.ReturnSequences {
		y = p.Tensor(batch, time, width)
		y.Mask = x.Mask
		if !l.Bidirectional {
			y.padded = x.padded
		}
	} else {
		y = p.Tensor(batch, width)
	}
	for i, d := range l.directions {
		r := record[run](p, y)
		r.initial, r.final = initial, final
		r.prepare(p, x, y, c, d, l.units, i*l.units, l.ReturnSequences)
		r.forward()
	}
	return y
}

// A decoder carries the state from one position to the next.
func (l *Recurrent) readsBackOnly() bool { return l.ReturnSequences && !l.Bidirectional }
