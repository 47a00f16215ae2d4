package nn

import (
	"math/rand/v2"
	"testing"
)

// What is dropped is a part of what trained weights depend on: a draw of 64 bits decides
// two elements, its lower half first, and drops what is below the rate.
func TestDropoutDrawsTwoElementsAtOnce(t *testing.T) {
	for _, rate := range []float64{1e-9, 0.1, 0.5, 0.9999} {
		for n := range 9 {
			got := make([]float32, n)
			fillDropout(rand.NewPCG(1, 2), got, rate)
			pcg, bits := rand.NewPCG(1, 2), uint64(0)
			for i := range got {
				if bits >>= 32; i%2 == 0 {
					bits = pcg.Uint64()
				}
				want := float32(1 / (1 - rate))
				if uint32(bits) < uint32(rate*(1<<32)) {
					want = 0
				}
				if got[i] != want {
					t.Fatalf("rate %v: element %d of %d is %v, want %v", rate, i, n, got[i], want)
				}
			}
		}
	}
}

func BenchmarkFillDropout(b *testing.B) {
	pcg, scale := rand.NewPCG(1, 2), make([]float32, 1<<14)
	for b.Loop() {
		fillDropout(pcg, scale, 0.1)
	}
}
