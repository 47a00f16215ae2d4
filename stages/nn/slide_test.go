package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"pipe/stages/nn/kernel"
)

// slid is one pass over a convolution: what it computes and the gradients of its
// weight, its bias and its input.
type slid struct{ y, dw, db, dx []float32 }

// The ways to compute a convolution.
const (
	asGroups = iota
	sliding
	depthwise
)

// pass runs a layer forward and backward over a batch in one of the ways.
func (l *Convolution) pass(in Shape, way int, dirty float32) slid {
	rng := rand.New(rand.NewPCG(3, 1))
	p := NewTrainingPass()
	x := p.Tensor(in...)
	for i := range x.Data {
		x.Data[i] = float32(rng.NormFloat64())
	}
	g, err := l.window(in)
	if err != nil {
		panic(err)
	}
	shape := g.outShape(in, l.Filters)
	y := p.Tensor(shape...)
	for _, q := range l.Params() {
		q.Grad = make([]float32, len(q.Data))
	}
	if dirty != 0 {
		for i := range x.gradient() {
			x.grad[i] = dirty
		}
	}
	switch way {
	case depthwise:
		record[depthwiseNode](p, y).forward(p, x, y, l, &g)
	case sliding:
		record[slidingNode](p, y).forward(p, x, y, l, &g)
	default:
		record[convolutionNode](p, y).forward(p, x, y, l, g)
	}
	out := slices.Clone(y.Data)
	for i := range y.gradient() {
		y.grad[i] = float32(rng.NormFloat64())
	}
	p.tape[0].node.backward()
	return slid{out, l.weight.Grad, l.bias.Grad, x.grad}
}

// acrossLevels runs compute at every level of assembly, and with portable in Go as well,
// on one to three cores. What it computes first is handed to check, and so is what the
// portable loops do; everything else must have its bits.
func acrossLevels(t *testing.T, portable bool, compute func() slid, check func(first slid)) {
	t.Helper()
	var first slid
	for _, level := range []string{"avx512", "avx2", "portable"} {
		best := kernel.Features()
		if level == "portable" && !portable || best == "portable" && level != best || best == "avx2" && level == "avx512" {
			continue
		}
		for _, cores := range []int{1, 2, 3} {
			back, before := kernel.SetLevel(level), runtime.GOMAXPROCS(cores)
			got := compute()
			back()
			runtime.GOMAXPROCS(before)
			if first.y == nil || level == "portable" && cores == 1 {
				first = got
				check(got)
			}
			if !slices.Equal(got.y, first.y) || !slices.Equal(got.dw, first.dw) || !slices.Equal(got.db, first.db) || !slices.Equal(got.dx, first.dx) {
				t.Errorf("%s, %d cores: other bits", level, cores)
			}
		}
	}
}

// nearTo wants the gradients equal but for the order of sums.
func (got slid) nearTo(t *testing.T, want slid) {
	t.Helper()
	near(t, "gradient of the weight", got.dw, want.dw)
	near(t, "gradient of the bias", got.db, want.db)
	near(t, "gradient of the input", got.dx, want.dx)
}

// TestDepthwiseIsAConvolutionInGroups compares a loop of its own with what computes all
// groups, at every level and number of cores.
func TestDepthwiseIsAConvolutionInGroups(t *testing.T) {
	for _, c := range []struct {
		in                     Shape
		size, stride, dilation []int
		padding                Padding
		alreadyHolding         float32
	}{
		{in: Shape{5, 12, 11, 33}, size: []int{3}, stride: []int{1}, dilation: []int{1}, padding: "same", alreadyHolding: 0.5},
		{in: Shape{1, 9, 14, 16}, size: []int{3, 2}, stride: []int{2}, dilation: []int{1}, padding: "1"},
		{in: Shape{9, 15, 13, 5}, size: []int{3}, stride: []int{1}, dilation: []int{2}, padding: "valid"},
		{in: Shape{3, 30, 20}, size: []int{4}, stride: []int{1}, dilation: []int{3}, padding: "causal"},
	} {
		t.Run(fmt.Sprintf("%v %v by %v %s", c.in, c.size, c.stride, c.padding), func(t *testing.T) {
			l := convolutionDefaults()
			l.Filters, l.Groups, l.KernelSize, l.Strides, l.Dilation, l.Padding, l.Activation = c.in.Last(), c.in.Last(), c.size, c.stride, c.dilation, c.padding, Relu
			if err := l.Build(c.in, Context{}, rand.New(rand.NewPCG(1, 1))); err != nil {
				t.Fatal(err)
			}
			for i := range l.bias.Data {
				l.bias.Data[i] = float32(i%5) / 10
			}
			want := l.pass(c.in, asGroups, c.alreadyHolding)
			acrossLevels(t, true, func() slid { return l.pass(c.in, depthwise, c.alreadyHolding) }, func(got slid) {
				near(t, "output", got.y, want.y)
				got.nearTo(t, want)
			})
		})
	}
}

// TestWindowsSlideAsTheyAreUnfolded compares the two ways to compute a convolution
// over all geometries that the faster one takes, at every level and number of cores.
func TestWindowsSlideAsTheyAreUnfolded(t *testing.T) {
	for _, c := range []struct {
		in             Shape
		filters        int
		size, stride   []int
		padding        Padding
		alreadyHolding float32 // in the gradient of the input
	}{
		{in: Shape{5, 12, 11, 1}, filters: 33, size: []int{3}, stride: []int{1}, padding: "valid"},
		{in: Shape{9, 9, 17, 3}, filters: 16, size: []int{3}, stride: []int{1}, padding: "same", alreadyHolding: 0.5},
		{in: Shape{4, 14, 15, 5}, filters: 70, size: []int{5, 3}, stride: []int{2}, padding: "2"},
		{in: Shape{4, 13, 13, 32}, filters: 64, size: []int{3}, stride: []int{1}, padding: "valid"},
		{in: Shape{6, 16, 16, 4}, filters: 3, size: []int{2}, stride: []int{3, 2}, padding: "same"},
		{in: Shape{4, 20, 20, 2}, filters: 5, size: []int{7}, stride: []int{2}, padding: "3"},
		{in: Shape{4, 30, 6}, filters: 9, size: []int{4}, stride: []int{1}, padding: "causal"},
		{in: Shape{4, 31, 19}, filters: 9, size: []int{3}, stride: []int{4}, padding: "same"},
	} {
		t.Run(fmt.Sprintf("%v %d filters %v by %v %s", c.in, c.filters, c.size, c.stride, c.padding), func(t *testing.T) {
			l := convolutionDefaults()
			l.Filters, l.KernelSize, l.Strides, l.Padding, l.Activation = c.filters, c.size, c.stride, c.padding, Relu
			if err := l.Build(c.in, Context{}, rand.New(rand.NewPCG(1, 1))); err != nil {
				t.Fatal(err)
			}
			for i := range l.bias.Data {
				l.bias.Data[i] = float32(i%5) / 10
			}
			g, err := l.window(c.in)
			if err != nil {
				t.Fatal(err)
			}
			if p := NewTrainingPass(); kernel.Features() != "portable" && !l.slides(p, &g, c.in[0]) {
				t.Fatal("the layer does not use sliding windows")
			}
			want := l.pass(c.in, asGroups, c.alreadyHolding)
			acrossLevels(t, false, func() slid { return l.pass(c.in, sliding, c.alreadyHolding) }, func(got slid) {
				if !slices.Equal(got.y, want.y) {
					t.Error("the outputs differ")
				}
				got.nearTo(t, want)
			})
		})
	}
}

// near wants all elements equal but for the order of sums.
func near(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i, v := range want {
		if math.Abs(float64(got[i]-v)) > 5e-5*max(1, math.Abs(float64(v))) {
			t.Fatalf("%s: element %d is %v, want %v", what, i, got[i], v)
		}
	}
}
