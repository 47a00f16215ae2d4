package nn

import (
	"fmt"
	"math"
	"math/rand/v2"

	"pipe/stages/nn/kernel"
)

func init() {
	RegisterLayer("positional_encoding", func() Layer {
		return &PositionalEncoding{Encoding: "sinusoidal", Initializer: RandomUniform}
	})
}

// PositionalEncoding adds to each position of (batch, time, features) a row that
// tells where it is: sines and cosines of wave lengths from 2π to 10000·2π, sines
// at even features and cosines at odd ones (Vaswani et al. 2017), or a learned
// table. The mask passes through.
type PositionalEncoding struct {
	Encoding    string      `yaml:"encoding" doc:"sines and cosines, or a learned table" default:"sinusoidal" enum:"sinusoidal,learned"`
	Initializer Initializer `yaml:"embeddings_initializer" doc:"first values of a learned table" default:"random_uniform" enum:"random_uniform,random_normal,glorot_uniform,glorot_normal,zeros,ones"`

	weight *Param // (time, features), not trained where it is computed
}

// OutShape returns in.
func (l *PositionalEncoding) OutShape(in Shape, _ Context) (Shape, error) {
	if l.Encoding != "sinusoidal" && l.Encoding != "learned" {
		return nil, fmt.Errorf("encoding must be sinusoidal or learned, is %q", l.Encoding)
	}
	if err := wantRank(in, 3, "(batch, time, features)"); err != nil {
		return nil, err
	}
	return in, wantKnown(in)
}

// Build allocates weight (time, features) where it is learned.
func (l *PositionalEncoding) Build(in Shape, _ Context, rng *rand.Rand) error {
	time, features := in[1], in[2]
	l.weight = newParam("weight", time, features)
	if l.Encoding == "learned" {
		return l.Initializer.fill(l.weight, time, features, rng)
	}
	for t := range time {
		for i := range features {
			angle := float64(t) / math.Pow(10000, float64(i-i%2)/float64(features))
			v := math.Sin(angle)
			if i%2 == 1 {
				v = math.Cos(angle)
			}
			l.weight.Data[t*features+i] = float32(v)
		}
	}
	return nil
}

// Params returns weight where it is learned.
func (l *PositionalEncoding) Params() []*Param {
	if l.Encoding == "learned" {
		return []*Param{l.weight}
	}
	return nil
}

// Forward computes the layer.
func (l *PositionalEncoding) Forward(p *Pass, x *Tensor) *Tensor {
	y := p.like(x)
	size := x.Shape[1] * x.Shape[2]
	for lo := 0; lo < len(x.Data); lo += size {
		kernel.Add(y.Data[lo:lo+size], x.Data[lo:lo+size], l.weight.Data)
	}
	if p.train {
		*record[positionalNode](p, y) = positionalNode{l.weight, x, y}
	}
	return y
}

type positionalNode struct {
	w    *Param
	x, y *Tensor
}

func (n *positionalNode) backward() {
	size := len(n.w.Data)
	if n.w.Grad != nil {
		for lo := 0; lo < len(n.y.grad); lo += size {
			kernel.Add(n.w.Grad, n.w.Grad, n.y.grad[lo:lo+size])
		}
	}
	if dx := n.x.gradient(); dx != nil {
		kernel.Add(dx, dx, n.y.grad)
	}
}
