package nn

import (
	"cmp"
	"slices"
)

// spans says which steps a run computes of which rows. Rows are sorted so that those
// that take part in a step are the first ones: the steps of a batch of texts of many
// lengths lie one behind the other without gaps.
type spans struct {
	order       []int          // the row of the batch at each place
	first, last []int          // of each place: the steps [first, last) are computed
	offsets     []int          // of each step: how many rows the steps before it have together
	known       *paddingStates // the states before first; nil: zero
}

// set finds the steps for x, all of them unless some may be left out. own says that the
// rows begin with the direction's own state, for which that over padding may be known.
func (s *spans) set(p *Pass, x *Tensor, d *direction, some, own bool) {
	batch, time := x.Shape[0], x.Shape[1]
	s.order, s.first, s.last = p.dims.take(batch), p.dims.take(batch), p.dims.take(batch)
	s.offsets = p.dims.take(time + 1)
	for i := range batch {
		s.order[i], s.first[i], s.last[i] = i, 0, time
	}
	s.known = nil
	if some && p.past == nil {
		s.shorten(p, x, d, own)
	}
	s.offsets[0] = 0
	for t := range time {
		n := 0
		for n < batch && s.first[n] <= t && t < s.last[n] {
			n++
		}
		s.offsets[t+1] = s.offsets[t] + n
	}
}

// shorten leaves out what is known: the states over padding before a text, which
// depend on nothing but how much of it there is, and masked steps at the side that
// has more of them, over which the state stays.
func (s *spans) shorten(p *Pass, x *Tensor, d *direction, own bool) {
	batch, time := x.Shape[0], x.Shape[1]
	if known := p.known[d]; known != nil && x.padded != nil && own {
		s.known = known
		copy(s.first, x.padded)
	} else if x.Mask != nil {
		before, behind := 0, 0
		for b := range batch {
			at := func(t int) bool { return x.Mask[b*time+d.moment(t, time)] }
			for s.first[b] < time && !at(s.first[b]) {
				s.first[b]++
			}
			for s.last[b] > s.first[b] && !at(s.last[b]-1) {
				s.last[b]--
			}
			before, behind = before+s.first[b], behind+time-s.last[b]
		}
		if before < behind {
			clear(s.first)
		} else {
			fill(s.last, time)
		}
	}
	slices.SortFunc(s.order, func(a, b int) int {
		return cmp.Or(cmp.Compare(s.first[a], s.first[b]), cmp.Compare(s.last[b], s.last[a]), cmp.Compare(a, b))
	})
	slices.Sort(s.first)
	slices.SortFunc(s.last, func(a, b int) int { return b - a })
}

// steps is how many steps all rows have together.
func (s *spans) steps() int { return s.offsets[len(s.offsets)-1] }

// active is how many rows take part in step t.
func (s *spans) active(t int) int { return s.offsets[t+1] - s.offsets[t] }

func fill(s []int, v int) {
	for i := range s {
		s[i] = v
	}
}
