package nn

import (
	"math"

	"pipe/stages/nn/kernel"
)

// past is what a decoder remembers of the positions that it has read.
type past struct {
	limit, length int
	attentions    map[*MultiHeadAttention]*keysAndValues
	states        map[*direction]*recurrentState
}

func newPast(limit int) *past {
	return &past{limit: limit, attentions: map[*MultiHeadAttention]*keysAndValues{}, states: map[*direction]*recurrentState{}}
}

// forget returns to the beginning. Keys, values and states need no clearing: nothing
// reads beyond the length.
func (m *past) forget() { m.length = 0 }

// position returns the place of the first position of the input in the whole
// sequence.
func (p *Pass) position() int {
	if p.past == nil {
		return 0
	}
	return p.past.length
}

// keysAndValues are those of one layer. The keys are stored as (kv heads, dim,
// limit), so that a query against all of them is a product without a transpose; the
// values as (kv heads, limit, dim).
type keysAndValues struct{ keys, values []float32 }

// remember appends the keys and values of new positions.
func (m *past) remember(l *MultiHeadAttention, qkv *Tensor, h heads) *keysAndValues {
	kept := m.attentions[l]
	if kept == nil {
		size := h.kv * m.limit * h.dim
		kept = &keysAndValues{make([]float32, size), make([]float32, size)}
		m.attentions[l] = kept
	}
	d, width := h.dim, h.width()
	for t := range qkv.Shape[1] {
		at := m.length + t
		for kv := range h.kv {
			k := qkv.Data[t*width+(h.count+kv)*d:][:d]
			for i, v := range k {
				kept.keys[(kv*d+i)*m.limit+at] = v
			}
			copy(kept.values[(kv*m.limit+at)*d:][:d], qkv.Data[t*width+(h.count+h.kv+kv)*d:])
		}
	}
	return kept
}

// attend is attend for new positions of one sequence, which read all remembered
// ones and, of the new ones, themselves and those before them.
func (m *past) attend(p *Pass, l *MultiHeadAttention, qkv *Tensor, h heads) *Tensor {
	kept := m.remember(l, qkv, h)
	count, d := qkv.Shape[1], h.dim
	y := p.Tensor(1, count, h.count*d)
	tile := min(count, queryTile)
	scores := p.floats.take(tile * m.limit) // for the longest reach, so that later tokens need no more
	queries := p.floats.take(tile * d)
	scale := float32(1 / math.Sqrt(float64(d)))
	for first := 0; first < count; first += tile {
		rows := min(tile, count-first)
		reach := m.length + first + rows
		for head := range h.count {
			kv := head / (h.count / h.kv)
			for t := range rows {
				q := queries[t*d:][:d]
				copy(q, qkv.Data[(first+t)*h.width()+head*d:])
				kernel.Scale(scale, q)
			}
			kernel.Gemm(false, false, rows, reach, d, 1, queries, d, kept.keys[kv*d*m.limit:], m.limit, 0, scores, reach)
			for t := range rows {
				row := scores[t*reach:][:reach]
				readable := m.length + first + t + 1
				kernel.Softmax(row, row, 1, readable)
				clear(row[readable:])
			}
			kernel.Gemm(false, false, rows, d, reach, 1, scores, reach, kept.values[kv*m.limit*d:], d, 0,
				y.Data[(first*h.count+head)*d:], h.count*d)
		}
	}
	return y
}

// recurrentState is the state of one sequence after the positions that were read;
// c is empty but for the LSTM.
type recurrentState struct{ h, c []float32 }

// resume puts the remembered state before the first step, where there is one.
func (m *past) resume(r *run) {
	s := m.states[r.d]
	if s == nil {
		s = &recurrentState{h: make([]float32, r.units), c: make([]float32, r.units)}
		m.states[r.d] = s
	}
	if m.length == 0 {
		return
	}
	copy(r.at(r.h, 0, 0, 1), s.h)
	if r.c0 != nil {
		copy(r.at(r.c0, 0, 0, 1), s.c)
	}
}

// keep remembers the state after the last step.
func (m *past) keep(r *run) {
	s := m.states[r.d]
	copy(s.h, r.at(r.h, r.time, 0, 1))
	if r.c0 != nil {
		copy(s.c, r.at(r.c0, r.time, 0, 1))
	}
}
