// Package drift owns the question how far data have moved: distances and tests
// between a sample of a reference and a sample of what came later. It knows
// nothing of tables, stages and servers; whoever has values can ask.
package drift

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// emptyShare stands for the share of a bin or category that has no values,
// where a logarithm of it is taken.
const emptyShare = 1e-4

// PSI is the population stability index of counts over the same bins: the sum
// of (q-p)·ln(q/p), where p and q are the shares of the reference and of the
// current values (Jeffreys' divergence). A bin that is empty on one side counts
// as 0.0001 of its values. Below 0.1 little has changed, and from 0.2 on much
// has (Siddiqi 2006). It is NaN where one side has no values.
func PSI(reference, current []float64) float64 {
	n, m := total(reference), total(current)
	if n == 0 || m == 0 {
		return math.NaN()
	}
	sum := 0.0
	for i := range reference {
		if reference[i] == 0 && current[i] == 0 {
			continue
		}
		p, q := reference[i]/n, current[i]/m
		if p == 0 {
			p = emptyShare
		}
		if q == 0 {
			q = emptyShare
		}
		sum += float64((q - p) * math.Log(q/p))
	}
	return sum
}

// JensenShannon is the Jensen-Shannon distance of counts over the same bins:
// the square root of the divergence, with logarithms to the base 2, so that it
// is between 0 and 1 (Endres and Schindelin 2003). It is NaN where one side has
// no values.
func JensenShannon(reference, current []float64) float64 {
	n, m := total(reference), total(current)
	if n == 0 || m == 0 {
		return math.NaN()
	}
	sum := 0.0
	for i := range reference {
		p, q := reference[i]/n, current[i]/m
		middle := (p + q) / 2
		if p > 0 {
			sum += float64(p * math.Log2(p/middle))
		}
		if q > 0 {
			sum += float64(q * math.Log2(q/middle))
		}
	}
	return math.Sqrt(max(sum, 0) / 2)
}

// ChiSquare is Pearson's test that two rows of counts come from one
// distribution (a contingency table, without correction for continuity). Bins
// that are empty on both sides do not count. It gives NaN where there is nothing
// to compare: one side without values, or fewer than two bins.
func ChiSquare(reference, current []float64) (statistic, p float64) {
	n, m := total(reference), total(current)
	freedom := -1
	for i := range reference {
		both := reference[i] + current[i]
		if both == 0 {
			continue
		}
		freedom++
		for _, c := range []struct{ observed, all float64 }{{reference[i], n}, {current[i], m}} {
			expected := both * c.all / (n + m)
			d := c.observed - expected
			statistic += float64(d * d / expected)
		}
	}
	if n == 0 || m == 0 || freedom < 1 {
		return math.NaN(), math.NaN()
	}
	return statistic, mathext.GammaIncRegComp(float64(freedom)/2, statistic/2)
}

func total(counts []float64) float64 {
	sum := 0.0
	for _, c := range counts {
		sum += c
	}
	return sum
}
