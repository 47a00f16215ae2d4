package nn

import "math"

// Histogram counts numbers in buckets of equal width from the least to the
// greatest.
type Histogram struct {
	Min     float64 `json:"min"`
	Max     float64 `json:"max"`
	Sum     float64 `json:"sum"`
	Squares float64 `json:"squares"` // the sum of them
	Counts  []int   `json:"counts"`
}

// histogramBuckets is what TensorBoard draws.
const histogramBuckets = 30

// newHistogram counts finite numbers.
func newHistogram(x []float32) *Histogram {
	h := &Histogram{Min: math.Inf(1), Max: math.Inf(-1), Counts: make([]int, histogramBuckets)}
	for _, f := range x {
		v := float64(f)
		h.Min, h.Max = min(h.Min, v), max(h.Max, v)
		h.Sum += v
		h.Squares += v * v
	}
	width := (h.Max - h.Min) / histogramBuckets
	for _, f := range x {
		at := 0
		if width > 0 {
			at = min(int((float64(f)-h.Min)/width), histogramBuckets-1)
		}
		h.Counts[at]++
	}
	return h
}

// Count returns how many numbers were counted.
func (h *Histogram) Count() int {
	n := 0
	for _, c := range h.Counts {
		n += c
	}
	return n
}

// Limit returns where a bucket ends.
func (h *Histogram) Limit(bucket int) float64 {
	if bucket == len(h.Counts)-1 {
		return h.Max
	}
	return h.Min + (h.Max-h.Min)*float64(bucket+1)/float64(len(h.Counts))
}

// ParamHistogram is the histogram of one parameter.
type ParamHistogram struct {
	Name string `json:"name"`
	*Histogram
}

// histograms are those of all trained parameters.
func (t *Trainer) histograms() []ParamHistogram {
	all := make([]ParamHistogram, len(t.params))
	for i, p := range t.params {
		all[i] = ParamHistogram{p.Name, newHistogram(p.Data)}
	}
	return all
}
