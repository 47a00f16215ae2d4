package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
)

// operation is one exported function on random data of about n elements. run returns everything it wrote; with inPlace, destinations are
// sources as far as the documentation allows.
type operation struct {
	name string
	run  func(r *rand.Rand, n int, inPlace bool) []float32
}

// target is where an operation writes: over x in place, else a slice of its own filled with garbage.
func target(x []float32, inPlace bool) []float32 {
	if inPlace {
		return x
	}
	out := make([]float32, len(x))
	for i := range out {
		out[i] = float32(math.NaN())
	}
	return out
}

func binaryOperation(f func(dst, a, b []float32)) func(*rand.Rand, int, bool) []float32 {
	return func(r *rand.Rand, n int, inPlace bool) []float32 {
		a, b := normal(r, n), normal(r, n)
		dst := target(b, inPlace)
		f(dst, a, b)
		return dst
	}
}

func ternaryOperation(f func(dst, a, b []float32)) func(*rand.Rand, int, bool) []float32 {
	return func(r *rand.Rand, n int, _ bool) []float32 {
		dst := normal(r, n)
		f(dst, normal(r, n), normal(r, n))
		return dst
	}
}

// gradientOperation adds to one random slice and then takes another for blank.
func gradientOperation(f func(dx, x, dy []float32, blank bool)) func(*rand.Rand, int, bool) []float32 {
	return func(r *rand.Rand, n int, _ bool) []float32 {
		added, set := normal(r, n), normal(r, n)
		x, dy := normal(r, n), normal(r, n)
		f(added, x, dy, false)
		f(set, x, dy, true)
		return concat(added, set)
	}
}

func unaryOperation(f func(dst, x []float32)) func(*rand.Rand, int, bool) []float32 {
	return func(r *rand.Rand, n int, inPlace bool) []float32 {
		x := normal(r, n)
		for i := range x {
			x[i] *= 3
		}
		dst := target(x, inPlace)
		f(dst, x)
		return dst
	}
}

// rowsOf splits about n elements into rows of a random width.
func rowsOf(r *rand.Rand, n int) (rows, cols int) {
	cols = 1 + r.IntN(min(n, 300)+1)
	return n / cols, cols
}

func concat(parts ...[]float32) []float32 {
	var all []float32
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

var operations = []operation{
	{"Add", binaryOperation(Add)}, {"Sub", binaryOperation(Sub)}, {"Mul", binaryOperation(Mul)},
	{"ReluGrad", binaryOperation(ReluGrad)}, {"AddRelu", binaryOperation(AddRelu)}, {"Relu", unaryOperation(Relu)},
	{"Exp", unaryOperation(Exp)}, {"Tanh", unaryOperation(Tanh)}, {"Sigmoid", unaryOperation(Sigmoid)},
	{"Erf", unaryOperation(Erf)}, {"Log", unaryOperation(Log)},
	{"Gelu", unaryOperation(Gelu)}, {"GeluTanh", unaryOperation(GeluTanh)}, {"Silu", unaryOperation(Silu)},
	{"AddProduct", ternaryOperation(AddProduct)}, {"AddReluGrad", ternaryOperation(AddReluGrad)},
	{"AddSigmoidGrad", gradientOperation(AddSigmoidGrad)}, {"AddTanhGrad", gradientOperation(AddTanhGrad)},
	{"AddGeluGrad", gradientOperation(AddGeluGrad)}, {"AddGeluTanhGrad", gradientOperation(AddGeluTanhGrad)},
	{"AddSiluGrad", gradientOperation(AddSiluGrad)},
	{"NormRows", func(r *rand.Rand, n int, inPlace bool) []float32 {
		rows, cols := rowsOf(r, n)
		x := normal(r, rows*cols)
		y, h, inverse := target(x, inPlace), normal(r, rows*cols), normal(r, rows)
		NormRows(y, h, inverse, x, normal(r, cols), normal(r, cols), rows, cols, 1e-5, true)
		return concat(y, h, inverse)
	}},
	{"NormRows without bias", func(r *rand.Rand, n int, inPlace bool) []float32 {
		rows, cols := rowsOf(r, n)
		x := normal(r, rows*cols)
		y, h, inverse := target(x, inPlace), normal(r, rows*cols), normal(r, rows)
		NormRows(y, h, inverse, x, normal(r, cols), nil, rows, cols, 1e-5, false)
		return concat(y, h, inverse)
	}},
	{"NormRowsGrad", func(r *rand.Rand, n int, _ bool) []float32 {
		rows, cols := rowsOf(r, n)
		dx, dw, db := normal(r, rows*cols), normal(r, cols), normal(r, cols)
		NormRowsGrad(dx, dw, db, normal(r, rows*cols), normal(r, rows*cols), normal(r, rows), normal(r, cols), rows, cols, n%2 == 0, n%3 == 0)
		return concat(dx, dw, db)
	}},
	{"AddSoftmaxGrad", func(r *rand.Rand, n int, _ bool) []float32 {
		rows, cols := rowsOf(r, n)
		dx, y := normal(r, rows*cols), normal(r, rows*cols)
		Softmax(y, y, rows, cols)
		AddSoftmaxGrad(dx, y, normal(r, rows*cols), rows, cols)
		return dx
	}},
	{"Axpy", func(r *rand.Rand, n int, _ bool) []float32 {
		x, y := normal(r, n), normal(r, n)
		Axpy(0.7, x, y)
		return y
	}},
	{"Scale", func(r *rand.Rand, n int, _ bool) []float32 {
		x := normal(r, n)
		Scale(-0.3, x)
		return x
	}},
	{"AddBias", func(r *rand.Rand, n int, _ bool) []float32 {
		rows, cols := rowsOf(r, n)
		x := normal(r, rows*cols)
		AddBias(x, rows, cols, normal(r, cols))
		return x
	}},
	{"SumRows", func(r *rand.Rand, n int, _ bool) []float32 {
		rows, cols := rowsOf(r, n)
		dst := normal(r, cols)
		SumRows(dst, normal(r, rows*cols), rows, cols)
		return dst
	}},
	{"Affine", func(r *rand.Rand, n int, _ bool) []float32 {
		rows, in := rowsOf(r, n)
		out := 1 + r.IntN(60)
		y, z := normal(r, rows*out), normal(r, rows*out)
		Affine(z, y, normal(r, rows*in), normal(r, out*in), normal(r, out), rows, out, in, Relu)
		return concat(y, z)
	}},
	{"AddAffineGrad", func(r *rand.Rand, n int, _ bool) []float32 {
		rows, in := rowsOf(r, n)
		out := 1 + r.IntN(60)
		dw, db := normal(r, out*in), normal(r, out)
		AddAffineGrad(dw, db, normal(r, rows*out), normal(r, rows*in), rows, out, in)
		return concat(dw, db)
	}},
	{"ColumnNorm", func(r *rand.Rand, n int, inPlace bool) []float32 {
		rows, cols := rowsOf(r, n)
		x, dy := normal(r, rows*cols), normal(r, rows*cols)
		mean, variance, sums, dots := normal(r, cols), normal(r, cols), normal(r, cols), normal(r, cols)
		ColumnMeans(mean, x, rows)
		ColumnVariances(variance, x, mean, rows)
		norm := ColumnNorm{Mean: mean, Scale: normal(r, cols), Bias: normal(r, cols), Floor: float32(-n % 3)}
		norm.Sums(sums, dots, x, dy, rows)
		dx, more := normal(r, rows*cols), normal(r, rows*cols)
		norm.Gradient(dx, x, dy, mean, variance, rows, false)
		norm.Gradient(more, x, dy, mean, variance, rows, true)
		y := target(x, inPlace)
		norm.Apply(y, x, rows)
		if rows == 0 {
			return nil
		}
		return concat(mean, variance, sums, dots, dx, more, y)
	}},
	{"Depthwise", func(r *rand.Rand, n int, _ bool) []float32 {
		channels := 1 + n%40
		columns, step := min(n/channels, 50)+1, 2*channels
		taps := []int32{0, int32(channels), int32(columns * step)}
		x, filters, dy := normal(r, 2*columns*step), normal(r, 3*channels), normal(r, columns*channels)
		y, dx, dw := normal(r, columns*channels), normal(r, len(x)), normal(r, 3*channels)
		DepthwiseLine(y, x, filters, columns, step, channels, taps)
		DepthwiseInput(dx, filters, dy, columns, step, channels, taps)
		DepthwiseFilters(dw, x, dy, columns, step, channels, taps)
		return concat(y, dx, dw)
	}},
	{"MaxLine", func(r *rand.Rand, n int, _ bool) []float32 {
		channels := 1 + n%40
		columns, step := n/channels+1, channels+n%3
		taps := []int32{0, int32(columns * step), int32(2 * columns * step)}
		y, which := normal(r, columns*channels), make([]int32, columns*channels)
		x := normal(r, 3*columns*step)
		MaxLine(y, which, x, columns, step, taps, []int32{3, 1, 8}, normal(r, channels), -0.5)
		numbers := make([]float32, len(which))
		for i, v := range which {
			numbers[i] = float32(v)
		}
		SpreadLine(x, which, normal(r, columns*channels), columns, step, taps, []int32{3, 1, 8})
		AddLine(x, which, normal(r, columns*channels), columns, channels, taps, []int32{3, 1, 8})
		return concat(y, numbers, x)
	}},
	{"Pooled", func(r *rand.Rand, n int, _ bool) []float32 {
		channels := 1 + n%60
		line := 7 * channels
		p := Pooled{Windows: Windows{Height: 5, Width: 7, Channels: channels, Filters: 1 + n%5, TapRows: 2, TapColumns: 3, Rows: 4, Columns: 4}}
		for i := range 4 {
			p.Begins = append(p.Begins, int32(i/2*2*line+i%2*2*channels))
		}
		which, dy := make([]int32, 4*p.Filters), normal(r, 4*p.Filters)
		for i := range dy {
			which[i] = int32(r.IntN(2)*line + r.IntN(2)*channels)
			dy[i] *= float32(i % 3)
		}
		dw, dx := normal(r, p.Filters*p.size()), normal(r, 5*line)
		p.Collect(which, dy)
		p.FilterGradient(dw, normal(r, 5*line))
		p.InputGradient(dx, normal(r, p.Filters*p.size()))
		return concat(dw, dx)
	}},
	{"Sum", func(r *rand.Rand, n int, _ bool) []float32 { return []float32{Sum(normal(r, n))} }},
	{"Dot", func(r *rand.Rand, n int, _ bool) []float32 { return []float32{Dot(normal(r, n), normal(r, n))} }},
	{"Softmax", func(r *rand.Rand, n int, inPlace bool) []float32 {
		rows, cols := rowsOf(r, n)
		x := normal(r, rows*cols)
		Scale(10, x)
		dst := target(x, inPlace)
		Softmax(dst, x, rows, cols)
		return dst
	}},
	{"SoftmaxCrossEntropy", func(r *rand.Rand, n int, inPlace bool) []float32 {
		rows, cols := rowsOf(r, n)
		x := normal(r, rows*cols)
		labels := make([]int32, rows)
		for i := range labels {
			labels[i] = int32(r.IntN(cols+1)) - 1
		}
		scales, smoothing := normal(r, rows), float32(0)
		if r.IntN(2) == 0 {
			smoothing = 0.1
		}
		grad, losses := target(x, inPlace), normal(r, rows)
		SoftmaxCrossEntropy(grad, x, labels, scales, smoothing, losses, rows, cols)
		return concat(grad, losses)
	}},
	{"LSTMCell", func(r *rand.Rand, n int, inPlace bool) []float32 {
		rows, hidden := rowsOf(r, n)
		n = rows * hidden
		gates, cPrev := normal(r, 4*n), normal(r, n)
		c, h, tanhC := target(cPrev, inPlace), normal(r, n), normal(r, n)
		LSTMCell(gates, cPrev, c, h, tanhC, rows, hidden)
		return concat(gates, c, h, tanhC)
	}},
	{"LSTMCellGrad", func(r *rand.Rand, n int, inPlace bool) []float32 {
		rows, hidden := rowsOf(r, n)
		n = rows * hidden
		gates, cPrev, c, h, tanhC := normal(r, 4*n), normal(r, n), normal(r, n), normal(r, n), normal(r, n)
		LSTMCell(gates, cPrev, c, h, tanhC, rows, hidden)
		dh, dc := normal(r, n), normal(r, n)
		dgates, dcPrev := target(gates, inPlace), target(dc, inPlace)
		LSTMCellGrad(dgates, dcPrev, gates, cPrev, tanhC, dh, dc, rows, hidden)
		return concat(dgates, dcPrev)
	}},
	{"GRUCell", func(r *rand.Rand, n int, inPlace bool) []float32 {
		rows, hidden := rowsOf(r, n)
		n = rows * hidden
		gates, recurrent, hPrev := normal(r, 3*n), normal(r, 3*n), normal(r, n)
		h := target(hPrev, inPlace)
		GRUCell(gates, recurrent, hPrev, h, rows, hidden)
		return concat(gates, h)
	}},
	{"GRUCellGrad", func(r *rand.Rand, n int, inPlace bool) []float32 {
		rows, hidden := rowsOf(r, n)
		n = rows * hidden
		gates, recurrent, hPrev, h, dh := normal(r, 3*n), normal(r, 3*n), normal(r, n), normal(r, n), normal(r, n)
		GRUCell(gates, recurrent, hPrev, h, rows, hidden)
		dgates, drecurrent, dhPrev := target(gates, inPlace), target(recurrent, inPlace), target(dh, inPlace)
		GRUCellGrad(dgates, drecurrent, dhPrev, gates, recurrent, hPrev, dh, rows, hidden)
		return concat(dgates, drecurrent, dhPrev)
	}},
	{"Adam", func(r *rand.Rand, n int, decoupled bool) []float32 {
		p, m, v := normal(r, n), make([]float32, n), make([]float32, n)
		for step := 1; step <= 3; step++ {
			Adam(p, normal(r, n), m, v, 0.01, 0.9, 0.999, 1e-8, 0.1, decoupled, step)
		}
		return concat(p, m, v)
	}},
	{"SGD", func(r *rand.Rand, n int, nesterov bool) []float32 {
		p, q, buf := normal(r, n), normal(r, n), make([]float32, n)
		for range 3 {
			SGD(p, normal(r, n), buf, 0.1, 0.9, 0.01, nesterov)
			SGD(q, normal(r, n), nil, 0.1, 0, 0.01, nesterov)
		}
		return concat(p, q, buf)
	}},
}

// Sizes around the vector widths, around the lanes of a sum, and large enough to be split over cores.
var sizes = []int{0, 1, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 100, 128, 200, 1000, 70001}

func TestLoopsMatchPortable(t *testing.T) {
	for _, op := range operations {
		t.Run(op.name, func(t *testing.T) {
			for i, n := range sizes {
				for _, inPlace := range []bool{false, true} {
					restore := SetLevel("portable")
					want := op.run(seeded(uint64(i)), n, inPlace)
					restore()
					got := op.run(seeded(uint64(i)), n, inPlace)
					for j := range want {
						if got[j] != got[j] && want[j] != want[j] {
							continue // both are NaN
						}
						d := math.Abs(float64(got[j]) - float64(want[j]))
						if bound := 2e-6 * (1 + math.Abs(float64(want[j])) + math.Sqrt(float64(n))/10); !(d <= bound) {
							t.Fatalf("n=%d inPlace=%v: element %d is %v, want %v", n, inPlace, j, got[j], want[j])
						}
					}
				}
			}
		})
	}
}

func TestLoopsGiveTheSameBits(t *testing.T) {
	for _, op := range operations {
		t.Run(op.name, func(t *testing.T) {
			for i, n := range sizes {
				var want []float32
				for _, level := range assembledLevels() {
					for _, cores := range []int{1, 2, 3} {
						for _, inPlace := range []bool{false, true} {
							if inPlace && (op.name == "Adam" || op.name == "SGD") {
								continue // there it means another formula
							}
							restore, was := SetLevel(level), runtime.GOMAXPROCS(cores)
							got := op.run(seeded(uint64(i)), n, inPlace)
							runtime.GOMAXPROCS(was)
							restore()
							if want == nil {
								want = got
							}
							sameBits(t, fmt.Sprintf("n=%d level=%s cores=%d inPlace=%v", n, level, cores, inPlace), got, want)
						}
					}
				}
			}
		})
	}
}

func TestSumsFollowTheirLanes(t *testing.T) {
	r := seeded(11)
	for _, n := range sizes {
		x := normal(r, n)
		sameBits(t, fmt.Sprintf("sum of %d", n), []float32{Sum(x)}, []float32{sumPortable(x)})
	}
}

// A NaN or an infinity in any place must show, and a slice of the wrong length must not be read beyond its end.
func TestSoftmaxOfSpecialRows(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	eachLevel(t, func(t *testing.T) {
		for name, x := range map[string][]float32{
			"only -Inf": {-inf, -inf, -inf}, "+Inf": {1, inf, 2}, "NaN": {1, 2, nan}, "NaN first": {nan, 1, 2},
		} {
			got := make([]float32, len(x))
			Softmax(got, x, 1, len(x))
			for _, v := range got {
				if v == v {
					t.Errorf("%s: softmax is %v, want NaN", name, got)
					break
				}
			}
		}
		got := make([]float32, 4)
		Softmax(got, []float32{-inf, 1000, -1000, 1000}, 1, 4)
		sameBits(t, "masked row", got, []float32{0, 0.5, 0, 0.5})

		losses := make([]float32, 3)
		grad := make([]float32, 6)
		SoftmaxCrossEntropy(grad, []float32{0, 1000, 0, 0, 5, 5}, []int32{0, 1, -1}, []float32{1, 0.5, 1}, 0, losses, 3, 2)
		sameBits(t, "losses", losses, []float32{1000, float32(math.Ln2), 0})
		sameBits(t, "gradients", grad, []float32{-1, 1, 0.25, -0.25, 0, 0})
		SoftmaxCrossEntropy(grad, []float32{0, 1000, 0, 0, 5, 5}, []int32{0, 1, 0}, []float32{1, 0.5, 0}, 0.5, losses, 3, 2)
		sameBits(t, "smoothed losses", losses, []float32{750, float32(math.Ln2), 0})
		sameBits(t, "smoothed gradients", grad, []float32{-0.75, 0.75, 0.125, -0.125, 0, 0})
	})
}

func TestRelusOfSpecialValues(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	eachLevel(t, func(t *testing.T) {
		x := []float32{nan, inf, -inf, 0, 3, -3, math.SmallestNonzeroFloat32}
		got := make([]float32, len(x))
		Relu(got, x)
		sameBits(t, "Relu", got, []float32{nan, inf, 0, 0, 3, 0, math.SmallestNonzeroFloat32})
		ReluGrad(got, x, []float32{1, 2, 3, 4, 5, 6, 7})
		sameBits(t, "ReluGrad", got, []float32{0, 2, 0, 0, 5, 0, 7})
	})
}

func TestMaxLineOfSpecialValues(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	eachLevel(t, func(t *testing.T) {
		y, which := make([]float32, 6), make([]int32, 6)
		MaxLine(y, which, []float32{
			-inf, -inf, nan, 2, 2, -1,
			3, -inf, 5, nan, 2, -4,
		}, 2, 3, []int32{0, 6}, []int32{7, 5}, []float32{1, 0, -1}, 0)
		sameBits(t, "maxima", y, []float32{4, 0, nan, nan, 2, 0})
		if want := []int32{5, 7, 7, 7, 7, 7}; !slices.Equal(which, want) {
			t.Errorf("marks are %v, want %v", which, want)
		}
	})
}

func TestWindowsOutsideTheImagePanic(t *testing.T) {
	p := Pooled{Windows: Windows{Height: 4, Width: 4, Channels: 2, Filters: 1, TapRows: 3, TapColumns: 3}, Begins: []int32{0, 10}}
	defer func() {
		if recover() == nil {
			t.Fatal("no panic")
		}
	}()
	p.Collect([]int32{0, 2}, make([]float32, 2))
}

func TestLoopsAllocateNothing(t *testing.T) {
	const n, rows = 1 << 17, 512
	a, b, c, d, e, f, g := normal(seeded(12), n), make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
	labels, losses, scales := make([]int32, rows), make([]float32, rows), normal(seeded(13), rows)
	for name, call := range map[string]func(){
		"Exp":                 func() { Exp(b, a) },
		"Sum":                 func() { Sum(a) },
		"Softmax":             func() { Softmax(b, a, rows, n/rows) },
		"SoftmaxCrossEntropy": func() { SoftmaxCrossEntropy(b, a, labels, scales, 0.1, losses, rows, n/rows) },
		"LSTMCell":            func() { LSTMCell(a, b, c, d, e, rows, n/rows/4) },
		"LSTMCellGrad":        func() { LSTMCellGrad(f, g, a, b, e, d, c, rows, n/rows/4) },
		"GRUCell":             func() { GRUCell(a, b, c, d, rows, n/rows/4) },
		"GRUCellGrad":         func() { GRUCellGrad(e, f, g, a, b, c, d, rows, n/rows/4) },
		"Add":                 func() { Add(b, a, c) },
		"AddBias":             func() { AddBias(b, rows, n/rows, a) },
		"SumRows":             func() { SumRows(b, a, rows, n/rows) },
		"Adam":                func() { Adam(b, a, c, d, 0.1, 0.9, 0.99, 1e-8, 0, false, 1) },
		"SGD":                 func() { SGD(b, a, c, 0.1, 0.9, 0, true) },
	} {
		call()
		if n := testing.AllocsPerRun(20, call); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func BenchmarkLoops(b *testing.B) {
	const rows, hidden = 32, 128
	const n = rows * hidden
	gates, grads := normal(seeded(13), 4*n), normal(seeded(13), 4*n)
	cPrev, c, h, tanhC, dh := normal(seeded(14), n), make([]float32, n), make([]float32, n), make([]float32, n), normal(seeded(15), n)
	big := make([][]float32, 4)
	for i := range big {
		big[i] = normal(seeded(uint64(i)), 1<<20)
		Mul(big[i], big[i], big[i])
	}
	for _, bench := range []struct {
		name string
		n    int
		call func()
	}{
		{"LSTMCell/32x128", n, func() { LSTMCell(gates, cPrev, c, h, tanhC, rows, hidden) }},
		{"LSTMCellGrad/32x128", n, func() { LSTMCellGrad(grads, c, gates, cPrev, tanhC, dh, h, rows, hidden) }},
		{"GRUCell/32x128", n, func() { GRUCell(gates, grads, cPrev, h, rows, hidden) }},
		{"Softmax/64x10000", 640000, func() { Softmax(big[0], big[1], 64, 10000) }},
		{"Adam/1M", 1 << 20, func() { Adam(big[0], big[1], big[2], big[3], 1e-9, 0.9, 0.999, 1e-8, 0, false, 1) }},
		{"Add/4K", 4096, func() { Add(h, cPrev, c) }},
		{"Sum/4K", 4096, func() { Sum(h) }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			for b.Loop() {
				bench.call()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(bench.n), "ns/element")
		})
	}
}

func TestBurnCountsItsOperations(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		if got := Burn(0); got != 0 {
			t.Errorf("no round is %d operations", got)
		}
		one := Burn(1)
		if got := Burn(1000); one < 2*burnChains || got != 1000*one {
			t.Errorf("one round is %d operations, a thousand are %d", one, got)
		}
	})
}

func BenchmarkBurn(b *testing.B) {
	operations := 0
	for b.Loop() {
		operations += Burn(100000)
	}
	b.ReportMetric(float64(operations)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}
