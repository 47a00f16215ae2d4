package summary

import (
	"math"
	"slices"
)

// Pick takes n sentences, one after the other, each time the one that is best by its
// score and unlike those that are taken (maximal marginal relevance, Carbonell and
// Goldstein 1998): scores are brought between 0 and 1, and diversity is the weight of
// the greatest likeness to one that is taken. With 0 the best scores count alone. Of
// equal ones the first is taken. The result is in the order in which they are taken.
func Pick(scores []float64, a Alike, n int, diversity float64) []int {
	least, most := math.Inf(1), math.Inf(-1)
	for _, s := range scores {
		least, most = min(least, s), max(most, s)
	}
	span := max(most-least, 1e-12)
	near := make([]float64, len(scores)) // to the nearest that is taken
	var out []int
	for len(out) < min(n, len(scores)) {
		at, best := -1, math.Inf(-1)
		for i, s := range scores {
			if v := (1-diversity)*(s-least)/span - diversity*near[i]; v > best && !slices.Contains(out, i) {
				at, best = i, v
			}
		}
		for i := range near {
			near[i] = max(near[i], a.At(i, at))
		}
		out = append(out, at)
	}
	return out
}
