package onnx

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"pipe/stages/nn/kernel"
)

// reductions are operators over axes; each sums or chooses in the order of the axes.
var reductions = map[string]func(x []float32) float64{
	"ReduceMean":      func(x []float32) float64 { return sum(x) / float64(len(x)) },
	"ReduceSum":       sum,
	"ReduceMax":       func(x []float32) float64 { return float64(slices.Max(x)) },
	"ReduceMin":       func(x []float32) float64 { return float64(slices.Min(x)) },
	"ReduceL2":        func(x []float32) float64 { return math.Sqrt(squares(x)) },
	"ReduceSumSquare": squares,
	"ReduceProd": func(x []float32) float64 {
		p := 1.0
		for _, v := range x {
			p *= float64(v)
		}
		return p
	},
}

func sum(x []float32) (s float64) {
	for _, v := range x {
		s += float64(v)
	}
	return s
}

func squares(x []float32) (s float64) {
	for _, v := range x {
		s += float64(v) * float64(v)
	}
	return s
}

func reduce(n *Node, in []*array) (*array, error) {
	x := in[0]
	axes, err := n.axes(in, 1, len(x.dims))
	if err != nil {
		return nil, err
	}
	keep, err := n.int("keepdims", 1)
	if err != nil {
		return nil, err
	}
	if len(axes) == 0 {
		if none, _ := n.int("noop_with_empty_axes", 0); none != 0 {
			return x, nil
		}
		for i := range x.dims {
			axes = append(axes, i)
		}
	}
	whole := x.kind == Int64
	if whole {
		if x, err = cast(x, Float32); err != nil {
			return nil, err
		}
	}
	if x.kind != Float32 {
		return nil, errors.New("works on numbers")
	}
	var perm, dims []int
	width := 1
	for i, d := range x.dims {
		if !slices.Contains(axes, i) {
			perm, dims = append(perm, i), append(dims, d)
			continue
		}
		width *= d
		if keep != 0 {
			dims = append(dims, 1)
		}
	}
	total, err := count(dims)
	if err != nil {
		return nil, err
	}
	if width == 0 {
		return nil, errors.New("reduces nothing")
	}
	moved := x.permuted(append(perm, axes...)).floats
	y := floatArray(dims, make([]float32, total))
	for i := range y.floats {
		y.floats[i] = float32(reductions[n.Op](moved[i*width : (i+1)*width]))
	}
	if whole {
		return cast(y, Int64)
	}
	return y, nil
}

// softmax is Softmax or LogSoftmax over one axis; before operator set 13 over it and
// all behind it.
func (r *graphRun) softmax(n *Node, x *array) (*array, error) {
	otherwise := -1
	if r.opset < 13 {
		otherwise = 1
	}
	axis, err := n.axis(otherwise, len(x.dims))
	if err != nil || x.kind != Float32 {
		return nil, errors.Join(err, wantFloats(x))
	}
	rank := len(x.dims)
	perm := identity(rank)
	width := x.dims[axis]
	if r.opset < 13 {
		for _, d := range x.dims[axis+1:] {
			width *= d
		}
	} else {
		perm[axis], perm[rank-1] = rank-1, axis
	}
	y := x.permuted(perm)
	if width > 0 {
		kernel.Softmax(y.floats, y.floats, len(y.floats)/width, width)
	}
	if n.Op == "LogSoftmax" {
		kernel.Log(y.floats, y.floats)
	}
	return y.permuted(perm), nil
}

func identity(n int) []int {
	perm := make([]int, n)
	for i := range perm {
		perm[i] = i
	}
	return perm
}

func wantFloats(all ...*array) error {
	for _, x := range all {
		if x == nil || x.kind != Float32 {
			return errors.New("needs floating-point numbers")
		}
	}
	return nil
}

// layerNorm is LayerNormalization, or RMSNormalization, which does not centre.
func layerNorm(n *Node, in []*array) (*array, error) {
	x := in[0]
	axis, err := n.axis(-1, len(x.dims))
	if err != nil {
		return nil, err
	}
	epsilon, err := n.float("epsilon", 1e-5)
	if err != nil {
		return nil, err
	}
	width := 1
	for _, d := range x.dims[axis:] {
		width *= d
	}
	scale, offset := in[1], (*array)(nil)
	if len(in) > 2 {
		offset = in[2]
	}
	if err := wantFloats(x, scale); err != nil || width == 0 || len(scale.floats) != width || offset != nil && len(offset.floats) != width {
		return nil, errors.Join(err, fmt.Errorf("has weights that do not fit %v", x.dims))
	}
	y := floatArray(x.dims, make([]float32, len(x.floats)))
	for at := 0; at < len(x.floats); at += width {
		row := x.floats[at : at+width]
		mean := 0.0
		if n.Op == "LayerNormalization" {
			mean = sum(row) / float64(width)
		}
		spread := 0.0
		for _, v := range row {
			spread += (float64(v) - mean) * (float64(v) - mean)
		}
		inverse := 1 / math.Sqrt(spread/float64(width)+float64(epsilon))
		for i, v := range row {
			z := (float64(v) - mean) * inverse * float64(scale.floats[i])
			if offset != nil {
				z += float64(offset.floats[i])
			}
			y.floats[at+i] = float32(z)
		}
	}
	return y, nil
}

// channelNorm is BatchNormalization of an answer, with the moments that training left,
// or InstanceNormalization, with those of each picture.
func channelNorm(n *Node, in []*array) (*array, error) {
	x := in[0]
	epsilon, err := n.float("epsilon", 1e-5)
	if err != nil {
		return nil, err
	}
	if training, _ := n.int("training_mode", 0); training != 0 || len(x.dims) < 2 {
		return nil, errors.New("trains, or has no channels")
	}
	if err := wantFloats(in...); err != nil {
		return nil, err
	}
	channels, inner := x.dims[1], stridesOf(x.dims)[1]
	for _, p := range in[1:] {
		if len(p.floats) != channels {
			return nil, fmt.Errorf("has %d weights for %d channels", len(p.floats), channels)
		}
	}
	y := floatArray(x.dims, make([]float32, len(x.floats)))
	for block := 0; inner > 0 && block*inner < len(x.floats); block++ {
		c, row := block%channels, x.floats[block*inner:(block+1)*inner]
		var mean, variance float64
		if n.Op == "BatchNormalization" {
			mean, variance = float64(in[3].floats[c]), float64(in[4].floats[c])
		} else {
			mean = sum(row) / float64(inner)
			variance = max(squares(row)/float64(inner)-mean*mean, 0)
		}
		factor := float64(in[1].floats[c]) / math.Sqrt(variance+float64(epsilon))
		for i, v := range row {
			y.floats[block*inner+i] = float32((float64(v)-mean)*factor + float64(in[2].floats[c]))
		}
	}
	return y, nil
}

// cumulate is CumSum along an axis.
func cumulate(n *Node, x, along *array) (*array, error) {
	if exclusive, _ := n.int("exclusive", 0); exclusive != 0 {
		return nil, errors.New("leaves each element out of its own sum")
	}
	if reverse, _ := n.int("reverse", 0); reverse != 0 {
		return nil, errors.New("sums from the end")
	}
	if along == nil || len(along.ints) != 1 {
		return nil, wantInts(nil)
	}
	axis, err := axisOf(along.ints[0], len(x.dims))
	if err != nil {
		return nil, err
	}
	y := x.pick(x.dims, walk(x.dims, stridesOf(x.dims), 0))
	stride, size := stridesOf(x.dims)[axis], x.dims[axis]
	for i := range y.size() {
		if i/stride%size == 0 {
			continue
		}
		if y.kind == Float32 {
			y.floats[i] += y.floats[i-stride]
		} else if y.kind == Int64 {
			y.ints[i] += y.ints[i-stride]
		}
	}
	return y, nil
}

// argMax is the place of the greatest number along an axis, the first of equal ones.
func argMax(n *Node, x *array) (*array, error) {
	axis, err := n.axis(0, len(x.dims))
	if err != nil {
		return nil, err
	}
	if x.kind == Int64 {
		x, err = cast(x, Float32)
	}
	if err = errors.Join(err, wantFloats(x)); err != nil {
		return nil, err
	}
	keep, _ := n.int("keepdims", 1)
	perm := append(slices.Delete(identity(len(x.dims)), axis, axis+1), axis)
	dims := slices.Clone(x.dims)
	dims[axis] = 1
	if keep == 0 {
		dims = slices.Delete(dims, axis, axis+1)
	}
	moved, width := x.permuted(perm).floats, x.dims[axis]
	y, err := newArray(Int64, dims)
	if err != nil || width == 0 {
		return nil, errors.Join(err, errors.New("chooses among nothing"))
	}
	for i := range y.ints {
		row := moved[i*width : (i+1)*width]
		for j, v := range row {
			if v > row[y.ints[i]] {
				y.ints[i] = int64(j)
			}
		}
	}
	return y, nil
}
