package kernel

import "runtime"

// burnChains is how many independent chains of multiply-adds Burn keeps in flight, enough to hide the latency of each.
const burnChains = 12

// Burn runs rounds of fused multiply-adds that touch no memory and returns how many floating-point operations they were. Timed by the
// caller it gives the peak of one core, which the speed of Gemm can be held against.
func Burn(rounds int) (operations int) {
	width := 1
	if active.gemm != nil {
		width = active.gemm.width
	}
	active.burn(rounds)
	return rounds * burnChains * width * 2
}

func burnPortable(rounds int) {
	var acc [burnChains]float32
	for range rounds {
		for i := range acc {
			acc[i] += burnFactor * burnFactor
		}
	}
	runtime.KeepAlive(acc)
}

// burnFactor is a variable to keep the compiler from working the loop out beforehand.
var burnFactor float32
