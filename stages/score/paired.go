package score

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// McNemar is the two-sided p-value of McNemar's test: whether two classifiers
// that answered the same rows are equally often right. Only the rows count on
// which one of them is right: first times the first, second times the second.
// Up to a thousand of such rows it is the exact binomial test, beyond them the
// chi-squared approximation with Edwards' correction for continuity.
func McNemar(first, second int) float64 {
	n := first + second
	if n == 0 {
		return 1
	}
	if n > 1000 {
		d := math.Max(math.Abs(float64(first-second))-1, 0)
		return math.Erfc(math.Sqrt(d * d / float64(n) / 2))
	}
	k := min(first, second)
	p := 0.0
	for i := 0; i <= k; i++ {
		p += math.Exp(logChoose(n, i) - float64(n)*math.Ln2)
	}
	return math.Min(1, 2*p)
}

func logChoose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}

// Holm corrects p-values for their number (Holm 1979): what each would have to be
// below for the chance of any wrong alarm among them to be below it, too.
func Holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	out := make([]float64, len(p))
	most := 0.0
	for rank, i := range order {
		most = max(most, min(1, float64(len(p)-rank)*p[i]))
		out[i] = most
	}
	return out
}

// BootstrapMean is the 95 % percentile interval of the mean of paired
// differences (Efron), from draws resamples of the generator.
func BootstrapMean(differences []float64, draws int, rng *rand.Rand) (low, high float64) {
	if len(differences) == 0 || draws < 1 {
		return 0, 0
	}
	means := make([]float64, draws)
	for i := range means {
		sum := 0.0
		for range differences {
			sum += differences[rng.IntN(len(differences))]
		}
		means[i] = sum / float64(len(differences))
	}
	slices.Sort(means)
	at := func(q float64) float64 { return means[min(int(q*float64(draws)), draws-1)] }
	return at(0.025), at(0.975)
}
