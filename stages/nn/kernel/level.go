package kernel

import "fmt"

// loops is one complete set of the innermost loops. Callers have checked the shapes.
type loops struct {
	name string
	gemm *gemmLoops // nil: gemmPortable

	exp, tanh, sigmoid, erf, log func(dst, x []float32)
	expShifted                   func(dst, x []float32, shift float32) // e^(x-shift) for x ≤ shift
}

// portable serves machines for which no assembly is written, and is what the tests compare the others with.
var portable = loops{
	name: "portable",
	exp:  expPortable, tanh: tanhPortable, sigmoid: sigmoidPortable, erf: erfPortable, log: logPortable, expShifted: expShiftedPortable,
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
