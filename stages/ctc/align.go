package ctc

import "math"

// states are those that a way goes through: state 2i+1 is label i, the even ones are
// the blanks before, between and after labels. A way stays, goes on to the next state,
// or leaves out a blank between labels that differ.
type states []int32

func (s states) count() int { return 2*len(s) + 1 }

func (s states) label(state int) int32 {
	if state%2 == 0 {
		return Blank
	}
	return s[state/2]
}

// skips reports whether a state may follow the one two before it.
func (s states) skips(state int) bool {
	return state >= 3 && state%2 == 1 && s.label(state) != s.label(state-2)
}

// begin gives the logarithms of the probabilities of the states at the first step.
func (s states) begin(step []float64) []float64 {
	ways := make([]float64, s.count())
	for i := range ways {
		ways[i] = math.Inf(-1)
		if i < 2 {
			ways[i] = step[s.label(i)]
		}
	}
	return ways
}

// Probability is the logarithm of the probability of labels: that of all ways in
// which they come out, by the forward recursion of the paper (equation 6). It is minus
// infinity for labels that do not fit into the steps.
func (o *Output) Probability(labels []int32) float64 {
	s := states(labels)
	if o.Steps() == 0 {
		if len(labels) == 0 {
			return 0
		}
		return math.Inf(-1)
	}
	ways, next := s.begin(o.step(0)), make([]float64, s.count())
	for t := 1; t < o.Steps(); t++ {
		for i := range next {
			sum := ways[i]
			if i >= 1 {
				sum = logAdd(sum, ways[i-1])
			}
			if s.skips(i) {
				sum = logAdd(sum, ways[i-2])
			}
			next[i] = sum + o.step(t)[s.label(i)]
		}
		ways, next = next, ways
	}
	sum := ways[len(ways)-1]
	if len(ways) > 1 {
		sum = logAdd(sum, ways[len(ways)-2])
	}
	return sum
}

// Span is the steps at which a label is said, the last one included.
type Span struct{ First, Last int }

// Align gives the span of each label in the likeliest way in which the labels come
// out (Viterbi); nil where they do not fit into the steps.
func (o *Output) Align(labels []int32) []Span {
	s := states(labels)
	if o.Steps() == 0 || len(labels) == 0 {
		return nil
	}
	ways, next := s.begin(o.step(0)), make([]float64, s.count())
	from := make([]uint8, o.Steps()*s.count()) // how many states before the way came from
	for t := 1; t < o.Steps(); t++ {
		back := from[t*s.count():]
		for i := range next {
			best := ways[i]
			if i >= 1 && ways[i-1] > best {
				best, back[i] = ways[i-1], 1
			}
			if s.skips(i) && ways[i-2] > best {
				best, back[i] = ways[i-2], 2
			}
			next[i] = best + o.step(t)[s.label(i)]
		}
		ways, next = next, ways
	}
	state := s.count() - 1
	if ways[state-1] > ways[state] {
		state--
	}
	if math.IsInf(ways[state], -1) {
		return nil
	}
	spans := make([]Span, len(labels))
	for i := range spans {
		spans[i].Last = -1
	}
	for t := o.Steps() - 1; t >= 0; t-- {
		if state%2 == 1 {
			span := &spans[state/2]
			span.First = t
			if span.Last < 0 {
				span.Last = t
			}
		}
		state -= int(from[t*s.count()+state])
	}
	return spans
}

// logAdd returns log(eᵃ + eᵇ).
func logAdd(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if math.IsInf(b, -1) {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}
