package nn

import (
	"errors"
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
// Keras: RMSNormalization; PyTorch: nn.RMSNorm; ONNX: its parts, as RMSNormalization
// came with operator set 23.
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
	n := rowNormNode{x, y, w, b, centre, p.floats.take(len(x.Data)), p.floats.take(x.Rows())}
	var bias []float32
	if b != nil {
		bias = b.Data
	}
	kernel.NormRows(y.Data, n.normal, n.inverse, x.Data, w.Data, bias, x.Rows(), x.Shape.Last(), epsilon, centre)
	if p.train {
		*record[rowNormNode](p, y) = n
	}
	return y
}

type rowNormNode struct {
	x, y            *Tensor
	w, b            *Param
	centre          bool
	normal, inverse []float32 // the normalised rows, and the reciprocals of their roots
}

func (n *rowNormNode) backward() {
	dx, blank := n.x.blankGradient()
	kernel.NormRowsGrad(dx, n.w.gradient(), n.b.gradient(), n.y.grad, n.normal, n.inverse, n.w.Data, n.x.Rows(), n.x.Shape.Last(), n.centre, blank)
}

func (l *LayerNorm) readsBackOnly() bool { return true }

func (l *RMSNorm) readsBackOnly() bool { return true }
