package nn

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestConvolutionInBands takes an image whose windows do not fit into one band, and
// compares with the definition.
func TestConvolutionInBands(t *testing.T) {
	const batch, side, channels, filters, size = 2, 20, 64, 3, 3
	l := &Conv2D{convolutionDefaults()}
	l.Filters, l.KernelSize, l.Padding = filters, []int{size}, "same"
	n, err := NewNetwork(Input{Shape: []int{side, side, channels}}, Context{}, []Layer{l}, 1)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	p := NewTrainingPass()
	x := p.Tensor(batch, side, side, channels)
	for i := range x.Data {
		x.Data[i] = float32(rng.NormFloat64())
	}
	for _, q := range n.Params() {
		q.Grad = make([]float32, len(q.Data))
	}
	y := n.Forward(p, x)
	if node := p.tape[0].node.(*convolutionNode); node.band >= node.g.positions() {
		t.Fatalf("%d positions are one band; take a larger image", node.g.positions())
	}
	dy := make([]float32, len(y.Data))
	for i := range dy {
		dy[i] = float32(rng.NormFloat64())
	}
	loss := scalar(p, 0)
	*record[lossNode](p, loss) = lossNode{y, loss, slices.Clone(dy)}
	p.Backward(loss)

	weight := l.weight.Data
	wantY, wantW, wantX := make([]float64, len(y.Data)), make([]float64, len(weight)), make([]float64, len(x.Data))
	for b := range batch {
		for r := range side {
			for c := range side {
				for f := range filters {
					out := ((b*side+r)*side+c)*filters + f
					for tap := range size * size {
						ir, ic := r+tap/size-1, c+tap%size-1
						if ir < 0 || ir >= side || ic < 0 || ic >= side {
							continue
						}
						for ch := range channels {
							in, w := ((b*side+ir)*side+ic)*channels+ch, (f*size*size+tap)*channels+ch
							wantY[out] += float64(x.Data[in]) * float64(weight[w])
							wantW[w] += float64(x.Data[in]) * float64(dy[out])
							wantX[in] += float64(weight[w]) * float64(dy[out])
						}
					}
				}
			}
		}
	}
	for _, c := range []struct {
		name string
		got  []float32
		want []float64
	}{{"output", y.Data, wantY}, {"gradient of the weight", l.weight.Grad, wantW}, {"gradient of the input", x.Grad(), wantX}} {
		for i, want := range c.want {
			if math.Abs(float64(c.got[i])-want) > 1e-4*max(1, math.Abs(want)) {
				t.Errorf("%s[%d] is %v, want %v", c.name, i, c.got[i], want)
				break
			}
		}
	}
}
