package summary

import "math"

// Centroid scores a sentence by how alike it is to the mean of all (Radev et al. 2004):
// the cosine of its vector and the mean.
func Centroid(a Alike) []float64 {
	out := make([]float64, a.n)
	total := 0.0
	for i := range out {
		for j := range a.n {
			out[i] += a.At(i, j)
		}
		total += out[i]
	}
	scale := 1 / math.Sqrt(max(total, 1e-12)) // the mean's length, times n
	for i := range out {
		out[i] *= scale
	}
	return out
}

// LexRank scores sentences as a reader finds them who goes from each to one like it
// (Erkan and Radev 2004): the stationary distribution of that walk, times n. Ways
// between sentences that are less alike than the threshold are not there; with the
// probability 1-damping the reader goes anywhere.
func LexRank(a Alike, threshold, damping float64) []float64 {
	n := a.n
	ways, sums := make([]float64, n*n), make([]float64, n)
	for i := range n {
		for j := range n {
			if v := a.At(i, j); v >= threshold && v > 0 {
				ways[i*n+j] = v
				sums[i] += v
			}
		}
		if sums[i] == 0 { // an empty sentence is like itself
			ways[i*n+i], sums[i] = 1, 1
		}
	}
	rank, next := make([]float64, n), make([]float64, n)
	for i := range rank {
		rank[i] = 1
	}
	for range 200 {
		for j := range next {
			next[j] = 1 - damping
		}
		for i := range n {
			share := damping * rank[i] / sums[i]
			for j, w := range ways[i*n : (i+1)*n] {
				next[j] += share * w
			}
		}
		moved := 0.0
		for i := range n {
			moved = max(moved, math.Abs(next[i]-rank[i]))
		}
		rank, next = next, rank
		if moved < 1e-9 {
			break
		}
	}
	return rank
}

// Directed scores a sentence by how alike it is to those behind it and, weighted with
// before, to those before it (PacSum, Zheng and Lapata 2019). What two sentences have
// less in common than the share threshold between the least and the most of any two
// does not count.
func Directed(a Alike, threshold, before float64) []float64 {
	out := make([]float64, a.n)
	least, most := math.Inf(1), math.Inf(-1)
	for i := range a.n {
		for j := range i {
			least, most = min(least, a.At(i, j)), max(most, a.At(i, j))
		}
	}
	floor := least + threshold*(most-least)
	for i := range a.n {
		for j := range i { // j stands before i
			edge := max(a.At(i, j)-floor, 0)
			out[i] += before * edge
			out[j] += edge
		}
	}
	return out
}
