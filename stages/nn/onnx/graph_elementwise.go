package onnx

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"pipe/stages/nn/kernel"
)

// unaryOps change each number on its own.
var unaryOps = map[string]func(dst, x []float32){
	"Abs": each(math.Abs), "Ceil": each(math.Ceil), "Cos": each(math.Cos), "Floor": each(math.Floor),
	"Neg": each(func(v float64) float64 { return -v }), "Reciprocal": each(func(v float64) float64 { return 1 / v }),
	"Round": each(math.RoundToEven), "Sin": each(math.Sin), "Sqrt": each(math.Sqrt),
	"Softplus":  each(func(v float64) float64 { return max(v, 0) + math.Log1p(math.Exp(-math.Abs(v))) }),
	"HardSwish": each(func(v float64) float64 { return v * min(max(v/6+0.5, 0), 1) }),
	"Mish":      each(func(v float64) float64 { return v * math.Tanh(max(v, 0)+math.Log1p(math.Exp(-math.Abs(v)))) }),
	"Erf":       kernel.Erf, "Exp": kernel.Exp, "Log": kernel.Log, "Relu": kernel.Relu, "Sigmoid": kernel.Sigmoid, "Tanh": kernel.Tanh,
}

func each(f func(float64) float64) func(dst, x []float32) {
	return func(dst, x []float32) {
		for i, v := range x {
			dst[i] = float32(f(float64(v)))
		}
	}
}

// scaledOps are unaryOps with the attributes alpha and beta, and what these are by default.
var scaledOps = map[string]struct {
	alpha, beta float32
	f           func(v, alpha, beta float64) float64
}{
	"HardSigmoid": {0.2, 0.5, func(v, alpha, beta float64) float64 { return min(max(alpha*v+beta, 0), 1) }},
	"LeakyRelu":   {0.01, 0, func(v, alpha, _ float64) float64 { return max(v, 0) + alpha*min(v, 0) }},
	"Elu":         {1, 0, func(v, alpha, _ float64) float64 { return max(v, 0) + alpha*math.Expm1(min(v, 0)) }},
}

func (r *graphRun) unary(n *Node, x *array) (*array, error) {
	if x.kind == Int64 && (n.Op == "Neg" || n.Op == "Abs") {
		y := intArray(x.dims, slices.Clone(x.ints))
		for i, v := range y.ints {
			if n.Op == "Neg" || v < 0 {
				y.ints[i] = -v
			}
		}
		return y, nil
	}
	if x.kind != Float32 {
		return nil, errors.New("works on floating-point numbers")
	}
	y := floatArray(x.dims, make([]float32, len(x.floats)))
	if f := unaryOps[n.Op]; f != nil {
		f(y.floats, x.floats)
		return y, nil
	}
	if n.Op == "Gelu" {
		if a := n.attribute("approximate"); a != nil && a.String == "tanh" {
			kernel.GeluTanh(y.floats, x.floats)
		} else {
			kernel.Gelu(y.floats, x.floats)
		}
		return y, nil
	}
	op := scaledOps[n.Op]
	alpha, err := n.float("alpha", op.alpha)
	if err != nil {
		return nil, err
	}
	beta, err := n.float("beta", op.beta)
	if err != nil {
		return nil, err
	}
	each(func(v float64) float64 { return op.f(v, float64(alpha), float64(beta)) })(y.floats, x.floats)
	return y, nil
}

// binaryFloats and its kin are operators of two arrays that are repeated to one shape.
var binaryFloats = map[string]func(a, b float32) float32{
	"Add": func(a, b float32) float32 { return a + b }, "Sub": func(a, b float32) float32 { return a - b },
	"Mul": func(a, b float32) float32 { return a * b }, "Div": func(a, b float32) float32 { return a / b },
	"Pow": func(a, b float32) float32 { return float32(math.Pow(float64(a), float64(b))) },
	"Min": func(a, b float32) float32 { return min(a, b) }, "Max": func(a, b float32) float32 { return max(a, b) },
	"PRelu": func(a, b float32) float32 { return max(a, 0) + b*min(a, 0) },
	"Mod":   func(a, b float32) float32 { return float32(math.Mod(float64(a), float64(b))) },
}

var binaryInts = map[string]func(a, b int64) int64{
	"Add": func(a, b int64) int64 { return a + b }, "Sub": func(a, b int64) int64 { return a - b },
	"Mul": func(a, b int64) int64 { return a * b }, "Min": func(a, b int64) int64 { return min(a, b) },
	"Max": func(a, b int64) int64 { return max(a, b) },
	"Div": func(a, b int64) int64 {
		if b == 0 {
			return 0
		}
		return a / b
	},
	"Mod": func(a, b int64) int64 {
		if b == 0 {
			return 0
		}
		return (a%b + b) % b
	},
	"Pow": func(a, b int64) int64 { return int64(math.Pow(float64(a), float64(b))) },
}

var comparisons = map[string]func(order int) bool{
	"Equal": func(o int) bool { return o == 0 }, "Less": func(o int) bool { return o == -1 }, "LessOrEqual": func(o int) bool { return o == -1 || o == 0 },
	"Greater": func(o int) bool { return o == 1 }, "GreaterOrEqual": func(o int) bool { return o == 1 || o == 0 },
}

var logicOps = map[string]func(a, b bool) bool{
	"And": func(a, b bool) bool { return a && b }, "Or": func(a, b bool) bool { return a || b }, "Xor": func(a, b bool) bool { return a != b },
	"Equal": func(a, b bool) bool { return a == b },
}

// zip applies f to the elements of two arrays that are repeated to one shape.
func zip[T, R any](r *graphRun, a, b []T, da, db []int, f func(a, b T) R) ([]R, []int, error) {
	dims, err := broadcast(da, db)
	if err != nil {
		return nil, nil, err
	}
	n, _ := count(dims)
	if err := r.spend(n); err != nil {
		return nil, nil, err
	}
	out := make([]R, n)
	switch {
	case len(a) == n && len(b) == n:
		for i, v := range a {
			out[i] = f(v, b[i])
		}
	case len(a) == n && len(b) == 1:
		for i, v := range a {
			out[i] = f(v, b[0])
		}
	default:
		pb := places(db, dims)
		for i, at := range places(da, dims) {
			out[i] = f(a[at], b[pb[i]])
		}
	}
	return out, dims, nil
}

func (r *graphRun) binary(op string, a, b *array) (y *array, err error) {
	if a.kind != b.kind {
		return nil, fmt.Errorf("its inputs are of different types (%d and %d)", a.kind, b.kind)
	}
	y = &array{kind: Bool}
	less, logic := comparisons[op], logicOps[op]
	switch {
	case a.kind == Bool && logic != nil:
		y.bools, y.dims, err = zip(r, a.bools, b.bools, a.dims, b.dims, logic)
	case a.kind == Float32 && less != nil:
		y.bools, y.dims, err = zip(r, a.floats, b.floats, a.dims, b.dims, func(a, b float32) bool { return less(order(a, b)) })
	case a.kind == Int64 && less != nil:
		y.bools, y.dims, err = zip(r, a.ints, b.ints, a.dims, b.dims, func(a, b int64) bool { return less(order(a, b)) })
	case a.kind == Float32 && binaryFloats[op] != nil:
		y.kind = Float32
		y.floats, y.dims, err = zip(r, a.floats, b.floats, a.dims, b.dims, binaryFloats[op])
	case a.kind == Int64 && binaryInts[op] != nil:
		y.kind = Int64
		y.ints, y.dims, err = zip(r, a.ints, b.ints, a.dims, b.dims, binaryInts[op])
	default:
		return nil, fmt.Errorf("does not work on data type %d", a.kind)
	}
	return y, err
}

// order is -1, 0 or 1; 2 where a number is NaN, which equals nothing.
func order[T float32 | int64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	case a == b:
		return 0
	}
	return 2
}

func (r *graphRun) where(c, a, b *array) (*array, error) {
	if c.kind != Bool || a.kind != b.kind {
		return nil, errors.New("chooses between two inputs of one type, by truth values")
	}
	dims, err := broadcast(c.dims, a.dims, b.dims)
	if err != nil {
		return nil, err
	}
	n, _ := count(dims)
	if err := r.spend(3 * n); err != nil {
		return nil, err
	}
	pa, pb := places(a.dims, dims), places(b.dims, dims)
	y, other := a.pick(dims, pa), b.pick(dims, pb)
	for i, at := range places(c.dims, dims) {
		if c.bools[at] {
			continue
		}
		switch y.kind {
		case Float32:
			y.floats[i] = other.floats[i]
		case Int64:
			y.ints[i] = other.ints[i]
		default:
			y.bools[i] = other.bools[i]
		}
	}
	return y, nil
}

// clip bounds numbers; a bound that is left out is nil.
func (r *graphRun) clip(x, low, high *array) (*array, error) {
	var err error
	if low != nil {
		if x, err = r.binary("Max", x, low); err != nil {
			return nil, err
		}
	}
	if high != nil {
		x, err = r.binary("Min", x, high)
	}
	return x, err
}

// cast gives the elements another type.
func cast(x *array, to DataType) (*array, error) {
	kind := Int64
	switch to {
	case Float32, Float64, Float16:
		kind = Float32
	case Bool:
		kind = Bool
	default:
		if to.size() == 0 {
			return nil, fmt.Errorf("data type %d is unknown", to)
		}
	}
	if kind == x.kind {
		return x, nil
	}
	y, err := newArray(kind, x.dims)
	if err != nil {
		return nil, err
	}
	for i := range x.size() {
		v := 0.0
		switch x.kind {
		case Float32:
			v = float64(x.floats[i])
		case Int64:
			v = float64(x.ints[i])
		default:
			if x.bools[i] {
				v = 1
			}
		}
		switch kind {
		case Float32:
			y.floats[i] = float32(v)
		case Int64:
			y.ints[i] = int64(v)
		default:
			y.bools[i] = v != 0
		}
	}
	return y, nil
}
