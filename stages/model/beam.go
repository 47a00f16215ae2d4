package model

import (
	"cmp"
	"context"
	"math"
	"slices"

	"pipe/stages/nn"
)

// beamSearch follows, for each text, the likeliest beginnings of its translation.
type beamSearch struct {
	decoder *nn.Translation
	beams   int
	wanted  int // hypotheses of each text
	texts   []beam
}

// beam is the search for the translation of one text.
type beam struct {
	live  []hypothesis // the likeliest first
	ended []hypothesis // the best so far, the best first
}

// hypothesis is a beginning of a translation, or with ended the whole.
type hypothesis struct {
	tokens  []int32
	logprob float64
	ended   bool
	row     int // of the decoder
}

// score divides by ((5 + length) / 6)^0.6, so that long translations are not left
// out for their length (Wu et al. 2016).
func (h *hypothesis) score() float64 { return h.scoreAt(len(h.tokens)) }

// scoreAt is the score with so many tokens of the same probability.
func (h *hypothesis) scoreAt(tokens int) float64 {
	return h.logprob / math.Pow((6+float64(tokens))/6, 0.6)
}

func newBeamSearch(d *nn.Translation, beams, wanted, texts int) *beamSearch {
	s := &beamSearch{decoder: d, beams: max(beams, 1), wanted: max(wanted, 1), texts: make([]beam, texts)}
	for i := range s.texts {
		s.texts[i].live = []hypothesis{{row: i}}
	}
	return s
}

// run gives the best hypotheses of each text, the best first, and where none has
// come to its end the likeliest that has not.
func (s *beamSearch) run(ctx context.Context) ([][]hypothesis, error) {
	for step := range s.decoder.Limit() {
		var from []int
		var tokens []int32
		for t := range s.texts {
			for i := range s.texts[t].live {
				h := &s.texts[t].live[i]
				last := int32(0) // which begins a translation
				if step > 0 {
					last = h.tokens[len(h.tokens)-1]
				}
				from, tokens = append(from, h.row), append(tokens, last)
				h.row = len(from) - 1
			}
		}
		if len(from) == 0 {
			break
		}
		logits, err := s.decoder.Next(ctx, from, tokens)
		if err != nil {
			return nil, err
		}
		width := len(logits) / len(from)
		for t := range s.texts {
			s.texts[t].grow(s.beams, s.wanted, logits, width, s.decoder.Limit())
		}
	}
	found := make([][]hypothesis, len(s.texts))
	for t := range s.texts {
		b := &s.texts[t]
		found[t] = b.ended
		if len(b.ended) == 0 {
			found[t] = b.live[:1] // there was no room for its end
		}
	}
	return found, nil
}

// grow adds a token to the hypotheses of a text and keeps the likeliest.
func (b *beam) grow(beams, wanted int, logits []float32, width, limit int) {
	var next []hypothesis
	for _, h := range b.live {
		row := logits[h.row*width:][:width]
		norm := logSum(row)
		for _, id := range likeliest(row, beams+1) { // one of them may be the end
			next = append(next, hypothesis{append(slices.Clip(h.tokens), id), h.logprob + float64(row[id]) - norm, id == 0, h.row})
		}
	}
	slices.SortStableFunc(next, func(x, y hypothesis) int { return cmp.Compare(y.logprob, x.logprob) })
	b.live = b.live[:0]
	for i := range next {
		h := next[i]
		switch {
		case len(b.live) == beams:
			continue
		case !h.ended:
			b.live = append(b.live, h)
		default:
			h.tokens = h.tokens[:len(h.tokens)-1]
			b.end(h, wanted)
		}
	}
	// More tokens make no hypothesis likelier, so that the best it can come to is what
	// it is now at the greatest length.
	if len(b.ended) == wanted && len(b.live) > 0 && b.ended[wanted-1].score() >= b.live[0].scoreAt(limit) {
		b.live = nil
	}
}

// end keeps a hypothesis that has ended where it is among the best; of equals the
// first that came stays before.
func (b *beam) end(h hypothesis, wanted int) {
	at := len(b.ended)
	for at > 0 && h.score() > b.ended[at-1].score() {
		at--
	}
	b.ended = slices.Insert(b.ended, at, h)
	b.ended = b.ended[:min(len(b.ended), wanted)]
}

// likeliest gives the k greatest, the greatest first and of equal ones the first.
func likeliest(row []float32, k int) []int32 {
	best := make([]int32, 0, k+1)
	for id := range row {
		if len(best) == k && !(row[id] > row[best[k-1]]) {
			continue
		}
		at := len(best)
		for at > 0 && row[id] > row[best[at-1]] {
			at--
		}
		best = slices.Insert(best, at, int32(id))
		best = best[:min(len(best), k)]
	}
	return best
}
