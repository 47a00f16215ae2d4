package nn

import (
	"math"

	"pipe/stages/nn/kernel"
)

func init() { RegisterLayer("unit_norm", func() Layer { return &UnitNorm{} }) }

// UnitNorm divides each row (the last dimension) by its Euclidean length, so that
// the product of two rows is the cosine of their angle. A row of zeros stays. The
// mask passes through. Keras: UnitNormalization; PyTorch: F.normalize; ONNX:
// LpNormalization.
type UnitNorm struct{ stateless }

// OutShape returns in.
func (*UnitNorm) OutShape(in Shape, _ Context) (Shape, error) { return normShape(in) }

// shortest is the length that shorter rows are divided by.
const shortest = 1e-12

// Forward computes the layer.
func (*UnitNorm) Forward(p *Pass, x *Tensor) *Tensor {
	y := p.like(x)
	copy(y.Data, x.Data)
	rows, cols := x.Rows(), x.Shape.Last()
	inverse := p.floats.take(rows)
	for r := range rows {
		row := y.Data[r*cols : (r+1)*cols]
		length := math.Sqrt(float64(kernel.Dot(row, row)))
		inverse[r] = float32(1 / max(length, shortest))
		kernel.Scale(inverse[r], row)
	}
	if p.train {
		*record[unitNormNode](p, y) = unitNormNode{x, y, inverse}
	}
	return y
}

type unitNormNode struct {
	x, y    *Tensor
	inverse []float32
}

// backward: what lies along the row does not change it, dx = (dy - y·(y·dy))/length.
func (n *unitNormNode) backward() {
	dx := n.x.gradient()
	if dx == nil {
		return
	}
	cols := n.x.Shape.Last()
	for r, inverse := range n.inverse {
		y, dy, to := n.y.Data[r*cols:(r+1)*cols], n.y.grad[r*cols:(r+1)*cols], dx[r*cols:(r+1)*cols]
		kernel.Axpy(inverse, dy, to)
		kernel.Axpy(-inverse*kernel.Dot(y, dy), y, to)
	}
}

func (*UnitNorm) readsBackOnly() bool { return true }
