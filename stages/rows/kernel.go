package rows

import (
	"math"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"

	"pipe/dag/expr"
)

// A kernel computes an expression for the rows of a batch at once. Only the part
// of CEL that is common in filters and derived columns has kernels: columns of
// numbers, text and true/false, constants, arithmetic, comparison, and, or, not,
// and a few functions. A batch in which anything would be an error, such as an
// overflow, is left to the evaluation row by row, which knows what to say.
type kernel func(b arrow.RecordBatch, from, to int) (v vector, ok bool)

// vector is what a kernel gives for a run of rows; one of the slices is filled.
type vector struct {
	ints   []int64
	floats []float64
	bools  []bool
	texts  *array.String // with the offset at
	at     int
	text   string // of a constant
	// null tells which rows have no value; nil means none. The null of a column is
	// a value that can be compared for equality, and that of anything computed
	// stands for an error that a null has caused.
	null   []bool
	column bool
	n      int
}

func (v *vector) isNull(i int) bool { return v.null != nil && v.null[i] }

func (v *vector) str(i int) string {
	if v.texts != nil {
		return v.texts.Value(v.at + i)
	}
	return v.text
}

// form is the type of a kernel's values.
type form int

const (
	formInt form = iota + 1
	formFloat
	formBool
	formText
)

// compile makes a kernel of an expression, or gives nil where a part of it has
// none.
func compile(s *arrow.Schema, n *expr.Node) (kernel, form) {
	switch {
	case n == nil:
		return nil, 0
	case n.Name != "":
		return column(s, n.Name)
	case n.Const != nil:
		return constant(n.Const)
	}
	args := make([]kernel, len(n.Args))
	forms := make([]form, len(n.Args))
	for i, a := range n.Args {
		if args[i], forms[i] = compile(s, a); args[i] == nil {
			return nil, 0
		}
	}
	switch {
	case len(args) == 1:
		return unaryKernel(n.Call, args[0], forms[0])
	case len(args) == 2 && (n.Call == "_&&_" || n.Call == "_||_") && forms[0] == formBool && forms[1] == formBool:
		return logical(n.Call == "_||_", args[0], args[1]), formBool
	case len(args) == 2 && forms[0] == forms[1]:
		return binaryKernel(n.Call, args[0], args[1], forms[0])
	case len(args) == 2 && forms[0] == formFloat && forms[1] == formInt && exact(n.Args[1].Const):
		return binaryKernel(n.Call, args[0], widened(args[1]), formFloat)
	case len(args) == 2 && forms[1] == formFloat && forms[0] == formInt && exact(n.Args[0].Const):
		return binaryKernel(n.Call, widened(args[0]), args[1], formFloat)
	}
	return nil, 0
}

// exact tells whether a constant is the same number as float64; CEL compares
// numbers of two types by their value.
func exact(c any) bool {
	i, ok := c.(int64)
	return ok && i > -1<<53 && i < 1<<53
}

func column(s *arrow.Schema, name string) (kernel, form) {
	at := s.FieldIndices(name)
	if len(at) == 0 {
		return nil, 0
	}
	var f form
	switch s.Field(at[0]).Type.ID() {
	case arrow.INT64:
		f = formInt
	case arrow.FLOAT64:
		f = formFloat
	case arrow.STRING:
		f = formText
	case arrow.BOOL:
		f = formBool
	default:
		return nil, 0
	}
	return func(b arrow.RecordBatch, from, to int) (vector, bool) {
		col := b.Column(at[0])
		v := vector{n: to - from, column: true}
		if col.NullN() > 0 {
			v.null = make([]bool, v.n)
			bits, at := col.NullBitmapBytes(), col.Data().Offset()+from
			for i := range v.null {
				v.null[i] = !bitutil.BitIsSet(bits, at+i)
			}
		}
		switch c := col.(type) {
		case *array.Int64:
			v.ints = c.Int64Values()[from:to]
		case *array.Float64:
			v.floats = c.Float64Values()[from:to]
		case *array.String:
			v.texts, v.at = c, from
		case *array.Boolean:
			v.bools = make([]bool, v.n)
			for i := range v.bools {
				v.bools[i] = c.Value(from + i)
			}
		}
		return v, true
	}, f
}

// constant repeats a value; only texts do without memory for it.
func constant(c any) (kernel, form) {
	switch c := c.(type) {
	case int64:
		return func(_ arrow.RecordBatch, from, to int) (vector, bool) {
			return vector{n: to - from, ints: filled(to-from, c)}, true
		}, formInt
	case float64:
		return func(_ arrow.RecordBatch, from, to int) (vector, bool) {
			return vector{n: to - from, floats: filled(to-from, c)}, true
		}, formFloat
	case bool:
		return func(_ arrow.RecordBatch, from, to int) (vector, bool) {
			return vector{n: to - from, bools: filled(to-from, c)}, true
		}, formBool
	case string:
		return func(_ arrow.RecordBatch, from, to int) (vector, bool) { return vector{n: to - from, text: c}, true }, formText
	}
	return nil, 0
}

func filled[T any](n int, v T) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = v
	}
	return out
}

func widened(k kernel) kernel {
	return func(b arrow.RecordBatch, from, to int) (vector, bool) {
		v, ok := k(b, from, to)
		floats := make([]float64, len(v.ints))
		for i, x := range v.ints {
			floats[i] = float64(x)
		}
		v.ints, v.floats, v.column = nil, floats, false
		return v, ok
	}
}

func unaryKernel(call string, k kernel, f form) (kernel, form) {
	with := func(fill func(v vector, out *vector) bool) kernel {
		return func(b arrow.RecordBatch, from, to int) (vector, bool) {
			v, ok := k(b, from, to)
			if !ok {
				return v, false
			}
			out := vector{n: v.n, null: v.null}
			ok = fill(v, &out)
			return out, ok
		}
	}
	switch {
	case call == "!_" && f == formBool:
		return with(func(v vector, out *vector) bool {
			out.bools = make([]bool, v.n)
			for i, x := range v.bools {
				out.bools[i] = !x
			}
			return true
		}), formBool
	case call == "size" && f == formText:
		return with(func(v vector, out *vector) bool {
			out.ints = make([]int64, v.n)
			for i := range v.n {
				if !v.isNull(i) {
					out.ints[i] = int64(utf8.RuneCountInString(v.str(i)))
				}
			}
			return true
		}), formInt
	case call == "double" && f == formInt:
		return widened(k), formFloat
	case call == "-_" && f == formFloat:
		return with(func(v vector, out *vector) bool {
			out.floats = make([]float64, v.n)
			for i, x := range v.floats {
				out.floats[i] = -x
			}
			return true
		}), formFloat
	}
	return nil, 0
}

// logical is && and ||, which do without a side that is an error where the other
// one decides.
func logical(or bool, left, right kernel) kernel {
	return func(b arrow.RecordBatch, from, to int) (vector, bool) {
		x, ok := left(b, from, to)
		if !ok {
			return x, false
		}
		y, ok := right(b, from, to)
		if !ok {
			return y, false
		}
		out := vector{n: x.n, bools: make([]bool, x.n)}
		if x.null == nil && y.null == nil {
			for i := range out.bools {
				out.bools[i] = x.bools[i] && y.bools[i] || or && (x.bools[i] || y.bools[i])
			}
			return out, true
		}
		out.null = make([]bool, x.n)
		for i := range out.bools {
			xn, yn := x.isNull(i), y.isNull(i)
			decided := !xn && x.bools[i] == or || !yn && y.bools[i] == or
			switch {
			case decided:
				out.bools[i] = or
			case xn || yn:
				out.null[i] = true
			default:
				out.bools[i] = !or
			}
		}
		return out, true
	}
}

var comparisons = map[string]func(c int) bool{
	"_<_": func(c int) bool { return c < 0 }, "_<=_": func(c int) bool { return c <= 0 },
	"_>_": func(c int) bool { return c > 0 }, "_>=_": func(c int) bool { return c >= 0 },
}

// textTests are functions of two texts that say yes or no.
var textTests = map[string]func(s, t string) bool{"startsWith": strings.HasPrefix, "endsWith": strings.HasSuffix, "contains": strings.Contains}

func binaryKernel(call string, left, right kernel, f form) (kernel, form) {
	var fill func(x, y *vector, out *vector) bool
	gives := formBool
	switch holds, compares := comparisons[call]; {
	case call == "_==_" || call == "_!=_":
		fill = equality(f, call == "_!=_")
	case compares && f != formBool:
		fill = comparison(f, holds)
	case textTests[call] != nil && f == formText:
		test := textTests[call]
		fill = func(x, y, out *vector) bool {
			for i := range out.bools {
				out.bools[i] = !out.isNull(i) && test(x.str(i), y.str(i))
			}
			return true
		}
	default:
		fill, gives = arithmetic(call, f), f
	}
	if fill == nil {
		return nil, 0
	}
	return func(b arrow.RecordBatch, from, to int) (vector, bool) {
		x, ok := left(b, from, to)
		if !ok {
			return x, false
		}
		y, ok := right(b, from, to)
		if !ok {
			return y, false
		}
		out := vector{n: x.n, null: either(x.null, y.null)}
		switch gives {
		case formBool:
			out.bools = make([]bool, x.n)
		case formInt:
			out.ints = make([]int64, x.n)
		case formFloat:
			out.floats = make([]float64, x.n)
		}
		ok = fill(&x, &y, &out)
		return out, ok
	}, gives
}

// either marks the rows that are null on one side.
func either(x, y []bool) []bool {
	if x == nil || y == nil {
		if x == nil {
			return y
		}
		return x
	}
	out := make([]bool, len(x))
	for i := range out {
		out[i] = x[i] || y[i]
	}
	return out
}

// equality takes the null of a column for a value that equals no other: null == 1
// is false, and not an error.
func equality(f form, not bool) func(x, y, out *vector) bool {
	return func(x, y, out *vector) bool {
		if out.null != nil {
			out.null = make([]bool, out.n)
		}
		for i := range out.bools {
			xn, yn := x.isNull(i), y.isNull(i)
			equal := false
			switch {
			case xn && !x.column || yn && !y.column:
				out.null[i] = true
				continue
			case xn || yn:
				equal = xn && yn
			case f == formInt:
				equal = x.ints[i] == y.ints[i]
			case f == formFloat:
				equal = x.floats[i] == y.floats[i]
			case f == formBool:
				equal = x.bools[i] == y.bools[i]
			default:
				equal = x.str(i) == y.str(i)
			}
			out.bools[i] = equal != not
		}
		return true
	}
}

func comparison(f form, holds func(int) bool) func(x, y, out *vector) bool {
	less, same, more := holds(-1), holds(0), holds(1)
	return func(x, y, out *vector) bool {
		switch f {
		case formInt:
			for i := range out.bools {
				a, b := x.ints[i], y.ints[i]
				out.bools[i] = a < b && less || a == b && same || a > b && more
			}
		case formFloat:
			for i := range out.bools {
				a, b := x.floats[i], y.floats[i]
				out.bools[i] = a < b && less || a == b && same || a > b && more
				if a != a || b != b {
					return false // what holds of NaN is said by CEL
				}
			}
		default:
			for i := range out.bools {
				if !out.isNull(i) {
					out.bools[i] = holds(strings.Compare(x.str(i), y.str(i)))
				}
			}
		}
		return true
	}
}

func arithmetic(call string, f form) func(x, y, out *vector) bool {
	floats := map[string]func(a, b float64) float64{
		"_+_": func(a, b float64) float64 { return a + b }, "_-_": func(a, b float64) float64 { return a - b },
		"_*_": func(a, b float64) float64 { return a * b }, "_/_": func(a, b float64) float64 { return a / b },
	}
	ints := map[string]func(a, b int64) (int64, bool){"_+_": add, "_-_": subtract, "_*_": multiply, "_/_": divide, "_%_": remainder}
	switch {
	case f == formFloat && floats[call] != nil:
		op := floats[call]
		return func(x, y, out *vector) bool {
			for i := range out.floats {
				out.floats[i] = op(x.floats[i], y.floats[i])
			}
			return true
		}
	case f == formInt && ints[call] != nil:
		op := ints[call]
		return func(x, y, out *vector) bool {
			for i := range out.ints {
				v, ok := op(x.ints[i], y.ints[i])
				if !ok && !out.isNull(i) {
					return false
				}
				out.ints[i] = v
			}
			return true
		}
	}
	return nil
}

func add(a, b int64) (int64, bool) {
	c := a + b
	return c, (c > a) == (b > 0)
}

func subtract(a, b int64) (int64, bool) {
	c := a - b
	return c, (c < a) == (b > 0)
}

func multiply(a, b int64) (int64, bool) {
	if a == 0 || b == 0 {
		return 0, true
	}
	c := a * b
	return c, c/b == a && !(a == -1 && b == math.MinInt64) && !(b == -1 && a == math.MinInt64)
}

func divide(a, b int64) (int64, bool) {
	if b == 0 || a == math.MinInt64 && b == -1 {
		return 0, false
	}
	return a / b, true
}

func remainder(a, b int64) (int64, bool) {
	if b == 0 || a == math.MinInt64 && b == -1 {
		return 0, false
	}
	return a % b, true
}
