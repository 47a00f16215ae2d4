package drift

import (
	"slices"
	"sort"
)

// QuantileEdges cuts the range of a sample into bins that hold about as many of
// its values each, and gives the inner edges in rising order: the quantiles
// i/bins, interpolated linearly (type 7 of Hyndman and Fan 1996, as in numpy).
// Equal edges count once, so a sample of few different values gives fewer bins.
// The first and the last bin are open.
func QuantileEdges(sample []float64, bins int) []float64 { return quantileEdges(sorted(sample), bins) }

func quantileEdges(sorted []float64, bins int) []float64 {
	if len(sorted) == 0 {
		return nil
	}
	var edges []float64
	for i := 1; i < bins; i++ {
		edges = append(edges, quantile(sorted, float64(i)/float64(bins)))
	}
	return slices.Compact(edges)
}

// quantile interpolates as numpy does, to the last bit: a value that equals an
// edge is to fall into the same bin.
func quantile(sorted []float64, share float64) float64 {
	at := share * float64(len(sorted)-1)
	low := int(at)
	if low >= len(sorted)-1 {
		return sorted[len(sorted)-1]
	}
	t, a, b := at-float64(low), sorted[low], sorted[low+1]
	if t < 0.5 {
		return a + float64((b-a)*t)
	}
	return b - float64((b-a)*(1-t))
}

// Count counts values in the bins between inner edges: a value belongs to the
// bin that begins at or below it.
func Count(values, edges []float64) []float64 {
	counts := make([]float64, len(edges)+1)
	for _, v := range values {
		counts[sort.Search(len(edges), func(i int) bool { return edges[i] > v })]++
	}
	return counts
}
