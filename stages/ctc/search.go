package ctc

import (
	"cmp"
	"math"
	"slices"
)

// Grammar says which labels may follow others, and what is more likely beforehand. It
// is followed through states, of which 0 is the one before the first label.
type Grammar interface {
	// Next gives the state after a label, and what it adds to the logarithm of the
	// probability; ok is false where the label may not come.
	Next(state int32, label int32) (next int32, added float64, ok bool)
	// End tells what the end adds; ok is false where the labels may not end.
	End(state int32) (added float64, ok bool)
}

// Found is what a search comes to.
type Found struct {
	Labels []int32
	// LogProbability is that of the labels given the recording, all ways together.
	LogProbability float64
	// Score is that, and what the grammar adds.
	Score float64
}

// unlikely is below which probability, as a logarithm, a label at a step begins no
// new prefix: 1e-7.
const unlikely = -16.1

// Search finds the likeliest labels by following so many prefixes (A. Hannun et al.,
// First-Pass Large Vocabulary Continuous Speech Recognition using Bi-Directional
// Recurrent DNNs, 2014): of each, the ways that end in a blank are kept apart from
// those that do not, so that all ways of a prefix add up. In the end the prefixes that
// are left, and what Greedy gives where the grammar allows it, are weighed by their
// exact probability: more is never found less likely than Greedy's. ok is false where
// the grammar allows nothing that was followed.
func (o *Output) Search(beams int, g Grammar) (best Found, ok bool) {
	if g == nil {
		g = anything{}
	}
	b := &beam{grammar: g, nodes: []node{{parent: -1, other: math.Inf(-1)}}, live: []int32{0}}
	for t := range o.Steps() {
		b.advance(o.step(t), max(beams, 1))
	}
	candidates := [][]int32{o.Greedy()}
	for _, n := range b.live {
		candidates = append(candidates, b.labels(n))
	}
	for _, labels := range candidates {
		added, allowed := weigh(g, labels)
		if !allowed {
			continue
		}
		f := Found{labels, o.Probability(labels), 0}
		f.Score = f.LogProbability + added
		if !ok || f.Score > best.Score {
			best, ok = f, true
		}
	}
	return best, ok
}

// anything is the grammar without rules.
type anything struct{}

func (anything) Next(int32, int32) (int32, float64, bool) { return 0, 0, true }
func (anything) End(int32) (float64, bool)                { return 0, true }

// weigh sums up what a grammar says of labels.
func weigh(g Grammar, labels []int32) (sum float64, ok bool) {
	state := int32(0)
	for _, label := range labels {
		next, added, ok := g.Next(state, label)
		if !ok {
			return 0, false
		}
		state, sum = next, sum+added
	}
	added, ok := g.End(state)
	return sum + added, ok
}

// node is a prefix: its parent's and a label.
type node struct {
	label    int32
	parent   int32
	children []int32
	state    int32   // of the grammar
	added    float64 // by the grammar so far

	blank, other float64 // logarithms of the ways up to the last step, by how they end
	candidate    int     // of this step, from 1
}

// candidate is a prefix that may be followed after this step. It becomes a node only
// if it is.
type candidate struct {
	node
	at           int32 // -1: there is no node yet
	blank, other float64
}

func (c *candidate) score() float64 { return logAdd(c.blank, c.other) + c.added }

type beam struct {
	grammar Grammar
	nodes   []node
	live    []int32 // the likeliest first
	next    []candidate
}

// advance takes a step in.
func (b *beam) advance(step []float64, beams int) {
	b.next = b.next[:0]
	for _, at := range b.live {
		n := b.nodes[at]
		total := logAdd(n.blank, n.other)
		stays := b.candidate(at)
		stays.blank = logAdd(stays.blank, total+step[Blank])
		if n.label != Blank {
			stays.other = logAdd(stays.other, n.other+step[n.label])
		}
		for label := int32(1); int(label) < len(step); label++ {
			ways := total
			if label == n.label {
				ways = n.blank // without one between, it is the same label once more
			}
			if step[label] < unlikely || math.IsInf(ways, -1) {
				continue
			}
			if c := b.child(at, label); c != nil {
				c.other = logAdd(c.other, ways+step[label])
			}
		}
	}
	slices.SortStableFunc(b.next, func(x, y candidate) int { return cmp.Compare(y.score(), x.score()) })
	for i := range b.next {
		if at := b.next[i].at; at >= 0 {
			b.nodes[at].candidate = 0
		}
	}
	b.live = b.live[:0]
	for _, c := range b.next[:min(len(b.next), beams)] {
		if c.at < 0 {
			c.at = int32(len(b.nodes))
			b.nodes = append(b.nodes, c.node)
			b.nodes[c.parent].children = append(b.nodes[c.parent].children, c.at)
		}
		b.nodes[c.at].blank, b.nodes[c.at].other = c.blank, c.other
		b.live = append(b.live, c.at)
	}
}

// candidate is that of a node. It is valid until the next is asked for.
func (b *beam) candidate(at int32) *candidate {
	n := &b.nodes[at]
	if n.candidate == 0 {
		b.next = append(b.next, candidate{node{added: n.added}, at, math.Inf(-1), math.Inf(-1)})
		n.candidate = len(b.next)
	}
	return &b.next[n.candidate-1]
}

// child is the candidate of a prefix with a label more, nil where the grammar has none.
func (b *beam) child(at, label int32) *candidate {
	n := &b.nodes[at]
	for _, c := range n.children {
		if b.nodes[c].label == label {
			return b.candidate(c)
		}
	}
	state, added, ok := b.grammar.Next(n.state, label)
	if !ok {
		return nil
	}
	b.next = append(b.next, candidate{node{label: label, parent: at, state: state, added: n.added + added}, -1, math.Inf(-1), math.Inf(-1)})
	return &b.next[len(b.next)-1]
}

// labels are those of a prefix.
func (b *beam) labels(at int32) []int32 {
	var out []int32
	for ; b.nodes[at].parent >= 0; at = b.nodes[at].parent {
		out = append(out, b.nodes[at].label)
	}
	slices.Reverse(out)
	return out
}
