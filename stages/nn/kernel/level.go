package kernel

import "fmt"

// loops is one complete set of the innermost loops. Callers have checked the shapes; the first slice that is written says how long a loop
// is, and the gates of a cell's row lie side by side in one slice.
type loops struct {
	name string
	gemm *gemmLoops // nil: gemmPortable

	add, sub, mul                 func(dst, a, b []float32)
	axpy                          func(alpha float32, x, y []float32)
	scale                         func(alpha float32, x []float32)
	relu                          func(dst, x []float32)
	reluGrad                      func(dx, x, dy []float32)
	maxLine                       func(y []float32, which []int32, x []float32, columns, step int, taps, marks []int32, bias []float32, floor float32)
	spreadLine, addLine           func(dx []float32, which []int32, dy []float32, columns, step, channels int, taps, marks []int32)
	gatherWindows, scatterWindows func(run, lines int, window, x []float32, xLine int, at []int32, by []float32)
	sum, peak                     func(x []float32) float32
	dot                           func(x, y []float32) float32
	exp, tanh                     func(dst, x []float32)
	sigmoid                       func(dst, x []float32)
	erf, log                      func(dst, x []float32)
	expShifted                    func(dst, x []float32, shift float32) // e^(x-shift) for x ≤ shift

	gelu, geluTanh, silu                      func(dst, x []float32)
	addProduct                                func(dst, a, b []float32)
	addReluGrad, addSigmoidGrad, addTanhGrad  func(dx, from, dy []float32)
	addGeluGrad, addGeluTanhGrad, addSiluGrad func(dx, from, dy []float32)

	columnSums                          func(sums, x []float32, rows int)
	columnSquares                       func(sums, x, mean []float32, rows int)
	normColumns                         func(y, x, mean, scale, bias []float32, rows int, floor float32)
	normColumnSums                      func(sums, dots, x, dy, mean, scale, bias []float32, rows int, floor float32)
	normColumnsGrad, addNormColumnsGrad func(dx, x, dy, mean, scale, bias, sums, dots []float32, rows int, floor float32)

	depthwiseLine    func(y, x, filters []float32, columns, step, channels int, taps []int32)
	depthwiseInput   func(dx, filters, dy []float32, columns, step, channels int, taps []int32)
	depthwiseFilters func(x, filters, dy []float32, columns, step, channels int, taps []int32)

	subScalar      func(dst, x []float32, c float32)
	normRow        func(y, normal, weight, bias []float32, inverse float32)
	normRowGrad    func(dx, g, normal []float32, mean, dot, inverse float32)
	softmaxRowGrad func(dx, p, dy []float32, dot float32)

	lstm     func(gates, cPrev, c, h, tanhC []float32)
	lstmGrad func(dgates, dcPrev, gates, cPrev, tanhC, dh, dc []float32)
	gru      func(gates, recurrent, hPrev, h []float32)
	gruGrad  func(dgates, drecurrent, dhPrev, gates, recurrent, hPrev, dh []float32)
	adam     func(p, g, m, v []float32, k *[8]float32) // see adamTask
	sgd      func(p, g []float32, k *[3]float32)       // see sgdTask
	momentum func(p, g, buf []float32, k *[3]float32)
	nesterov func(p, g, buf []float32, k *[3]float32)
	burn     func(rounds int) // see Burn
}

// portable serves machines for which no assembly is written, and is what the tests compare the others with.
var portable = loops{
	name: "portable",
	add:  addPortable, sub: subPortable, mul: mulPortable, axpy: axpyPortable, scale: scalePortable,
	relu: reluPortable, reluGrad: reluGradPortable,
	maxLine: maxLinePortable, spreadLine: spreadLinePortable, addLine: addLinePortable, gatherWindows: gatherWindowsPortable, scatterWindows: scatterWindowsPortable, sum: sumPortable, peak: peakPortable, dot: dotPortable,
	exp: expPortable, tanh: tanhPortable, sigmoid: sigmoidPortable, erf: erfPortable, log: logPortable, expShifted: expShiftedPortable,
	lstm: lstmPortable, lstmGrad: lstmGradPortable, gru: gruPortable, gruGrad: gruGradPortable,
	gelu: geluPortable, geluTanh: geluTanhPortable, silu: siluPortable, addProduct: addProductPortable,
	addReluGrad: addReluGradPortable, addSigmoidGrad: addSigmoidGradPortable, addTanhGrad: addTanhGradPortable,
	addGeluGrad: addGeluGradPortable, addGeluTanhGrad: addGeluTanhGradPortable, addSiluGrad: addSiluGradPortable,
	columnSums: columnSumsPortable, columnSquares: columnSquaresPortable, normColumns: normColumnsPortable, normColumnSums: normColumnSumsPortable,
	normColumnsGrad: normColumnsGradPortable, addNormColumnsGrad: addNormColumnsGradPortable,
	depthwiseLine: depthwiseLinePortable, depthwiseInput: depthwiseInputPortable, depthwiseFilters: depthwiseFiltersPortable,
	subScalar: subScalarPortable, normRow: normRowPortable, normRowGrad: normRowGradPortable, softmaxRowGrad: softmaxRowGradPortable,
	adam: adamPortable, sgd: sgdPortable, momentum: momentumPortable, nesterov: nesterovPortable, burn: burnPortable,
}

// levels are the sets that this machine can run, the best last.
var levels = append([]*loops{&portable}, assembled()...)

// active is the set in use. Only SetLevel changes it.
var active = levels[len(levels)-1]

// Features names the loops that are in use: "avx512", "avx2" or "portable".
func Features() string { return active.name }

// SetLevel forces the loops named by level ("avx512", "avx2", "portable") and returns a function that restores the former choice. It is
// for tests only: it must not run beside any other call of this package, and it panics when this machine lacks the level.
func SetLevel(level string) (restore func()) {
	former := active
	for _, l := range levels {
		if l.name == level {
			active = l
			return func() { active = former }
		}
	}
	panic(fmt.Sprintf("kernel: level %q is not available on this machine", level))
}
