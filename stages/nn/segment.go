package nn

import (
	"math/rand/v2"

	"pipe/stages/nn/kernel"
)

// segment adds the first row of a table to every position: the embedding of the
// segment in a text that has one (Devlin et al. 2019). The other rows are there
// because published weights have them.
type segment struct {
	count  int
	weight *Param // (count, features)
}

// OutShape returns in.
func (l *segment) OutShape(in Shape, _ Context) (Shape, error) { return in, wantKnown(in) }

// Build allocates weight.
func (l *segment) Build(in Shape, _ Context, rng *rand.Rand) error {
	l.weight = newParam("weight", l.count, in.Last())
	return RandomNormal.fill(l.weight, l.count, in.Last(), rng)
}

// Params returns weight.
func (l *segment) Params() []*Param { return []*Param{l.weight} }

// Forward computes the layer.
func (l *segment) Forward(p *Pass, x *Tensor) *Tensor {
	y := p.like(x)
	copy(y.Data, x.Data)
	cols := x.Shape.Last()
	kernel.AddBias(y.Data, x.Rows(), cols, l.weight.Data[:cols])
	if p.train {
		*record[segmentNode](p, y) = segmentNode{l.weight, x, y}
	}
	return y
}

func (l *segment) multiplies(Shape, Context) int { return 0 }

type segmentNode struct {
	w    *Param
	x, y *Tensor
}

func (n *segmentNode) backward() {
	cols := n.x.Shape.Last()
	if n.w.Grad != nil {
		sums := n.x.pass.floats.take(cols)
		kernel.SumRows(sums, n.y.grad, n.x.Rows(), cols)
		kernel.Add(n.w.Grad[:cols], n.w.Grad[:cols], sums)
	}
	if dx := n.x.gradient(); dx != nil {
		kernel.Add(dx, dx, n.y.grad)
	}
}
