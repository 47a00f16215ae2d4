package onnx

import (
	"errors"
	"fmt"
	"slices"
)

// index makes one that counts from the end one that counts from the front.
func index(v int64, size int) (int, error) {
	if v < 0 {
		v += int64(size)
	}
	if v < 0 || v >= int64(size) {
		return 0, fmt.Errorf("there is no place %d among %d", v, size)
	}
	return int(v), nil
}

func (r *graphRun) gather(n *Node, x, at *array) (*array, error) {
	axis, err := n.axis(0, len(x.dims))
	if err != nil || at.kind != Int64 {
		return nil, errors.Join(err, wantInts(at))
	}
	dims := slices.Concat(x.dims[:axis], at.dims, x.dims[axis+1:])
	total, err := count(dims)
	if err != nil {
		return nil, err
	}
	if err := r.spend(total); err != nil {
		return nil, err
	}
	outer, inner := 1, stridesOf(x.dims)[axis]
	for _, d := range x.dims[:axis] {
		outer *= d
	}
	from := make([]int, 0, total)
	for o := range outer {
		for _, v := range at.ints {
			i, err := index(v, x.dims[axis])
			if err != nil {
				return nil, err
			}
			for k := range inner {
				from = append(from, (o*x.dims[axis]+i)*inner+k)
			}
		}
	}
	return x.pick(dims, from), nil
}

func wantInts(x *array) error {
	if x == nil || x.kind != Int64 {
		return errors.New("needs places that are whole numbers")
	}
	return nil
}

func gatherElements(n *Node, x, at *array) (*array, error) {
	axis, err := n.axis(0, len(x.dims))
	if err != nil || at.kind != Int64 || len(at.dims) != len(x.dims) {
		return nil, errors.Join(err, wantInts(at), errors.New("needs a place for each element"))
	}
	for i, d := range at.dims {
		if i != axis && d > x.dims[i] {
			return nil, fmt.Errorf("takes %v of %v", at.dims, x.dims)
		}
	}
	strides := stridesOf(x.dims)
	stride := strides[axis]
	strides[axis] = 0
	from := walk(at.dims, strides, 0)
	for i, v := range at.ints {
		place, err := index(v, x.dims[axis])
		if err != nil {
			return nil, err
		}
		from[i] += place * stride
	}
	return x.pick(at.dims, from), nil
}

// rowsAt gives where the rows of x begin that GatherND and ScatterND name, and how long
// they are.
func rowsAt(x, at *array, batch int) (starts []int, size int, dims []int, err error) {
	if at.kind != Int64 || len(at.dims) <= batch || batch >= len(x.dims) || batch < 0 || !slices.Equal(at.dims[:batch], x.dims[:batch]) {
		return nil, 0, nil, errors.New("needs places that fit its data")
	}
	k := at.dims[len(at.dims)-1]
	if k < 1 || batch+k > len(x.dims) {
		return nil, 0, nil, fmt.Errorf("names places of %v by %d numbers", x.dims, k)
	}
	strides := stridesOf(x.dims)
	size = strides[batch+k-1]
	batches := 1
	for _, d := range x.dims[:batch] {
		batches *= d
	}
	each := len(at.ints) / max(k*batches, 1)
	for row := 0; row*k < len(at.ints); row++ {
		start := 0
		if batch > 0 {
			start = row / each * strides[batch-1]
		}
		for j, v := range at.ints[row*k : (row+1)*k] {
			i, err := index(v, x.dims[batch+j])
			if err != nil {
				return nil, 0, nil, err
			}
			start += i * strides[batch+j]
		}
		starts = append(starts, start)
	}
	return starts, size, slices.Concat(at.dims[:len(at.dims)-1], x.dims[batch+k:]), nil
}

func (r *graphRun) gatherND(n *Node, x, at *array) (*array, error) {
	batch, err := n.int("batch_dims", 0)
	if err != nil {
		return nil, err
	}
	starts, size, dims, err := rowsAt(x, at, batch)
	if err != nil {
		return nil, err
	}
	total, err := count(dims)
	if err != nil {
		return nil, err
	}
	if err := r.spend(total); err != nil {
		return nil, err
	}
	from := make([]int, 0, total)
	for _, start := range starts {
		for i := range size {
			from = append(from, start+i)
		}
	}
	return x.pick(dims, from), nil
}

func scatterND(n *Node, x, at, updates *array) (*array, error) {
	if a := n.attribute("reduction"); a != nil && a.String != "" && a.String != "none" {
		return nil, fmt.Errorf("has the reduction %q", a.String)
	}
	starts, size, _, err := rowsAt(x, at, 0)
	if err != nil {
		return nil, err
	}
	if updates.kind != x.kind || updates.size() != size*len(starts) {
		return nil, fmt.Errorf("writes %v into %v", updates.dims, x.dims)
	}
	y := x.pick(x.dims, walk(x.dims, stridesOf(x.dims), 0))
	for i, start := range starts {
		switch x.kind {
		case Float32:
			copy(y.floats[start:start+size], updates.floats[i*size:])
		case Int64:
			copy(y.ints[start:start+size], updates.ints[i*size:])
		default:
			copy(y.bools[start:start+size], updates.bools[i*size:])
		}
	}
	return y, nil
}

// trilu keeps the upper or lower triangle of matrices.
func trilu(n *Node, in []*array) (*array, error) {
	upper, err := n.int("upper", 1)
	if err != nil {
		return nil, err
	}
	x, k := in[0], 0
	if len(in) > 1 && in[1] != nil && len(in[1].ints) == 1 {
		k = int(min(max(in[1].ints[0], -maxDim), maxDim))
	}
	if len(x.dims) < 2 {
		return nil, errors.New("needs matrices")
	}
	rows, columns := x.dims[len(x.dims)-2], x.dims[len(x.dims)-1]
	from := walk(x.dims, stridesOf(x.dims), 0)
	for i := range from {
		row, column := i/columns%rows, i%columns
		if upper != 0 && column < row+k || upper == 0 && column > row+k {
			from[i] = -1
		}
	}
	return x.pick(x.dims, from), nil
}

// span is Range: the numbers from start to limit.
func rangeOf(start, limit, delta *array) (*array, error) {
	for _, x := range []*array{start, limit, delta} {
		if x == nil || x.kind != Int64 || len(x.ints) != 1 {
			return nil, errors.New("counts in whole numbers only")
		}
	}
	from, to, by := start.ints[0], limit.ints[0], delta.ints[0]
	if by == 0 || (to-from)/by > mostElements {
		return nil, fmt.Errorf("cannot count from %d to %d by %d", from, to, by)
	}
	var out []int64
	for v := from; by > 0 && v < to || by < 0 && v > to; v += by {
		out = append(out, v)
	}
	return intArray([]int{len(out)}, out), nil
}
