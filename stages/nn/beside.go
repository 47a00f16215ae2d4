package nn

import (
	"fmt"
	"math/rand/v2"
)

// beside is sequences that read the same input, with their outputs side by side
// along the last dimension.
type beside []sequence

// readsTokens reports whether any sequence does; where they disagree, OutShape
// says so.
func (b beside) readsTokens() bool {
	for _, s := range b {
		if s.readsTokens() {
			return true
		}
	}
	return false
}

// OutShape returns the shape of the first output, as wide as all together.
func (b beside) OutShape(in Shape, c Context) (Shape, error) {
	var out Shape
	width, reads := 0, b.readsTokens()
	for i, s := range b {
		if reads && !s.readsTokens() {
			return nil, fmt.Errorf("branch %d must begin with an embedding, as the others do", i+1)
		}
		shape, err := s.OutShape(in, c)
		if err != nil {
			return nil, fmt.Errorf("branch %d: %w", i+1, err)
		}
		if out == nil {
			out = shape
		} else if len(shape) != len(out) || !shape[:len(shape)-1].Equal(out[:len(out)-1]) {
			return nil, fmt.Errorf("branch %d gives %v, which does not fit beside %v", i+1, shape, out)
		}
		if shape.Last() == Unknown || width == Unknown {
			width = Unknown
		} else {
			width += shape.Last()
		}
	}
	return out.With(width), nil
}

// Build builds the sequences.
func (b beside) Build(in Shape, c Context, rng *rand.Rand) error {
	for i, s := range b {
		if err := s.Build(in, c, rng); err != nil {
			return fmt.Errorf("branch %d: %w", i+1, err)
		}
	}
	return nil
}

// Params returns those of all sequences.
func (b beside) Params() []*Param {
	var all []*Param
	for _, s := range b {
		all = append(all, s.Params()...)
	}
	return all
}

// Forward computes every sequence. The mask is that of the first.
func (b beside) Forward(p *Pass, x *Tensor) *Tensor {
	outs := make([]*Tensor, 0, 8) // stays on the stack for up to eight
	width := 0
	for _, s := range b {
		y := s.Forward(p, x)
		outs = append(outs, y)
		width += y.Shape.Last()
	}
	dims := p.dims.take(len(outs[0].Shape))
	copy(dims, outs[0].Shape)
	dims[len(dims)-1] = width
	y := p.Tensor(dims...)
	y.Mask = outs[0].Mask
	at := 0
	for _, part := range outs {
		cols := part.Shape.Last()
		for r := range part.Rows() {
			copy(y.Data[r*width+at:], part.Data[r*cols:(r+1)*cols])
		}
		if p.train {
			*record[columnsNode](p, y) = columnsNode{part, y, at}
		}
		at += cols
	}
	return y
}

// columnsNode hands the gradient of some columns to the tensor they came from.
type columnsNode struct {
	x, y *Tensor
	at   int
}

func (n *columnsNode) backward() {
	dx := n.x.gradient()
	if dx == nil {
		return
	}
	cols, width := n.x.Shape.Last(), n.y.Shape.Last()
	for r := range n.x.Rows() {
		for i, g := range n.y.grad[r*width+n.at:][:cols] {
			dx[r*cols+i] += g
		}
	}
}
