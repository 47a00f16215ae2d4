package nn

import (
	"errors"
	"fmt"

	"pipe/stages/nn/kernel"
)

// Heat says how much each place of a picture speaks for a class: height × width
// numbers from 0 to 1, row after row, of the size that the last convolutions see.
type Heat struct {
	Height, Width int
	Values        []float32
}

// GradCAM computes where a picture speaks for a class (Selvaraju et al. 2017): the
// channels that the last layers with places give, each weighted by the mean gradient
// of the class' logit with respect to it, added up and cut off at 0. Values are
// divided by the greatest; all are 0 where no place speaks for the class. In a
// network with one output the class 0 has that output's negative as its logit.
func (n *Network) GradCAM(picture []float32, class int) (*Heat, error) {
	if len(n.Input.Shape) != 3 || n.Input.Tokens {
		return nil, fmt.Errorf("the network reads %v and no pictures of (height, width, channels)", Shape(n.Input.Shape))
	}
	if len(picture) != n.Input.size() {
		return nil, fmt.Errorf("the picture has %d numbers, the network reads %d", len(picture), n.Input.size())
	}
	if err := n.ready(); err != nil {
		return nil, err
	}
	p := newStillPass()
	x := p.Tensor(n.Input.batch(1)...) // not Input: the gradient may be wanted up to the picture
	copy(x.Data, picture)
	y := n.Forward(p, x)
	y = logitsOf(logitsOf(y, Softmax), Sigmoid)
	at, sign := class, float32(1)
	if y.Shape.Last() == 1 && class < 2 {
		at, sign = 0, float32(2*class-1)
	}
	if class < 0 || at >= len(y.Data) {
		return nil, fmt.Errorf("the network gives %d numbers and has no class %d", len(y.Data), class)
	}
	places := p.lastPlaces()
	if places == nil {
		return nil, errors.New("the network has no layer that keeps the places of a picture apart")
	}
	y.gradient()[at] = sign
	p.undo()
	return heat(places), nil
}

// lastPlaces is the last tensor of the tape in which places are apart.
func (p *Pass) lastPlaces() *Tensor {
	for i := p.used - 1; i >= 0; i-- {
		if t := p.tape[i].out; len(t.Shape) == 4 && t.Shape[1]*t.Shape[2] > 1 {
			return t
		}
	}
	return nil
}

func heat(t *Tensor) *Heat {
	h := &Heat{Height: t.Shape[1], Width: t.Shape[2]}
	rows, channels := h.Height*h.Width, t.Shape[3]
	h.Values = make([]float32, rows)
	if t.grad == nil { // the class does not depend on them
		return h
	}
	weights := make([]float32, channels)
	kernel.SumRows(weights, t.grad, rows, channels)
	kernel.Scale(1/float32(rows), weights)
	top := float32(0)
	for i := range h.Values {
		h.Values[i] = max(kernel.Dot(t.Data[i*channels:(i+1)*channels], weights), 0)
		top = max(top, h.Values[i])
	}
	if top > 0 {
		kernel.Scale(1/top, h.Values)
	}
	return h
}
