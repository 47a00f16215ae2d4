package nn

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pipe/stages/nn/kernel"
)

// withPool runs a convolution and the pooling behind it forward and backward over a
// batch, at once or one after the other.
func (l *Convolution) withPool(in Shape, pool *MaxPool, atOnce bool, dirty float32) slid {
	rng := rand.New(rand.NewPCG(3, 1))
	p := NewTrainingPass()
	x := p.Tensor(in...)
	for i := range x.Data {
		x.Data[i] = float32(rng.NormFloat64())
	}
	for _, q := range l.Params() {
		q.Grad = make([]float32, len(q.Data))
	}
	if dirty != 0 {
		for i := range x.gradient() {
			x.grad[i] = dirty
		}
	}
	var y *Tensor
	if atOnce {
		y = l.join(p, x, pool)
	} else {
		y = pool.Forward(p, l.Forward(p, x))
	}
	out := slid{y: slices.Clone(y.Data)}
	for i := range y.gradient() {
		if i%7 > 0 {
			y.grad[i] = float32(rng.NormFloat64())
		}
	}
	p.undo()
	out.dw, out.dx = l.weight.Grad, x.grad
	if l.bias != nil {
		out.db = l.bias.Grad
	}
	return out
}

// TestConvolutionsWithTheirPooling compares both at once with one after the other, at
// every level and number of cores. Gradients of the weight and the bias are the same
// sums without what is 0.
func TestConvolutionsWithTheirPooling(t *testing.T) {
	if kernel.Features() == "portable" {
		t.Skip("skipped: this machine computes convolutions and poolings one after the other")
	}
	for _, c := range []struct {
		in             Shape
		filters        int
		size, stride   []int
		padding        Padding
		pool, steps    []int
		linear, noBias bool
		alreadyHolding float32 // in the gradient of the input
	}{
		{in: Shape{5, 12, 11, 1}, filters: 33, size: []int{3}, stride: []int{1}, padding: "valid", pool: []int{2}},
		{in: Shape{9, 13, 13, 32}, filters: 64, size: []int{3}, stride: []int{1}, padding: "valid", pool: []int{2}},
		{in: Shape{4, 10, 12, 8}, filters: 20, size: []int{3}, stride: []int{1}, padding: "valid", pool: []int{2}},
		{in: Shape{9, 9, 17, 7}, filters: 16, size: []int{3}, stride: []int{1}, padding: "same", pool: []int{2}, alreadyHolding: 0.5},
		{in: Shape{4, 14, 15, 13}, filters: 70, size: []int{5, 3}, stride: []int{2}, padding: "2", pool: []int{3, 2}},
		{in: Shape{6, 16, 16, 11}, filters: 3, size: []int{2}, stride: []int{1, 2}, padding: "same", pool: []int{2}, steps: []int{3}, noBias: true},
		{in: Shape{4, 11, 11, 2}, filters: 5, size: []int{5}, stride: []int{1}, padding: "valid", pool: []int{3}, linear: true},
		{in: Shape{4, 30, 40}, filters: 9, size: []int{4}, stride: []int{1}, padding: "causal", pool: []int{4}, linear: true},
		{in: Shape{4, 31, 19}, filters: 9, size: []int{3}, stride: []int{1}, padding: "same", pool: []int{2}},
	} {
		t.Run(fmt.Sprintf("%v %d filters %v by %v %s, %v by %v", c.in, c.filters, c.size, c.stride, c.padding, c.pool, c.steps), func(t *testing.T) {
			l, pool := convolutionDefaults(), &MaxPool{poolingDefaults()}
			l.Filters, l.KernelSize, l.Strides, l.Padding, l.UseBias = c.filters, c.size, c.stride, c.padding, !c.noBias
			pool.PoolSize, pool.Strides = c.pool, c.steps
			if !c.linear {
				l.Activation = Relu
			}
			if err := l.Build(c.in, Context{}, rand.New(rand.NewPCG(1, 1))); err != nil {
				t.Fatal(err)
			}
			if l.bias != nil {
				for i := range l.bias.Data {
					l.bias.Data[i] = float32(i%5)/10 - 0.1
				}
			}
			want := l.withPool(c.in, pool, false, c.alreadyHolding)
			acrossLevels(t, false, func() slid { return l.withPool(c.in, pool, true, c.alreadyHolding) }, func(got slid) {
				if !slices.Equal(got.y, want.y) {
					t.Error("the outputs differ")
				}
				got.nearTo(t, want)
			})
		})
	}
}

// TestWhatIsNotPooledAtOnce keeps poolings apart that overlap, reach over the edge or
// come behind another activation.
func TestWhatIsNotPooledAtOnce(t *testing.T) {
	for name, change := range map[string]func(*Convolution, *MaxPool){
		"overlap":    func(_ *Convolution, p *MaxPool) { p.PoolSize, p.Strides = []int{3}, []int{2} },
		"edge":       func(_ *Convolution, p *MaxPool) { p.Padding = "same" },
		"activation": func(l *Convolution, _ *MaxPool) { l.Activation = Tanh },
		"groups":     func(l *Convolution, _ *MaxPool) { l.Groups = 2 },
	} {
		l, pool := convolutionDefaults(), &MaxPool{poolingDefaults()}
		l.Filters, l.KernelSize = 4, []int{3}
		change(&l, pool)
		in := Shape{4, 9, 9, 2}
		if err := l.Build(in, Context{}, rand.New(rand.NewPCG(1, 1))); err != nil {
			t.Fatal(err)
		}
		if p := NewTrainingPass(); l.join(p, p.zeroTensor(in), pool) != nil {
			t.Errorf("%s: both are computed at once", name)
		}
	}
}

func (p *Pass) zeroTensor(shape Shape) *Tensor {
	x := p.Tensor(shape...)
	clear(x.Data)
	return x
}

// TestPoolingBehindAFrozenConvolution trains what is behind a convolution whose weights
// stay, where the pooling belongs to the trained part.
func TestPoolingBehindAFrozenConvolution(t *testing.T) {
	n := networkOf(t, Input{Shape: []int{9, 9, 1}}, Context{Classes: 3},
		`[{"conv2d":{"filters":4,"kernel_size":[3],"activation":"relu"}},{"max_pool":{}},{"flatten":{}},{"dense":{"units":"classes","activation":"softmax"}}]`)
	e := tokenBatch(8, 0, 1, 3, 1)
	for i := range 8 * 81 {
		e.Features = append(e.Features, float32(i*i%17)/17)
	}
	conv, dense := slices.Clone(n.Params()[0].Data), slices.Clone(n.Params()[2].Data)
	cfg := countingConfig()
	cfg.Frozen = Frozen{"0."}
	tr := mustTrainer(t, n, cfg)
	tr.visitOrder(e.Len())
	if _, err := tr.step(context.Background(), e, tr.order, 1); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(n.Params()[0].Data, conv) || slices.Equal(n.Params()[2].Data, dense) {
		t.Error("what is frozen has changed, or what is trained has not")
	}
}
