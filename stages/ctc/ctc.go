// Package ctc finds what is written in the output of a network that was trained
// by connectionist temporal classification (Graves et al. 2006): at every step a
// probability for each label, label 0 being the blank. Labels come out when of the
// answers at all steps repeats are merged and then blanks dropped, in many ways, and
// the probability of labels is the sum over these. The package has the likeliest way
// (greedy), the likeliest labels (prefix beam search), with a grammar of known words
// where there is one, and when each label is said (alignment). It knows nothing of
// sound and networks.
package ctc

import "math"

// Blank is the label that separates others and stands for none.
const Blank = 0

// Output is what a network gave for one recording. It does not change.
type Output struct {
	labels int
	logs   []float64 // natural logarithms of the probabilities, step after step
}

// NewOutput takes probabilities, so many labels for each step.
func NewOutput(probabilities []float32, labels int) *Output {
	o := &Output{labels: labels, logs: make([]float64, len(probabilities))}
	for i, p := range probabilities {
		o.logs[i] = math.Log(float64(p))
	}
	return o
}

// Steps is how many steps the output has.
func (o *Output) Steps() int { return len(o.logs) / o.labels }

func (o *Output) step(t int) []float64 { return o.logs[t*o.labels:][:o.labels] }

// Greedy takes the likeliest answer at every step, of equal ones the first.
func (o *Output) Greedy() []int32 {
	var found []int32
	last := int32(Blank)
	for t := range o.Steps() {
		best := int32(0)
		for label, p := range o.step(t) {
			if p > o.step(t)[best] {
				best = int32(label)
			}
		}
		if best != Blank && best != last {
			found = append(found, best)
		}
		last = best
	}
	return found
}
