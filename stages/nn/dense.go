package nn

import (
	"math/rand/v2"

	"pipe/stages/nn/kernel"
)

func init() {
	RegisterLayer("dense", func() Layer {
		return &Dense{Activation: Linear, UseBias: true, KernelInitializer: GlorotUniform, BiasInitializer: Zeros}
	})
}

// Dense computes activation(x·Wᵀ + b) over the last dimension: (…, in) becomes
// (…, units). The mask passes through. Keras: Dense; PyTorch: nn.Linear; ONNX:
// Gemm or MatMul.
type Dense struct {
	Units             Units       `yaml:"units" doc:"width of the output, or the word classes for the number of labels" required:"true" example:"classes"`
	Activation        Activation  `yaml:"activation" doc:"what is applied to the output" default:"linear" enum:"linear,relu,sigmoid,tanh,softmax,gelu,gelu_tanh,silu"`
	UseBias           bool        `yaml:"use_bias" doc:"whether a bias is added" default:"true"`
	KernelInitializer Initializer `yaml:"kernel_initializer" doc:"first values of the weight" default:"glorot_uniform" enum:"glorot_uniform,glorot_normal,he_uniform,he_normal,lecun_uniform,lecun_normal,random_uniform,random_normal,orthogonal,zeros,ones"`
	BiasInitializer   Initializer `yaml:"bias_initializer" doc:"first values of the bias" default:"zeros" enum:"zeros,ones,random_uniform,random_normal"`

	weight, bias *Param // (units, in), (units)
}

// OutShape returns in with its last dimension replaced by the units.
func (l *Dense) OutShape(in Shape, c Context) (Shape, error) {
	if len(in) < 2 {
		return nil, wantRank(in, 2, "(batch, …, features)")
	}
	if err := l.Activation.check(); err != nil {
		return nil, err
	}
	units, err := l.Units.resolve(c)
	if err != nil {
		return nil, err
	}
	return in.With(units), wantKnown(in)
}

// Build allocates weight (units, in) and bias (units).
func (l *Dense) Build(in Shape, c Context, rng *rand.Rand) error {
	units, err := l.Units.resolve(c)
	if err != nil {
		return err
	}
	l.weight = newParam("weight", units, in.Last())
	if err := l.KernelInitializer.fill(l.weight, in.Last(), units, rng); err != nil {
		return err
	}
	if !l.UseBias {
		return nil
	}
	l.bias = newParam("bias", units)
	return l.BiasInitializer.fill(l.bias, units, units, rng)
}

// Params returns weight and, where there is one, bias.
func (l *Dense) Params() []*Param {
	if l.bias == nil {
		return []*Param{l.weight}
	}
	return []*Param{l.weight, l.bias}
}

// Forward computes the layer.
func (l *Dense) Forward(p *Pass, x *Tensor) *Tensor {
	return affineThen(p, x, l.weight, l.bias, l.Activation)
}

func (l *Dense) endsWith() Activation { return l.Activation }

// scores implements scorer.
func (l *Dense) scores(p *Pass, x *Tensor, labels []int32) (logits *Tensor, rows []int) {
	rows = countedRows(p, x, labels)
	return affine(p, pick(p, x, rows), l.weight, l.bias), rows
}

// affine returns x·wᵀ + b over the last dimension of x; b may be nil.
func affine(p *Pass, x *Tensor, w, b *Param) *Tensor { return affineThen(p, x, w, b, Linear) }

// affineThen returns a(x·wᵀ + b).
func affineThen(p *Pass, x *Tensor, w, b *Param, a Activation) *Tensor {
	rows, in, out := x.Rows(), x.Shape.Last(), w.Shape[0]
	dims := p.dims.take(len(x.Shape))
	copy(dims, x.Shape)
	dims[len(dims)-1] = out
	y := p.Tensor(dims...)
	y.Mask, y.begins = x.Mask, x.begins
	z, f := y, a.ofElements()
	if f != nil {
		z = p.like(y)
	}
	if p.packs != nil {
		kernel.AffinePacked(z.Data, y.Data, x.Data, p.packs.transposed(nil, w, 0, in, out), b.data(), rows, f)
	} else {
		kernel.Affine(z.Data, y.Data, x.Data, w.Data, b.data(), rows, out, in, f)
	}
	if p.train {
		*record[affineNode](p, y) = affineNode{x, y, w, b}
	}
	if f != nil {
		a.applied(p, y, z)
		return z
	}
	return a.apply(p, y)
}

type affineNode struct {
	x, y *Tensor
	w, b *Param
}

func (n *affineNode) backward() {
	rows, in, out := n.x.Rows(), n.x.Shape.Last(), n.w.Shape[0]
	kernel.AddAffineGrad(n.w.Grad, n.b.gradient(), n.y.grad, n.x.Data, rows, out, in)
	if dx, first := n.x.blankGradient(); dx != nil {
		beta := float32(1)
		if first {
			beta = 0
		}
		kernel.Gemm(false, false, rows, in, out, 1, n.y.grad, out, n.w.Data, in, beta, dx, in)
	}
}

// addColumns adds the column sums of dy to the gradient of a bias.
func addColumns(p *Pass, b *Param, dy []float32, rows int) {
	if b.gradient() == nil {
		return
	}
	sums := p.floats.take(len(b.Grad))
	kernel.SumRows(sums, dy, rows, len(sums))
	kernel.Add(b.Grad, b.Grad, sums)
}

func (l *Dense) readsBackOnly() bool { return true }
