package nn

import (
	"errors"
	"math"
	"math/rand/v2"

	"pipe/stages/nn/kernel"
)

func init() {
	RegisterLayer("batch_norm", func() Layer { return &BatchNorm{Momentum: 0.99, Epsilon: 1e-3, Center: true, Scale: true} })
}

// BatchNorm gives each channel (the last dimension) mean 0 and variance 1 over
// the batch and all positions, then a scale and an offset of its own (Ioffe and
// Szegedy 2015). Outside training it uses running means. Defaults, and the
// running mean of the uncorrected variance, are Keras'; PyTorch's nn.BatchNorm2d
// has epsilon 1e-5, momentum 0.9 (written 0.1) and corrects the variance that it
// remembers. Shape and mask pass through. ONNX: BatchNormalization.
type BatchNorm struct {
	Momentum float32 `yaml:"momentum" doc:"share of the running means that a batch leaves" default:"0.99" min:"0" max:"1"`
	Epsilon  float32 `yaml:"epsilon" doc:"what is added to the variance" default:"0.001" above:"0"`
	Center   bool    `yaml:"center" doc:"whether an offset is learned" default:"true"`
	Scale    bool    `yaml:"scale" doc:"whether a scale is learned" default:"true"`

	weight, bias, mean, variance *Param // (channels)
}

// OutShape returns in.
func (l *BatchNorm) OutShape(in Shape, _ Context) (Shape, error) { return normShape(in) }

func normShape(in Shape) (Shape, error) {
	if len(in) < 2 {
		return nil, wantRank(in, 2, "(batch, …, channels)")
	}
	return in, wantKnown(in)
}

// Build allocates weight and bias where they are learned, running_mean and
// running_var.
func (l *BatchNorm) Build(in Shape, _ Context, rng *rand.Rand) error {
	n := in.Last()
	if l.Scale {
		l.weight = newParam("weight", n)
	}
	if l.Center {
		l.bias = newParam("bias", n)
	}
	l.mean, l.variance = newParam("running_mean", n), newParam("running_var", n)
	l.mean.Trainable, l.variance.Trainable, l.variance.variance = false, false, true
	err := errors.Join(Zeros.fill(l.mean, n, n, rng), Ones.fill(l.variance, n, n, rng))
	if l.Scale {
		err = errors.Join(err, Ones.fill(l.weight, n, n, rng))
	}
	if l.Center {
		err = errors.Join(err, Zeros.fill(l.bias, n, n, rng))
	}
	return err
}

// Params returns what Build allocated.
func (l *BatchNorm) Params() []*Param { return present(l.weight, l.bias, l.mean, l.variance) }

// present drops parameters that a layer does without.
func present(params ...*Param) []*Param {
	var all []*Param
	for _, p := range params {
		if p != nil {
			all = append(all, p)
		}
	}
	return all
}

// Forward computes the layer, and in training moves the running means.
func (l *BatchNorm) Forward(p *Pass, x *Tensor) *Tensor {
	return l.forward(p, x, float32(math.Inf(-1)))
}

// join computes the layer and the relu behind it.
func (l *BatchNorm) join(p *Pass, x *Tensor, next Layer) *Tensor {
	if a, ok := next.(*ActivationLayer); !ok || a.Function != Relu || p.still {
		return nil
	}
	return l.forward(p, x, 0)
}

// forward gives nothing below the floor.
func (l *BatchNorm) forward(p *Pass, x *Tensor, floor float32) *Tensor {
	rows, cols := x.Rows(), x.Shape.Last()
	y := p.like(x)
	mean, variance := l.mean.Data, l.variance.Data
	learns := p.train && !p.still
	if learns {
		mean, variance = p.floats.take(cols), p.floats.take(cols)
		kernel.ColumnMeans(mean, x.Data, rows)
		kernel.ColumnVariances(variance, x.Data, mean, rows)
		l.remember(mean, variance)
	}
	inverse := p.floats.take(cols)
	for c, v := range variance {
		inverse[c] = 1 / float32(math.Sqrt(float64(v+l.Epsilon)))
	}
	norm := kernel.ColumnNorm{Mean: mean, Scale: inverse, Floor: floor}
	if l.weight != nil {
		norm.Scale = p.floats.take(cols)
		kernel.Mul(norm.Scale, inverse, l.weight.Data)
	}
	if l.bias != nil {
		norm.Bias = l.bias.Data
	} else {
		norm.Bias = p.zeros(cols)
	}
	norm.Apply(y.Data, x.Data, rows)
	switch {
	case learns:
		*record[batchNormNode](p, y) = batchNormNode{l, x, y, norm, inverse}
	case p.train:
		*record[fixedNormNode](p, y) = fixedNormNode{x, y, norm.Scale}
	}
	return y
}

func (l *BatchNorm) remember(mean, variance []float32) {
	for c := range mean {
		l.mean.Data[c] += (1 - l.Momentum) * (mean[c] - l.mean.Data[c])
		l.variance.Data[c] += (1 - l.Momentum) * (variance[c] - l.variance.Data[c])
	}
}

type batchNormNode struct {
	l       *BatchNorm
	x, y    *Tensor
	norm    kernel.ColumnNorm
	inverse []float32
}

// backward: with x̂ the normalised input, g the gradient of what is above the floor and
// means over the rows, dx = weight/√(var+ε) · (g - mean(g) - x̂·mean(g·x̂)).
func (n *batchNormNode) backward() {
	p, rows, cols := n.x.pass, n.x.Rows(), n.x.Shape.Last()
	sums, dots := p.floats.take(cols), p.floats.take(cols)
	n.norm.Sums(sums, dots, n.x.Data, n.y.grad, rows)
	kernel.Mul(dots, dots, n.inverse)
	if w := n.l.weight; w != nil && w.Grad != nil {
		kernel.Add(w.Grad, w.Grad, dots)
	}
	if b := n.l.bias; b != nil && b.Grad != nil {
		kernel.Add(b.Grad, b.Grad, sums)
	}
	dx, first := n.x.blankGradient()
	if dx == nil {
		return
	}
	kernel.Mul(dots, dots, n.inverse)
	kernel.Scale(1/float32(rows), sums)
	kernel.Scale(1/float32(rows), dots)
	n.norm.Gradient(dx, n.x.Data, n.y.grad, sums, dots, rows, !first)
}

// fixedNormNode is a normalisation with the running means, which is a product.
type fixedNormNode struct {
	x, y  *Tensor
	scale []float32
}

func (n *fixedNormNode) backward() {
	dx := n.x.gradient()
	if dx == nil {
		return
	}
	cols := len(n.scale)
	for i, v := range n.y.grad {
		dx[i] += v * n.scale[i%cols]
	}
}
