package nn

import (
	"errors"
	"math"
	"math/rand/v2"

	"pipe/stages/nn/kernel"
)

func init() {
	RegisterLayer("layer_norm", func() Layer { return &LayerNorm{Epsilon: 1e-3} })
	RegisterLayer("rms_norm", func() Layer { return &RMSNorm{Epsilon: 1e-6} })
}

// LayerNorm gives each row (the last dimension) mean 0 and variance 1, then a
// scale and an offset for each of its elements (Ba et al. 2016). The mask passes
// through. Keras: LayerNormalization, whose epsilon is the default; PyTorch:
// nn.LayerNorm, where it is 1e-5; ONNX: LayerNormalization.
type LayerNorm struct {
	Epsilon float32 `yaml:"epsilon" doc:"what is added to the variance" default:"0.001" above:"0"`

	weight, bias *Param // (features)
}

// OutShape returns in.
func (l *LayerNorm) OutShape(in Shape, _ Context) (Shape, error) { return normShape(in) }

// Build allocates weight and bias.
func (l *LayerNorm) Build(in Shape, _ Context, rng *rand.Rand) error {
	l.weight, l.bias = newParam("weight", in.Last()), newParam("bias", in.Last())
	return errors.Join(Ones.fill(l.weight, 1, 1, rng), Zeros.fill(l.bias, 1, 1, rng))
}

// Params returns weight and bias.
func (l *LayerNorm) Params() []*Param { return []*Param{l.weight, l.bias} }

// Forward computes the layer.
func (l *LayerNorm) Forward(p *Pass, x *Tensor) *Tensor {
	return normaliseRows(p, x, l.weight, l.bias, l.Epsilon, true)
}

// RMSNorm divides each row (the last dimension) by its root mean square, then
// scales each of its elements (Zhang and Sennrich 2019). The mask passes through.
// Keras: RMSNormalization; PyTorch: nn.RMSNorm.
type RMSNorm struct {
	Epsilon float32 `yaml:"epsilon" doc:"what is added to the mean square" default:"1e-06" above:"0"`

	weight *Param // (features)
}

// OutShape returns in.
func (l *RMSNorm) OutShape(in Shape, _ Context) (Shape, error) { return normShape(in) }

// Build allocates weight.
func (l *RMSNorm) Build(in Shape, _ Context, rng *rand.Rand) error {
	l.weight = newParam("weight", in.Last())
	return Ones.fill(l.weight, 1, 1, rng)
}

// Params returns weight.
func (l *RMSNorm) Params() []*Param { return []*Param{l.weight} }

// Forward computes the layer.
func (l *RMSNorm) Forward(p *Pass, x *Tensor) *Tensor {
	return normaliseRows(p, x, l.weight, nil, l.Epsilon, false)
}

// normaliseRows divides each row of x, less its mean if centre, by the root of its
// mean square plus epsilon, multiplies it by w and adds b, which may be nil.
func normaliseRows(p *Pass, x *Tensor, w, b *Param, epsilon float32, centre bool) *Tensor {
	y := p.like(x)
	var n *rowNormNode
	if p.train {
		n = record[rowNormNode](p, y)
	} else {
		n = new(rowNormNode)
	}
	n.x, n.y, n.w, n.b, n.epsilon, n.centre = x, y, w, b, epsilon, centre
	n.normalised, n.inverse = p.floats.take(len(x.Data)), p.floats.take(x.Rows())
	if n.ahead == nil {
		n.ahead, n.back = n.forwardRows, n.backwardRows
	}
	kernel.Parallel(x.Rows(), rowsPerTask(x), n.ahead)
	return y
}

// rowsPerTask keeps what a core is woken for large enough to be worth it.
func rowsPerTask(x *Tensor) int { return 1 + 8192/x.Shape.Last() }

type rowNormNode struct {
	x, y       *Tensor
	w, b       *Param
	epsilon    float32
	centre     bool
	normalised []float32
	inverse    []float32 // of the root, by row
	products   []float32

	ahead, back func(lo, hi int) // made once, so that later passes allocate nothing
}

func (n *rowNormNode) forwardRows(lo, hi int) {
	cols := n.x.Shape.Last()
	for r := lo; r < hi; r++ {
		x, y, h := n.x.Data[r*cols:(r+1)*cols], n.y.Data[r*cols:(r+1)*cols], n.normalised[r*cols:(r+1)*cols]
		mean := float32(0)
		if n.centre {
			mean = kernel.Sum(x) / float32(cols)
		}
		for c, v := range x {
			h[c] = v - mean
		}
		square := kernel.Dot(h, h) / float32(cols)
		n.inverse[r] = 1 / float32(math.Sqrt(float64(square+n.epsilon)))
		kernel.Scale(n.inverse[r], h)
		kernel.Mul(y, h, n.w.Data)
		if n.b != nil {
			kernel.Add(y, y, n.b.Data)
		}
	}
}

// backward: with x̂ the normalised row, g = dy·w and means over the row,
// dx = (g - mean(g) - x̂·mean(g·x̂)) / root, without mean(g) where the mean was not
// taken off.
func (n *rowNormNode) backward() {
	p, rows := n.x.pass, n.x.Rows()
	n.products = p.floats.take(len(n.y.grad))
	kernel.Mul(n.products, n.y.grad, n.normalised)
	addColumns(p, n.w, n.products, rows)
	addColumns(p, n.b, n.y.grad, rows)
	if n.x.gradient() != nil {
		kernel.Parallel(rows, rowsPerTask(n.x), n.back)
	}
}

func (n *rowNormNode) backwardRows(lo, hi int) {
	cols := n.x.Shape.Last()
	for r := lo; r < hi; r++ {
		dx, h, g := n.x.grad[r*cols:(r+1)*cols], n.normalised[r*cols:(r+1)*cols], n.products[r*cols:(r+1)*cols]
		kernel.Mul(g, n.y.grad[r*cols:(r+1)*cols], n.w.Data)
		mean, dot := float32(0), kernel.Dot(g, h)/float32(cols)
		if n.centre {
			mean = kernel.Sum(g) / float32(cols)
		}
		for c, v := range g {
			dx[c] += n.inverse[r] * (v - mean - h[c]*dot)
		}
	}
}

func (l *LayerNorm) readsBackOnly() bool { return true }

func (l *RMSNorm) readsBackOnly() bool { return true }
