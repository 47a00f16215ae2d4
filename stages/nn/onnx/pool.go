package onnx

import (
	"errors"
	"math"

	"pipe/stages/nn"
)

// maxPool is MaxPool-12.
func (g *builder) maxPool(l *nn.Pooling, x value) (value, error) { return g.pool("MaxPool", l, x) }

// averagePool is AveragePool-11, which leaves the padding out.
func (g *builder) averagePool(l *nn.Pooling, x value) (value, error) {
	return g.pool("AveragePool", l, x, intAttribute("count_include_pad", 0))
}

func (g *builder) pool(op string, l *nn.Pooling, x value, attributes ...*Attribute) (value, error) {
	out, err := l.OutShape(x.shape, g.context)
	if err != nil {
		return value{}, err
	}
	strides := l.Strides
	if len(strides) == 0 {
		strides = l.PoolSize
	}
	w, err := newWindows(x.shape, out, l.PoolSize, strides, []int{1}, l.Padding)
	if err != nil {
		return value{}, err
	}
	for i, pad := range w.pads {
		if pad >= w.size[i%len(w.size)] {
			return value{}, errors.New("has windows that lie wholly in the padding, which " + op + " does not allow")
		}
	}
	y := g.op(op, in(g.channelsSecond(x)), append(w.attributes(), attributes...)...)
	return value{name: g.channelsLast(y, len(x.shape))}, nil
}

// globalAverage is ReduceMean-13 over all positions; with a mask the sum over what
// it leaves (Where-16, ReduceSum-13) over their number, at least 1.
func (g *builder) globalAverage(x value) (value, error) {
	if x.mask == "" {
		name, axes := g.spatial(x)
		return value{name: g.op("ReduceMean", in(name), axes, intAttribute("keepdims", 0))}, nil
	}
	kept := g.op("Where", in(g.column(x.mask), x.name, g.scalar(0)))
	sum := g.op("ReduceSum", in(kept, g.ints(1)), intAttribute("keepdims", 0))
	return value{name: g.op("Div", in(sum, g.op("Max", in(g.marked(x.mask), g.scalar(1)))))}, nil
}

// globalMax is ReduceMax-13 over all positions, or over what a mask leaves
// (Where-16); an example without any gives 0.
func (g *builder) globalMax(x value) (value, error) {
	if x.mask == "" {
		name, axes := g.spatial(x)
		return value{name: g.op("ReduceMax", in(name), axes, intAttribute("keepdims", 0))}, nil
	}
	kept := g.op("Where", in(g.column(x.mask), x.name, g.scalar(-math.MaxFloat32)))
	best := g.op("ReduceMax", in(kept), intsAttribute("axes", 1), intAttribute("keepdims", 0))
	some := g.op("Greater", in(g.marked(x.mask), g.scalar(0)))
	return value{name: g.op("Where", in(some, best, g.scalar(0)))}, nil
}

// spatial returns x in the layout it comes from and the axes of its positions.
func (g *builder) spatial(x value) (string, *Attribute) {
	name, first := x.name, 1
	if from, ok := g.origins[x.name]; ok {
		name, first = from.name, 2
	}
	var axes []int64
	for i := range len(x.shape) - 2 {
		axes = append(axes, int64(first+i))
	}
	return name, intsAttribute("axes", axes...)
}

// column returns a mask (batch, time) as (batch, time, 1).
func (g *builder) column(mask string) string { return g.op("Unsqueeze", in(mask, g.ints(2))) }

// marked returns how many positions a mask leaves, (batch, 1) numbers.
func (g *builder) marked(mask string) string {
	numbers := g.op("Cast", in(mask), intAttribute("to", int(Float32)))
	return g.op("ReduceSum", in(numbers, g.ints(1)), intAttribute("keepdims", 1))
}
