package nn

import (
	"fmt"
	"math"
	"math/rand/v2"

	"pipe/stages/nn/kernel"
)

func init() {
	RegisterLayer("dropout", func() Layer { return &Dropout{Rate: 0.5} })
}

// Dropout sets elements to zero with probability rate while training, and
// divides the others by 1-rate so that the expectation stays (Srivastava et al.
// 2014). Outside training it does nothing. PyTorch: nn.Dropout;
// ONNX: Dropout, which export leaves out. Shape and mask pass through.
type Dropout struct {
	stateless
	Rate float64 `yaml:"rate" doc:"share of elements that are dropped while training" default:"0.5" min:"0" below:"1"`
}

// OutShape returns in.
func (l *Dropout) OutShape(in Shape, _ Context) (Shape, error) {
	if !(l.Rate >= 0 && l.Rate < 1) {
		return nil, fmt.Errorf("rate must be at least 0 and below 1, is %v", l.Rate)
	}
	return in, nil
}

// Forward drops in training passes.
func (l *Dropout) Forward(p *Pass, x *Tensor) *Tensor { return dropout(p, x, l.Rate) }

func dropout(p *Pass, x *Tensor, rate float64) *Tensor {
	if !p.train || p.still || rate == 0 {
		return x
	}
	y := p.like(x)
	scale := p.floats.take(len(x.Data))
	fillDropout(&p.pcg, scale, rate)
	kernel.Mul(y.Data, x.Data, scale)
	*record[dropoutNode](p, y) = dropoutNode{x, y, scale}
	return y
}

// fillDropout sets scale to 0 where something is dropped and to 1/(1-rate)
// elsewhere. One draw of 64 bits decides two elements.
func fillDropout(pcg *rand.PCG, scale []float32, rate float64) {
	threshold := int64(rate * (1 << 32))
	keep := math.Float32bits(float32(1 / (1 - rate)))
	pairs := len(scale) / 2 * 2
	for i := 0; i < pairs; i += 2 {
		bits := pcg.Uint64()
		pair := scale[i : i+2 : i+2]
		pair[0] = keepAbove(uint32(bits), threshold, keep)
		pair[1] = keepAbove(uint32(bits>>32), threshold, keep)
	}
	if pairs < len(scale) {
		scale[pairs] = keepAbove(uint32(pcg.Uint64()), threshold, keep)
	}
}

// keepAbove is the number with the bits keep where draw is not below the threshold, else
// 0. A branch would be foretold wrongly as often as something is dropped.
func keepAbove(draw uint32, threshold int64, keep uint32) float32 {
	return math.Float32frombits(keep &^ uint32((int64(draw)-threshold)>>63))
}

type dropoutNode struct {
	x, y  *Tensor
	scale []float32
}

func (n *dropoutNode) backward() {
	if dx := n.x.gradient(); dx != nil {
		kernel.AddProduct(dx, n.y.grad, n.scale)
	}
}

func (l *Dropout) readsBackOnly() bool { return true }
