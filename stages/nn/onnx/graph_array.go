package onnx

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// array is a value in a graph that is run: floats, whole numbers or truth values, row
// by row. Which of the three tells kind; integers of all widths are int64 here.
type array struct {
	kind   DataType // Float32, Int64 or Bool
	dims   []int
	floats []float32
	ints   []int64
	bools  []bool
}

// mostElements bounds an array: a file of a few bytes may ask for any size.
const mostElements = 1 << 28

// count multiplies dimensions.
func count(dims []int) (int, error) {
	n := 1
	for _, d := range dims {
		if d < 0 || d > 0 && n > mostElements/d {
			return 0, fmt.Errorf("the shape %v is too large", dims)
		}
		n *= d
	}
	return n, nil
}

// newArray makes room for the elements.
func newArray(kind DataType, dims []int) (*array, error) {
	n, err := count(dims)
	if err != nil {
		return nil, err
	}
	a := &array{kind: kind, dims: slices.Clone(dims)}
	switch kind {
	case Float32:
		a.floats = make([]float32, n)
	case Int64:
		a.ints = make([]int64, n)
	default:
		a.bools = make([]bool, n)
	}
	return a, nil
}

func floatArray(dims []int, data []float32) *array {
	return &array{kind: Float32, dims: slices.Clone(dims), floats: data}
}

func intArray(dims []int, data []int64) *array {
	return &array{kind: Int64, dims: slices.Clone(dims), ints: data}
}

// size is the number of elements.
func (a *array) size() int { return len(a.floats) + len(a.ints) + len(a.bools) }

// with is the same elements under other dimensions.
func (a *array) with(dims []int) (*array, error) {
	if n, err := count(dims); err != nil || n != a.size() {
		return nil, fmt.Errorf("%v cannot become %v", a.dims, dims)
	}
	b := *a
	b.dims = slices.Clone(dims)
	return &b, nil
}

// pick is the array of other dimensions whose element i is element from[i] of a; -1
// stands for zero.
func (a *array) pick(dims []int, from []int) *array {
	b := &array{kind: a.kind, dims: slices.Clone(dims)}
	switch a.kind {
	case Float32:
		b.floats = picked(a.floats, from)
	case Int64:
		b.ints = picked(a.ints, from)
	default:
		b.bools = picked(a.bools, from)
	}
	return b
}

func picked[T any](src []T, from []int) []T {
	out := make([]T, len(from))
	for i, at := range from {
		if at >= 0 {
			out[i] = src[at]
		}
	}
	return out
}

// arrayOf reads a constant.
func arrayOf(t *Tensor) (*array, error) {
	dims := make([]int, len(t.Dims))
	for i, d := range t.Dims {
		dims[i] = int(d)
	}
	n, err := count(dims)
	if err != nil {
		return nil, err
	}
	if size := t.Type.size(); size == 0 || len(t.Raw) != n*size {
		return nil, fmt.Errorf("the constant %q has %d bytes for the shape %v", t.Name, len(t.Raw), t.Dims)
	}
	kind := map[DataType]DataType{Float32: Float32, Float64: Float32, Float16: Float32, Bool: Bool}[t.Type]
	if kind == 0 {
		kind = Int64
	}
	a, err := newArray(kind, dims)
	if err != nil {
		return nil, err
	}
	raw := binary.LittleEndian
	for i := range n {
		switch t.Type {
		case Float32:
			a.floats[i] = math.Float32frombits(raw.Uint32(t.Raw[4*i:]))
		case Float64:
			a.floats[i] = float32(math.Float64frombits(raw.Uint64(t.Raw[8*i:])))
		case Float16:
			a.floats[i] = halfFloat(raw.Uint16(t.Raw[2*i:]))
		case Bool:
			a.bools[i] = t.Raw[i] != 0
		case Int64:
			a.ints[i] = int64(raw.Uint64(t.Raw[8*i:]))
		case Int32:
			a.ints[i] = int64(int32(raw.Uint32(t.Raw[4*i:])))
		case Int8:
			a.ints[i] = int64(int8(t.Raw[i]))
		default:
			a.ints[i] = int64(t.Raw[i])
		}
	}
	return a, nil
}

// halfFloat reads IEEE 754's binary16.
func halfFloat(h uint16) float32 {
	sign, exponent, fraction := 1-2*int(h>>15), int(h>>10&31), float64(h&1023)
	switch exponent {
	case 0:
		return float32(float64(sign) * math.Ldexp(fraction, -24))
	case 31:
		if fraction != 0 {
			return float32(math.NaN())
		}
		return float32(math.Inf(sign))
	}
	return float32(float64(sign) * math.Ldexp(1024+fraction, exponent-25))
}

// stridesOf gives for each dimension how far apart neighbours are.
func stridesOf(dims []int) []int {
	out, n := make([]int, len(dims)), 1
	for i := len(dims) - 1; i >= 0; i-- {
		out[i] = n
		n *= dims[i]
	}
	return out
}

// broadcast is what the dimensions of several arrays have in common, as numpy has it.
func broadcast(all ...[]int) ([]int, error) {
	rank := 0
	for _, dims := range all {
		rank = max(rank, len(dims))
	}
	out := make([]int, rank)
	for i := range out {
		out[i] = 1
	}
	for _, dims := range all {
		for i, d := range dims {
			to := &out[rank-len(dims)+i]
			switch {
			case d == *to || d == 1:
			case *to == 1:
				*to = d
			default:
				return nil, fmt.Errorf("the shapes %v do not fit each other", all)
			}
		}
	}
	_, err := count(out)
	return out, err
}

// places lists, for each element of an array of dimensions to, which element of one of
// dimensions from it is repeated of.
func places(from, to []int) []int {
	strides := make([]int, len(to))
	for i, s := range stridesOf(from) {
		if from[i] != 1 {
			strides[len(to)-len(from)+i] = s
		}
	}
	return walk(to, strides, 0)
}

// walk lists the offsets that strides reach, row by row.
func walk(dims, strides []int, first int) []int {
	n, err := count(dims)
	if err != nil || n == 0 {
		return nil
	}
	out := append(make([]int, 0, n), first)
	at := make([]int, len(dims))
	offset := first
	for len(out) < n {
		for d := len(dims) - 1; ; d-- {
			at[d]++
			offset += strides[d]
			if at[d] < dims[d] {
				break
			}
			offset -= at[d] * strides[d]
			at[d] = 0
		}
		out = append(out, offset)
	}
	return out
}
