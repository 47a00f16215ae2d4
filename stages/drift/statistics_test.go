package drift

import (
	"math"
	"math/rand/v2"
	"testing"
)

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(math.Abs(a), math.Abs(b), 1e-300) }

// squares are i/1000 and their squares.
func squares() (a, b []float64) {
	for i := range 1000 {
		v := float64(i) / 1000
		a, b = append(a, v), append(b, v*v)
	}
	return a, b
}

// The figures are scipy 1.17's.
func TestKnownFigures(t *testing.T) {
	a, b := squares()
	d, p := KolmogorovSmirnov(a, b)
	edges := QuantileEdges(a, 10)
	x, y := Count(a, edges), Count(b, edges)
	chi, chiP := ChiSquare([]float64{500, 300, 200}, []float64{450, 300, 250})
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"D", d, 0.25},
		{"p", p, 7.613348817400856e-28},
		{"PSI", PSI(x, y), 0.3830813706380277},
		{"Jensen-Shannon", JensenShannon(x, y), 0.2577663230331728},
		{"Wasserstein", Wasserstein(a, b), 0.1666665},
		{"chi²", chi, 8.187134502923977},
		{"p of chi²", chiP, 0.01667962688240689},
	} {
		if !near(c.got, c.want) {
			t.Errorf("%s is %.16g, want %.16g", c.name, c.got, c.want)
		}
	}
}

// The lattice path and the closed form agree where both hold, and a sample
// against itself has not moved.
func TestProbabilitiesAgree(t *testing.T) {
	for n := 1; n < 60; n += 7 {
		for h := 1; h <= n; h += 3 {
			if a, b := equalSizes(n, h), outside(n, n, h*n); math.Abs(a-b) > 1e-12*a {
				t.Errorf("n %d, h %d: %g by the formula, %g by paths", n, h, a, b)
			}
		}
	}
	if x, y := kolmogorov(1-1e-12), kolmogorov(1); math.Abs(x-y) > 1e-11 {
		t.Errorf("the two series differ: %g and %g", x, y)
	}
	a, _ := squares()
	if d, p := KolmogorovSmirnov(a, a); d != 0 || p != 1 || Wasserstein(a, a) != 0 {
		t.Errorf("against itself: %g %g", d, p)
	}
	if d, p := KolmogorovSmirnov([]float64{1, 2}, []float64{3}); d != 1 || math.Abs(p-2.0/3) > 1e-15 {
		t.Errorf("apart: D %g, p %g", d, p)
	}
}

// What cannot be compared is NaN and no panic.
func TestNothingToCompare(t *testing.T) {
	some := []float64{1, 2}
	d, p := KolmogorovSmirnov(nil, some)
	chi, chiP := ChiSquare([]float64{3}, []float64{4})
	for i, v := range []float64{d, p, Wasserstein(some, nil), PSI([]float64{0}, []float64{1}), JensenShannon([]float64{1}, []float64{0}), chi, chiP} {
		if !math.IsNaN(v) {
			t.Errorf("figure %d is %g", i, v)
		}
	}
	if e := QuantileEdges(nil, 10); e != nil {
		t.Errorf("edges of nothing: %v", e)
	}
	if e := QuantileEdges([]float64{0, 0, 0, 1}, 10); len(e) > 4 {
		t.Errorf("edges of two values: %v", e)
	}
	if v := PSI([]float64{1, 0}, []float64{0, 1}); math.IsInf(v, 0) || v < 10 {
		t.Errorf("everything moved: PSI %g", v)
	}
	if v := JensenShannon([]float64{1, 0}, []float64{0, 1}); v != 1 {
		t.Errorf("everything moved: distance %g", v)
	}
}

// Where each bin holds one value, the binned test has the distance of the values
// themselves; coarser bins see at most that.
func TestKolmogorovSmirnovBinned(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		var a, b []float64
		for range 200 {
			a, b = append(a, float64(rng.IntN(50))), append(b, float64(rng.IntN(60)))
		}
		var fine, coarse []float64
		for i := range 60 {
			fine = append(fine, float64(i))
			if i%7 == 0 {
				coarse = append(coarse, float64(i))
			}
		}
		d, _ := KolmogorovSmirnov(a, b)
		if got, _ := KolmogorovSmirnovBinned(Count(a, fine), Count(b, fine)); math.Abs(got-d) > 1e-12 {
			t.Fatalf("%v, want %v", got, d)
		}
		if got, _ := KolmogorovSmirnovBinned(Count(a, coarse), Count(b, coarse)); got > d+1e-12 {
			t.Fatalf("%v, at most %v", got, d)
		}
	}
	if d, p := KolmogorovSmirnovBinned([]float64{1}, []float64{0}); !math.IsNaN(d) || !math.IsNaN(p) {
		t.Error(d, p)
	}
}
