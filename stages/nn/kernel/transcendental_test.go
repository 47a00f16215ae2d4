package kernel

import (
	"flag"
	"math"
	"testing"
)

// function is a transcendental function with its definition and its promised error.
type function struct {
	name  string
	loop  func(dst, x []float32)
	exact func(float64) float64
	ulps  float64
}

var functions = []function{
	{"Exp", Exp, math.Exp, 1},
	{"Tanh", Tanh, math.Tanh, 3},
	{"Sigmoid", Sigmoid, sigmoid64, 3},
	{"Erf", Erf, math.Erf, 1.5},
	{"Log", Log, math.Log, 1},
}

// sweep calls f with batches of floats that cover the whole range of bit patterns, every step-th of them, NaN and infinities included.
func sweep(step uint64, f func(x []float32)) {
	batch := make([]float32, 0, 4099)
	for b := uint64(0); b < 1<<32; b += step {
		batch = append(batch, math.Float32frombits(uint32(b)))
		if len(batch) == cap(batch) {
			f(batch)
			batch = batch[:0]
		}
	}
	f(append(batch, 0, float32(math.Copysign(0, -1)), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()),
		math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, math.MaxFloat32, -math.MaxFloat32))
}

// ulps is the distance of got from the exact value in units of the exact value's last place.
func ulps(got float32, exact float64) float64 {
	near := float32(exact)
	switch {
	case exact != exact || math.IsInf(float64(near), 0) || math.IsInf(float64(got), 0):
		if got == near || got != got && exact != exact {
			return 0
		}
		// The largest float is one unit from infinity.
		if math.Abs(float64(got)) == math.MaxFloat32 && math.IsInf(float64(near), 0) {
			return 1
		}
		return math.Inf(1)
	case got != got:
		return math.Inf(1)
	}
	_, e := math.Frexp(exact)
	unit := math.Ldexp(1, max(e-24, -149))
	return math.Abs(float64(got)-exact) / unit
}

// The default step is a prime, so that every pattern of low bits occurs; -sweep=1 takes some minutes.
var sweepStep = flag.Uint64("sweep", 40009, "check the transcendental functions on every n-th float")

func TestTranscendentalErrors(t *testing.T) {
	for _, f := range functions {
		t.Run(f.name, func(t *testing.T) {
			eachLevel(t, func(t *testing.T) {
				worst, at := 0.0, float32(0)
				dst := make([]float32, 5000)
				sweep(*sweepStep, func(x []float32) {
					f.loop(dst[:len(x)], x)
					for i, v := range x {
						if u := ulps(dst[i], f.exact(float64(v))); u > worst {
							worst, at = u, v
						}
					}
				})
				t.Logf("largest error %.3f units, at %v", worst, at)
				if worst > f.ulps {
					t.Errorf("error of %.3f units at %v (%#x), want at most %v", worst, at, math.Float32bits(at), f.ulps)
				}
			})
		})
	}
}

func TestTranscendentalBits(t *testing.T) {
	names := assembledLevels()
	if len(names) < 2 {
		t.Skip("skipped: this machine has fewer than two instruction sets to compare")
	}
	for _, f := range functions {
		var got [2][]float32
		sweep(*sweepStep, func(x []float32) {
			for l, name := range names {
				restore := SetLevel(name)
				got[l] = make([]float32, len(x))
				f.loop(got[l], x)
				restore()
			}
			sameBits(t, f.name, got[1], got[0])
		})
	}
}

// The sign of zero is kept by the odd functions, and the last, partial vector is computed like a full one.
func TestTranscendentalEdges(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		minusZero := float32(math.Copysign(0, -1))
		for _, f := range []function{functions[1], functions[3]} {
			got := []float32{minusZero}
			f.loop(got, got)
			sameBits(t, f.name, got, []float32{minusZero})
		}
		x := normal(seeded(9), 70)
		for _, f := range functions {
			whole := make([]float32, len(x))
			f.loop(whole, x)
			for n := range len(x) {
				part := append([]float32(nil), x...)
				f.loop(part[:n], part)
				sameBits(t, f.name, part[:n], whole[:n])
				sameBits(t, f.name+" beyond the end", part[n:], x[n:])
			}
		}
	})
}

func BenchmarkTranscendental(b *testing.B) {
	for _, f := range functions {
		b.Run(f.name, func(b *testing.B) {
			x := normal(seeded(10), 4096)
			dst := make([]float32, len(x))
			for b.Loop() {
				f.loop(dst, x)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/4096, "ns/element")
		})
	}
}
