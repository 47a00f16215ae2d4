package onnx

import (
	"errors"
	"fmt"
	"slices"
)

// axisOf makes an axis that counts from the end one that counts from the front.
func axisOf(axis int64, rank int) (int, error) {
	if axis < 0 {
		axis += int64(rank)
	}
	if axis < 0 || axis >= int64(rank) {
		return 0, fmt.Errorf("there is no axis %d among %d", axis, rank)
	}
	return int(axis), nil
}

// axis is the one that the attribute names, or otherwise.
func (n *Node) axis(otherwise, rank int) (int, error) {
	along, err := n.int("axis", otherwise)
	if err != nil {
		return 0, err
	}
	return axisOf(int64(along), rank)
}

// axes are those that an attribute (of older operator sets) or input at names; nil for
// none.
func (n *Node) axes(in []*array, at, rank int) ([]int, error) {
	var list []int64
	if a := n.attribute("axes"); a != nil {
		list = a.Ints
	} else if at < len(in) && in[at] != nil {
		list = in[at].ints
	} else {
		return nil, nil
	}
	axes := []int{}
	for _, v := range list {
		axis, err := axisOf(v, rank)
		if err != nil {
			return nil, err
		}
		if slices.Contains(axes, axis) {
			return nil, fmt.Errorf("axis %d is named twice", axis)
		}
		axes = append(axes, axis)
	}
	slices.Sort(axes)
	return axes, nil
}

func reshape(n *Node, x, shape *array) (*array, error) {
	dims, rest, known := make([]int, len(shape.ints)), -1, 1
	for i, d := range shape.ints {
		switch {
		case d == 0 && i < len(x.dims):
			d = int64(x.dims[i])
		case d == -1 && rest < 0:
			rest, d = i, 1
		case d < 0 || d > mostElements:
			return nil, fmt.Errorf("cannot reshape to %v", shape.ints)
		}
		dims[i] = int(d)
	}
	known, err := count(dims)
	if err != nil {
		return nil, err
	}
	if rest >= 0 && known > 0 {
		dims[rest] = x.size() / known
	}
	return x.with(dims)
}

func squeeze(x *array, axes []int) (*array, error) {
	var dims []int
	for i, d := range x.dims {
		switch {
		case axes == nil && d == 1:
		case slices.Contains(axes, i) && d != 1:
			return nil, fmt.Errorf("axis %d of %v is not of size 1", i, x.dims)
		case slices.Contains(axes, i):
		default:
			dims = append(dims, d)
		}
	}
	return x.with(dims)
}

func unsqueeze(n *Node, in []*array) (*array, error) {
	x, more := in[0], 0
	if a := n.attribute("axes"); a != nil {
		more = len(a.Ints)
	} else if len(in) > 1 && in[1] != nil {
		more = len(in[1].ints)
	}
	axes, err := n.axes(in, 1, len(x.dims)+more)
	if err != nil {
		return nil, err
	}
	dims := slices.Clone(x.dims)
	for _, axis := range axes {
		dims = slices.Insert(dims, axis, 1)
	}
	return x.with(dims)
}

func transpose(n *Node, x *array) (*array, error) {
	rank := len(x.dims)
	perm := make([]int, rank)
	a := n.attribute("perm")
	seen := make([]bool, rank)
	for i := range perm {
		perm[i] = rank - 1 - i
		if a != nil {
			if len(a.Ints) != rank || a.Ints[i] < 0 || a.Ints[i] >= int64(rank) || seen[a.Ints[i]] {
				return nil, fmt.Errorf("cannot order %d axes as %v", rank, a.Ints)
			}
			perm[i] = int(a.Ints[i])
			seen[perm[i]] = true
		}
	}
	return x.permuted(perm), nil
}

// permuted is x with its axes in another order.
func (x *array) permuted(perm []int) *array {
	dims, strides, all := make([]int, len(perm)), make([]int, len(perm)), stridesOf(x.dims)
	for i, p := range perm {
		dims[i], strides[i] = x.dims[p], all[p]
	}
	return x.pick(dims, walk(dims, strides, 0))
}

// concat puts arrays one behind the other along an axis.
func concat(axis int, in []*array) (*array, error) {
	if len(in) == 0 {
		return nil, errors.New("has no inputs")
	}
	axis, err := axisOf(int64(axis), len(in[0].dims))
	if err != nil {
		return nil, err
	}
	dims := slices.Clone(in[0].dims)
	dims[axis] = 0
	for _, x := range in {
		if x == nil || x.kind != in[0].kind || len(x.dims) != len(dims) {
			return nil, errors.New("puts together what is not of one kind")
		}
		for i, d := range x.dims {
			if i == axis {
				dims[i] += d
			} else if d != dims[i] {
				return nil, fmt.Errorf("the shapes %v and %v do not fit each other", in[0].dims, x.dims)
			}
		}
	}
	y, err := newArray(in[0].kind, dims)
	if err != nil {
		return nil, err
	}
	inner := 1
	for _, d := range dims[axis+1:] {
		inner *= d
	}
	width, at := dims[axis]*inner, 0
	for _, x := range in {
		part := x.dims[axis] * inner
		for row := 0; part > 0 && row*part < x.size(); row++ {
			to, from := row*width+at, row*part
			switch x.kind {
			case Float32:
				copy(y.floats[to:to+part], x.floats[from:])
			case Int64:
				copy(y.ints[to:to+part], x.ints[from:])
			default:
				copy(y.bools[to:to+part], x.bools[from:])
			}
		}
		at += part
	}
	return y, nil
}

// section is elements first, first+step, … of an axis, size of them.
func (x *array) section(axis, first, step, size int) *array {
	dims, strides := slices.Clone(x.dims), stridesOf(x.dims)
	from := first * strides[axis]
	dims[axis], strides[axis] = size, strides[axis]*step
	return x.pick(dims, walk(dims, strides, from))
}

func split(n *Node, in []*array) ([]*array, error) {
	x := in[0]
	axis, err := n.axis(0, len(x.dims))
	if err != nil {
		return nil, err
	}
	var sizes []int64
	if a := n.attribute("split"); a != nil {
		sizes = a.Ints
	} else if len(in) > 1 && in[1] != nil {
		sizes = in[1].ints
	} else {
		each := (x.dims[axis] + len(n.Outputs) - 1) / len(n.Outputs)
		for at := 0; at < x.dims[axis]; at += each {
			sizes = append(sizes, int64(min(each, x.dims[axis]-at)))
		}
	}
	var out []*array
	at := int64(0)
	for _, size := range sizes {
		if size < 0 || size > int64(x.dims[axis])-at {
			return nil, fmt.Errorf("cannot split %v into parts of %v", x.dims, sizes)
		}
		out = append(out, x.section(axis, int(at), 1, int(size)))
		at += size
	}
	return out, nil
}

// slice is Slice: starts, ends, axes and steps are inputs, of older operator sets
// attributes.
func slice(n *Node, in []*array) (*array, error) {
	list := func(at int, name string) []int64 {
		if a := n.attribute(name); a != nil {
			return a.Ints
		}
		if at < len(in) && in[at] != nil {
			return in[at].ints
		}
		return nil
	}
	x, starts, ends, axes, by := in[0], list(1, "starts"), list(2, "ends"), list(3, "axes"), list(4, "")
	if len(starts) != len(ends) || axes != nil && len(axes) != len(starts) || by != nil && len(by) != len(starts) {
		return nil, errors.New("has starts, ends, axes and steps of different lengths")
	}
	for i := range starts {
		axis, step := i, int64(1)
		if axes != nil {
			var err error
			if axis, err = axisOf(axes[i], len(x.dims)); err != nil {
				return nil, err
			}
		}
		if axis >= len(x.dims) {
			return nil, fmt.Errorf("slices axis %d of %v", axis, x.dims)
		}
		if by != nil {
			step = by[i]
		}
		size := int64(x.dims[axis])
		bound := func(v, low, high int64) int64 {
			if v < 0 {
				v += size
			}
			return min(max(v, low), high)
		}
		var first, n int64
		switch {
		case step > 0:
			first = bound(starts[i], 0, size)
			n = (bound(ends[i], 0, size) - first + step - 1) / step
		case step < 0 && step > -maxDim:
			first = bound(starts[i], 0, size-1)
			n = (first - bound(ends[i], -1, size-1) - step - 1) / -step
		default:
			return nil, fmt.Errorf("has a step of %d", step)
		}
		x = x.section(axis, int(first), int(min(step, maxDim)), int(max(n, 0)))
	}
	return x, nil
}

// sizes reads an input that is a shape.
func sizesOf(x *array) ([]int, error) {
	if x == nil || x.kind != Int64 {
		return nil, errors.New("needs a shape")
	}
	dims := make([]int, len(x.ints))
	for i, d := range x.ints {
		if d < 0 || d > mostElements {
			return nil, fmt.Errorf("the shape %v is not possible", x.ints)
		}
		dims[i] = int(d)
	}
	_, err := count(dims)
	return dims, err
}

// pad is Pad with constants or repeated edges.
func pad(n *Node, in []*array) (*array, error) {
	x, rank := in[0], len(in[0].dims)
	var by []int64
	if a := n.attribute("pads"); a != nil {
		by = a.Ints
	} else if len(in) > 1 && in[1] != nil {
		by = in[1].ints
	}
	if len(in) > 3 && in[3] != nil || len(by) != 2*rank {
		return nil, fmt.Errorf("pads %v by %v", x.dims, by)
	}
	mode := "constant"
	if a := n.attribute("mode"); a != nil && a.String != "" {
		mode = a.String
	}
	if mode != "constant" && mode != "edge" && mode != "reflect" {
		return nil, fmt.Errorf("has the mode %q", mode)
	}
	dims := make([]int, rank)
	for i, d := range x.dims {
		size := int64(d) + by[i] + by[rank+i]
		if by[i] < -maxDim || by[i] > maxDim || size < 0 || size > mostElements {
			return nil, fmt.Errorf("pads %v by %v", x.dims, by)
		}
		dims[i] = int(size)
	}
	total, err := count(dims)
	if err != nil {
		return nil, err
	}
	strides, from := stridesOf(x.dims), make([]int, total)
	outer := stridesOf(dims)
	for at := range from {
		for i := range dims {
			j := at/outer[i]%dims[i] - int(by[i])
			switch {
			case j >= 0 && j < x.dims[i]:
			case mode == "edge" && x.dims[i] > 0:
				j = min(max(j, 0), x.dims[i]-1)
			case mode == "reflect" && x.dims[i] > 1:
				period := 2 * (x.dims[i] - 1)
				if j = (j%period + period) % period; j >= x.dims[i] {
					j = period - j
				}
			default:
				from[at] = -1
			}
			if from[at] < 0 {
				break
			}
			from[at] += j * strides[i]
		}
	}
	y := x.pick(dims, from)
	if len(in) > 2 && in[2] != nil && in[2].kind == Float32 && y.kind == Float32 && len(in[2].floats) == 1 {
		for at, f := range from {
			if f < 0 {
				y.floats[at] = in[2].floats[0]
			}
		}
	}
	return y, nil
}
