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
// table. The mask passes through. PyTorch: a buffer, or nn.Embedding, that is added;
// ONNX: Add.
type PositionalEncoding struct {
	Positions   int         `yaml:"positions" doc:"rows of the table; 0 for as many as the input has positions" default:"0" min:"0"`
	Encoding    string      `yaml:"encoding" doc:"sines and cosines, or a learned table" default:"sinusoidal" enum:"sinusoidal,learned"`
	Initializer Initializer `yaml:"embeddings_initializer" doc:"first values of a learned table" default:"random_uniform" enum:"random_uniform,random_normal,glorot_uniform,glorot_normal,zeros,ones"`

	weight *Param // (positions, features), computed and not kept where it is not learned
}

// OutShape returns in.
func (l *PositionalEncoding) OutShape(in Shape, _ Context) (Shape, error) {
	if l.Encoding != "sinusoidal" && l.Encoding != "learned" {
		return nil, fmt.Errorf("encoding must be sinusoidal or learned, is %q", l.Encoding)
	}
	if err := wantRank(in, 3, "(batch, time, features)"); err != nil {
		return nil, err
	}
	if l.Positions > 0 && in[1] > l.Positions {
		return nil, fmt.Errorf("has %d positions, the input %v has more", l.Positions, in)
	}
	if rows := max(in[1], l.Positions); in.Last() > 0 && rows > maxTable/in.Last() {
		return nil, fmt.Errorf("a table of %d positions for %v is too large", rows, in)
	}
	return in, wantKnown(in)
}

// maxTable bounds a computed table, which no weights file vouches for.
const maxTable = 1 << 28

// Build allocates weight (positions, features) where it is learned.
func (l *PositionalEncoding) Build(in Shape, _ Context, rng *rand.Rand) error {
	time, features := max(in[1], l.Positions), in[2]
	l.weight = newParam("weight", time, features)
	if l.Encoding == "learned" {
		return l.Initializer.fill(l.weight, time, features, rng)
	}
	l.weight.Data = make([]float32, time*features)
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
	width, first := x.Shape[2], p.position()*x.Shape[2]
	for i := range x.sequences() {
		at, length := x.sequence(i)
		kernel.Add(y.Data[at*width:(at+length)*width], x.Data[at*width:], l.weight.Data[first:])
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
	if n.w.Grad != nil {
		width := n.x.Shape[2]
		for i := range n.x.sequences() {
			at, length := n.x.sequence(i)
			sum := n.w.Grad[:length*width]
			kernel.Add(sum, sum, n.y.grad[at*width:])
		}
	}
	if dx := n.x.gradient(); dx != nil {
		kernel.Add(dx, dx, n.y.grad)
	}
}

func (l *PositionalEncoding) readsBackOnly() bool { return true }
