package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// halves is a recurrent layer that reads a sequence in two parts, the second from the
// states after the first.
type halves struct{ Stateful }

func (h halves) Forward(p *Pass, x *Tensor) *Tensor {
	part := func(from, to int) *Tensor {
		batch, time, n := x.Shape[0], x.Shape[1], x.Shape[2]
		y := p.Tensor(batch, to-from, n)
		if x.Mask != nil {
			y.Mask = p.bools.take(batch * (to - from))
		}
		for b := range batch {
			copy(y.Data[b*(to-from)*n:(b+1)*(to-from)*n], x.Data[(b*time+from)*n:])
			if x.Mask != nil {
				copy(y.Mask[b*(to-from):(b+1)*(to-from)], x.Mask[b*time+from:])
			}
		}
		record[partNode](p, y).set(x, y, from)
		return y
	}
	cut := x.Shape[1] / 2
	_, states := h.ForwardStates(p, part(0, cut), States{}) // only the states are used
	y, _ := h.ForwardStates(p, part(cut, x.Shape[1]), states)
	return y
}

// partNode undoes a copy of positions of x.
type partNode struct {
	x, y *Tensor
	from int
}

func (n *partNode) set(x, y *Tensor, from int) { *n = partNode{x, y, from} }

func (n *partNode) backward() {
	dx, width := n.x.gradient(), n.x.Shape[2]
	for b := range n.x.Shape[0] {
		for i := range n.y.Shape[1] * width {
			dx[(b*n.x.Shape[1]+n.from)*width+i] += n.y.grad[b*n.y.Shape[1]*width+i]
		}
	}
}

func statefulLayers() map[string]func() Stateful {
	units := func(r Recurrent) Recurrent { r.Units = 3; return r }
	return map[string]func() Stateful{
		"simple_rnn": func() Stateful { return &SimpleRNN{Recurrent: units(recurrentDefaults()), Activation: Tanh} },
		"lstm":       func() Stateful { return &LSTM{Recurrent: units(recurrentDefaults()), UnitForgetBias: true} },
		"gru":        func() Stateful { return &GRU{Recurrent: units(recurrentDefaults())} },
	}
}

// A sequence that is read in two parts, the states of the first carried into the
// second, gives the same bits as the whole: the last state, and that of each step, on
// the way there in training and in an answer. And the gradients, which flow back through
// the states alone, are those of finite differences.
func TestStatesCarryASequenceOn(t *testing.T) {
	in := Input{Shape: []int{6, 4}}
	for name, make := range statefulLayers() {
		for _, masked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/masked=%v", name, masked), func(t *testing.T) {
				l := make()
				checkGradients(t, halves{l}, in, Context{}, masked)
				for _, p := range []*Pass{NewPass(), NewTrainingPass()} {
					whole, parts := l.Forward(p, randomSequence(p, masked)), halves{l}.Forward(p, randomSequence(p, masked))
					for i, v := range whole.Data {
						if math.Float32bits(v) != math.Float32bits(parts.Data[i]) {
							t.Fatalf("state %d is %v in two parts, %v in one", i, parts.Data[i], v)
						}
					}
				}
			})
		}
	}
}

func randomSequence(p *Pass, masked bool) *Tensor {
	rng := rand.New(rand.NewPCG(3, 4))
	x := p.Tensor(5, 6, 4)
	for i := range x.Data {
		x.Data[i] = float32(rng.NormFloat64())
	}
	if masked {
		x.Mask = make([]bool, 5*6)
		for b := range 5 { // behind, before, none, in between, nothing else
			for i := range 6 {
				x.Mask[b*6+i] = [...]bool{i < 2, i >= 4, true, i%3 != 1, false}[b]
			}
		}
	}
	return x
}

// States that are the layer's own initial state, given for each sequence, change
// nothing; and the states that come out of both directions are what the layer gives.
func TestStatesOfBothDirections(t *testing.T) {
	for name, make := range statefulLayers() {
		for _, masked := range []bool{false, true} {
			l := make()
			r := l.(interface{ recurrent() *Recurrent }).recurrent()
			r.Bidirectional, r.InitialState, r.StateInitializer = true, LearnedState, RandomNormal
			if _, err := NewNetwork(Input{Shape: []int{6, 4}}, Context{}, []Layer{l}, 3); err != nil {
				t.Fatal(err)
			}
			p := NewPass()
			x := randomSequence(p, masked)
			want := l.Forward(p, x)
			initial := States{H: p.Tensor(5, 6)}
			if name == "lstm" {
				initial.C = p.Tensor(5, 6)
			}
			for b := range 5 {
				for i, d := range r.directions {
					copy(initial.H.Data[b*6+i*3:], d.h0.Data)
					if initial.C != nil {
						copy(initial.C.Data[b*6+i*3:], d.c0.Data)
					}
				}
			}
			y, last := l.ForwardStates(p, x, initial)
			for i, v := range want.Data {
				if y.Data[i] != v || last.H.Data[i] != v {
					t.Errorf("%s, masked %v: number %d is %v, and %v as state; want %v", name, masked, i, y.Data[i], last.H.Data[i], v)
				}
			}
		}
	}
}

func TestStatesOfAnotherShapeAreRefused(t *testing.T) {
	l := statefulLayers()["lstm"]()
	if _, err := NewNetwork(Input{Shape: []int{6, 4}}, Context{}, []Layer{l}, 3); err != nil {
		t.Fatal(err)
	}
	p := NewPass()
	for name, s := range map[string]States{
		"no cells": {H: p.Tensor(5, 3)}, "other batch": {p.Tensor(4, 3), p.Tensor(4, 3)}, "other width": {p.Tensor(5, 3), p.Tensor(5, 4)},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: states of another shape were taken", name)
				}
			}()
			l.ForwardStates(p, randomSequence(p, false), s)
		}()
	}
}
