package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// eachLevel runs a test once for every set of loops that this machine has.
func eachLevel(t *testing.T, f func(t *testing.T)) {
	for _, l := range levels {
		t.Run(l.name, func(t *testing.T) {
			defer SetLevel(l.name)()
			f(t)
		})
	}
}

// assembledLevels names the sets that must give equal bits.
func assembledLevels() []string {
	var names []string
	for _, l := range levels[1:] {
		names = append(names, l.name)
	}
	return names
}

// normal returns n draws from the normal distribution.
func normal(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// sameBits reports the first element in which the slices differ. Every NaN equals every NaN.
func sameBits(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d elements, want %d", what, len(got), len(want))
	}
	for i := range got {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) && (got[i] == got[i] || want[i] == want[i]) {
			t.Fatalf("%s: element %d of %d is %v (%#x), want %v (%#x)", what, i, len(got), got[i], math.Float32bits(got[i]), want[i], math.Float32bits(want[i]))
		}
	}
}
