package score

import (
	"cmp"
	"slices"
)

// rank computes, for one class against all other rows, the area under the ROC
// curve (the probability that a row of the class scores above one of the rest,
// ties counting half: Mann and Whitney 1947) and the average precision
// Σ (Rₙ - Rₙ₋₁)·Pₙ over the thresholds n. Neither is defined, and ok is false,
// where all rows or none are of the class.
func rank(truth []int32, class int32, scores []float32) (auc, ap float64, ok bool) {
	order := make([]int32, len(scores))
	positives := 0
	for i := range order {
		order[i] = int32(i)
		if truth[i] == class {
			positives++
		}
	}
	negatives := len(order) - positives
	if positives == 0 || negatives == 0 {
		return 0, 0, false
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(scores[b], scores[a]) })

	var hits, misses int // among the rows above the threshold
	var area float64     // pairs that are in the right order
	for i := 0; i < len(order); {
		hit, miss := 0, 0
		for s := scores[order[i]]; i < len(order) && cmp.Compare(scores[order[i]], s) == 0; i++ {
			if truth[order[i]] == class {
				hit++
			} else {
				miss++
			}
		}
		area += float64(miss) * (float64(hits) + float64(hit)/2)
		hits, misses = hits+hit, misses+miss
		ap += float64(hit) * float64(hits) / float64(hits+misses)
	}
	return area / float64(positives) / float64(negatives), ap / float64(positives), true
}
