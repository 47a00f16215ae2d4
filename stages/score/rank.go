package score

import (
	"cmp"
	"math"
	"slices"
)

// ranking is how well a class' probability puts its rows before the others.
type ranking struct {
	auc, ap float64
	roc, pr []Point // a point for each threshold, from the highest
}

// rank computes, for one class against all other rows, the area under the ROC
// curve (the probability that a row of the class scores above one of the rest,
// ties counting half: Mann and Whitney 1947), the average precision
// Σ (Rₙ - Rₙ₋₁)·Pₙ over the thresholds n, and if asked for the curves themselves.
// None is defined, and ok is false, where all rows or none are of the class.
func rank(truth []int32, class int32, scores []float32, curves bool) (r ranking, ok bool) {
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
		return r, false
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
		precision := float64(hits) / float64(hits+misses)
		r.ap += float64(hit) * precision
		if !curves {
			continue
		}
		recall := float64(hits) / float64(positives)
		r.roc = append(r.roc, Point{float64(misses) / float64(negatives), recall})
		r.pr = append(r.pr, Point{recall, precision})
	}
	r.auc, r.ap = area/float64(positives)/float64(negatives), r.ap/float64(positives)
	return r, true
}

// AUC is the area under the ROC curve of numbers that should be higher for what is so:
// the probability that one that is so scores above one that is not, ties counting half.
// It is not defined, and ok is false, where all or none are so.
func AUC(so []bool, scores []float32) (auc float64, ok bool) {
	truth := make([]int32, len(so))
	for i, yes := range so {
		if yes {
			truth[i] = 1
		}
	}
	r, ok := rank(truth, 1, scores, false)
	return r.auc, ok
}

// curvePoints is about how many points of a curve are kept.
const curvePoints = 200

// thin keeps the points of a curve that are some way from the last one kept,
// and its end.
func thin(curve []Point) []Point {
	if len(curve) <= curvePoints {
		return curve
	}
	kept := curve[:1:1]
	for i, p := range curve[1:] {
		last := kept[len(kept)-1]
		if i == len(curve)-2 || math.Abs(p[0]-last[0])+math.Abs(p[1]-last[1]) >= 2.0/curvePoints {
			kept = append(kept, p)
		}
	}
	return kept
}
