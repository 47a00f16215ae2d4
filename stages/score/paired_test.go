package score

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The p-values are those of scipy.stats.binomtest (two-sided, 0.5), and of
// scipy.stats.chi2.sf with the correction for continuity.
func TestMcNemar(t *testing.T) {
	for _, c := range []struct {
		first, second int
		want          float64
	}{
		{0, 0, 1}, {5, 5, 1}, {10, 0, 0.001953125}, {0, 10, 0.001953125}, {15, 6, 0.0783538818}, {30, 12, 0.0079158973}, {700, 600, 0.0060369811},
	} {
		if got := McNemar(c.first, c.second); math.Abs(got-c.want) > 1e-5 {
			t.Errorf("%d %d: %.10f, want %v", c.first, c.second, got, c.want)
		}
	}
	if a, b := McNemar(520, 480), McNemar(521, 481); math.Abs(a-b) > 0.01 {
		t.Errorf("exact %v and approximate %v differ", a, b)
	}
}

func TestBootstrapMean(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	d := make([]float64, 400)
	for i := range d {
		d[i] = 0.1 + rng.NormFloat64()
	}
	low, high := BootstrapMean(d, 1000, rand.New(rand.NewPCG(3, 4)))
	// The normal approximation is the mean ± 1.96/√400.
	if width := high - low; math.Abs(width-2*1.96/20) > 0.04 || low > 0.15 || high < 0.05 {
		t.Errorf("%v to %v", low, high)
	}
	again, _ := BootstrapMean(d, 1000, rand.New(rand.NewPCG(3, 4)))
	if again != low {
		t.Error("equal generators should give equal intervals")
	}
	if low, high := BootstrapMean(nil, 10, rng); low != 0 || high != 0 {
		t.Error(low, high)
	}
}

// The numbers are those of statsmodels' multipletests(method="holm").
func TestHolm(t *testing.T) {
	got := Holm([]float64{0.01, 0.04, 0.03, 0.005, 0.9})
	for i, want := range []float64{0.04, 0.09, 0.09, 0.025, 0.9} {
		if math.Abs(got[i]-want) > 1e-12 {
			t.Errorf("%v", got)
		}
	}
	if got := Holm([]float64{0.6, 0.7}); got[0] != 1 || got[1] != 1 {
		t.Errorf("%v", got)
	}
}
