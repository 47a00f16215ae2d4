package nn

import (
	"context"
	"errors"
	"fmt"
	"math"

	"pipe/stages/nn/kernel"
)

// Decoder runs a network that reads tokens and answers at every position, one
// token after the other, and remembers the keys and values of all earlier ones. It
// is used by one goroutine at a time.
type Decoder struct {
	net  *Network
	pass *Pass
}

// NewDecoder returns a decoder of up to limit tokens. Every layer of the network
// must compute a position from that position and those before it.
func (n *Network) NewDecoder(limit int) (*Decoder, error) {
	if !n.Input.Tokens || len(n.OutShape()) != 3 {
		return nil, errors.New("only networks that read tokens and answer at every position write on")
	}
	for i, l := range n.Layers {
		if r, ok := l.(interface{ readsBackOnly() bool }); !ok || !r.readsBackOnly() {
			return nil, &LayerError{i, LayerKind(l), errors.New("reads positions that are still to come, or does not say that it does not")}
		}
	}
	if err := n.ready(); err != nil {
		return nil, err
	}
	p := NewPass()
	p.past = &past{limit: limit, kept: map[*MultiHeadAttention]*keysAndValues{}}
	return &Decoder{n, p}, nil
}

// Next reads further tokens and returns what the network gives after the last: the
// logits where it ends with a softmax. They are valid until the next call.
func (d *Decoder) Next(ctx context.Context, tokens ...int32) ([]float32, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	past := d.pass.past
	if len(tokens) == 0 || past.length+len(tokens) > past.limit {
		return nil, fmt.Errorf("cannot read %d tokens after %d; there is room for %d", len(tokens), past.length, past.limit)
	}
	b := Batch{Tokens: tokens}
	if err := b.check(d.net.Context, 0); err != nil {
		return nil, err
	}
	d.pass.Reset()
	x := d.pass.Tokens(1, len(tokens))
	copy(x.IDs, tokens)
	y := logitsOf(d.net.Forward(d.pass, x), Softmax)
	past.length += len(tokens)
	return y.Data[len(y.Data)-y.Shape.Last():], nil
}

// past is what a decoder remembers.
type past struct {
	limit, length int
	kept          map[*MultiHeadAttention]*keysAndValues
}

// keysAndValues are those of one layer, each (kv heads, limit, dim).
type keysAndValues struct{ keys, values []float32 }

// position returns the place of the first position of the input in the whole
// sequence.
func (p *Pass) position() int {
	if p.past == nil {
		return 0
	}
	return p.past.length
}

// attend is attend for new positions of one sequence, which read all remembered
// ones and, of the new ones, themselves and those before them.
func (m *past) attend(p *Pass, l *MultiHeadAttention, qkv *Tensor, h heads) *Tensor {
	kept := m.kept[l]
	if kept == nil {
		size := h.kv * m.limit * h.dim
		kept = &keysAndValues{make([]float32, size), make([]float32, size)}
		m.kept[l] = kept
	}
	count, d, width := qkv.Shape[1], h.dim, h.width()
	for t := range count {
		for kv := range h.kv {
			k := t*width + (h.count+kv)*d
			to := (kv*m.limit + m.length + t) * d
			copy(kept.keys[to:to+d], qkv.Data[k:])
			copy(kept.values[to:to+d], qkv.Data[k+h.kv*d:])
		}
	}
	y := p.Tensor(1, count, h.count*d)
	scores := p.floats.take(m.length + count)
	scale := float32(1 / math.Sqrt(float64(d)))
	for t := range count {
		reach := m.length + t + 1
		row := scores[:reach]
		for head := range h.count {
			from := head / (h.count / h.kv) * m.limit * d
			q := qkv.Data[t*width+head*d:][:d]
			kernel.Gemm(false, true, 1, reach, d, scale, q, d, kept.keys[from:], d, 0, row, reach)
			kernel.Softmax(row, row, 1, reach)
			kernel.Gemm(false, false, 1, d, reach, 1, row, reach, kept.values[from:], d, 0, y.Data[(t*h.count+head)*d:], d)
		}
	}
	return y
}
