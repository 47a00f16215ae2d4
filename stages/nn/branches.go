package nn

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
)

func init() {
	RegisterLayer("branches", func() Layer { return &Branches{} })
}

// Branches gives its input to several stacks of layers and puts what they make of
// it side by side, along the last dimension. The mask is that of the first.
type Branches struct {
	Branches []Stack `yaml:"branches" doc:"stacks of layers" required:"true" min:"1" example:"[[{dense: {units: 4}}], [{dense: {units: 3, activation: tanh}}]]"`

	built []sequence
}

func (l *Branches) make() ([]sequence, error) {
	if len(l.Branches) == 0 {
		return nil, errors.New("branches must not be empty")
	}
	made := make([]sequence, len(l.Branches))
	for i, stack := range l.Branches {
		var err error
		if made[i], err = stack.sequence(strconv.Itoa(i) + "."); err != nil {
			return nil, fmt.Errorf("branch %d: %w", i+1, err)
		}
	}
	return made, nil
}

// readsTokens is decided by the first layer of each branch; where they disagree,
// OutShape says so.
func (l *Branches) readsTokens() bool {
	made, err := l.make()
	if err != nil {
		return false
	}
	for _, s := range made {
		if s.readsTokens() {
			return true
		}
	}
	return false
}

// OutShape returns the shape of the first branch, as wide as all together.
func (l *Branches) OutShape(in Shape, c Context) (Shape, error) {
	made, err := l.make()
	if err != nil {
		return nil, err
	}
	var out Shape
	width, reads := 0, l.readsTokens()
	for i, s := range made {
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

// Build builds the branches; the first parameter of the second is "1.0.weight".
func (l *Branches) Build(in Shape, c Context, rng *rand.Rand) (err error) {
	if l.built, err = l.make(); err != nil {
		return err
	}
	for i, s := range l.built {
		if err := s.Build(in, c, rng); err != nil {
			return fmt.Errorf("branch %d: %w", i+1, err)
		}
	}
	return nil
}

// Params returns those of all branches.
func (l *Branches) Params() []*Param {
	var all []*Param
	for _, s := range l.built {
		all = append(all, s.Params()...)
	}
	return all
}

// Forward computes the layer.
func (l *Branches) Forward(p *Pass, x *Tensor) *Tensor {
	outs := make([]*Tensor, 0, 8) // stays on the stack for up to eight branches
	width := 0
	for _, s := range l.built {
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
