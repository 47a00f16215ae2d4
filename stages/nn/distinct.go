package nn

import "pipe/stages/nn/kernel"

// A text says the same words again and again, and what a recurrent layer makes of a
// token before it looks at its state depends on the token alone. So where an embedding
// hands its rows to a recurrent layer and to nobody else, the two compute what belongs
// to a token once for each distinct token of a batch: the input's part of the
// pre-activations, which the steps read by index, and on the way back, after the
// gradients of equal tokens have been added up, the gradients of the input weights and
// of the table. The forward pass has the bits that each position for itself gives; the
// gradients are the same sums in another order.

// distinct says where the distinct tokens of a batch are. A tensor that has one holds,
// in Data and its gradient, a row for each of them and not for each position.
type distinct struct {
	row   []int32 // of each position, (batch, time): which of the tokens is there
	first []int32 // of each token: its first position, -1 where all are masked
	next  []int32 // of each position: the next one with the same token, -1 behind the last
}

// count is how many distinct tokens there are.
func (d *distinct) count() int { return len(d.first) }

// find numbers the tokens in the order in which the steps of a sequence meet them, so
// that rows are mostly read one behind the other, and returns their ids; ids is
// (batch, time). It returns nil where too few of them occur again to repay the
// counting.
func (d *distinct) find(p *Pass, ids []int32, batch, time, vocab int) []int32 {
	d.row = p.ids.take(len(ids))
	tokens := p.ids.take(len(ids))
	numbers := p.ids.take(vocab) // plus 1; 0 for a token that has not been met
	clear(numbers)
	count := 0
	for t := range time {
		for i := t; i < len(ids); i += time {
			n := &numbers[ids[i]]
			if *n == 0 {
				tokens[count] = ids[i]
				count++
				*n = int32(count)
			}
			d.row[i] = *n - 1
		}
	}
	if count*16 > len(ids)*15 {
		return nil
	}
	d.first = p.ids.take(count)
	return tokens[:count]
}

// chain strings together the positions of each token, in their order. Those that are
// masked have no gradient.
func (d *distinct) chain(p *Pass, mask []bool) {
	d.next = p.ids.take(len(d.row))
	for i := range d.first {
		d.first[i] = -1
	}
	for i := len(d.row) - 1; i >= 0; i-- {
		if mask == nil || mask[i] {
			n := d.row[i]
			d.next[i], d.first[n] = d.first[n], int32(i)
		}
	}
}

// join hands the recurrent layer behind the embedding a row for each distinct token.
// A pass that answers reads the rows that it knows already (see projections).
func (l *Embedding) join(p *Pass, x *Tensor, next Layer) *Tensor {
	if _, ok := next.(interface{ recurrent() *Recurrent }); !ok || p.packs != nil {
		return nil
	}
	y := l.distinctRows(p, x)
	if y == nil {
		return nil
	}
	return next.Forward(p, y)
}

// distinctRows is Forward for recurrent layers alone: it returns a row for each distinct
// token, nil where that is not worth it.
func (l *Embedding) distinctRows(p *Pass, x *Tensor) *Tensor {
	var d distinct
	tokens := d.find(p, x.IDs, x.Shape[0], x.Shape[1], l.weight.Shape[0])
	if tokens == nil {
		return nil
	}
	y := p.header([]int{x.Shape[0], x.Shape[1], l.Dim})
	y.Data = p.floats.take(len(tokens) * l.Dim)
	n := l.lookUp(p, x, tokens, y)
	n.distinct = d
	n.distinct.chain(p, y.Mask)
	y.distinct = &n.distinct
	return y
}

// columnGrain is how many columns of sums are worth another core.
const columnGrain = 64

// sumTokens sets columns lo to hi of each token's row to the sum of the gradients at its
// positions, in their order. Cores share the columns, because half of all positions may
// be padding, which is one token.
func (r *run) sumTokens(lo, hi int) {
	d, width := r.x.distinct, r.c.gates()*r.units
	at := func(i int32) []float32 {
		b, t := int(i)/r.time, r.moment(int(i)%r.time)
		return r.gates[(t*r.batch+b)*width:][lo:hi]
	}
	for n, i := range d.first {
		sum := r.rows[n*width:][lo:hi]
		if i < 0 {
			clear(sum)
			continue
		}
		j := d.next[i]
		if j < 0 {
			copy(sum, at(i))
			continue
		}
		kernel.Add(sum, at(i), at(j))
		for i = d.next[j]; i >= 0; i = d.next[i] {
			kernel.Add(sum, sum, at(i))
		}
	}
}
