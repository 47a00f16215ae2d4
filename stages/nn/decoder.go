package nn

import (
	"context"
	"errors"
	"fmt"
)

// Decoder runs a network that reads tokens and answers at every position, one
// token after the other. It remembers what later positions need of all earlier
// ones: the keys and values of attention, the states of recurrent layers. After
// its first tokens it allocates nothing. It is used by one goroutine at a time;
// several decoders may share a network.
type Decoder struct {
	net  *Network
	pass *Pass
}

// NewDecoder returns a decoder of up to limit tokens. Every layer of the network
// must compute a position from that position and those before it.
func (n *Network) NewDecoder(limit int) (*Decoder, error) {
	if limit < 1 {
		return nil, fmt.Errorf("a decoder needs room for at least 1 token, is given %d", limit)
	}
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
	if places, ok := n.places(); ok && limit > places {
		return nil, fmt.Errorf("the network knows %d positions, a decoder of %d needs more", places, limit)
	}
	p := NewPass()
	p.past, p.packs = newPast(limit), &n.packs
	return &Decoder{n, p}, nil
}

// Limit returns how many tokens the decoder has room for.
func (d *Decoder) Limit() int { return d.pass.past.limit }

// Len returns how many tokens it has read.
func (d *Decoder) Len() int { return d.pass.past.length }

// Reset forgets everything that was read and keeps the memory for the next text.
func (d *Decoder) Reset() { d.pass.past.forget() }

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

// places returns how many positions the network has a row for, where one of its
// layers has a table of them.
func (n *Network) places() (count int, ok bool) {
	for _, l := range n.Layers {
		if t, is := l.(interface{ places() (int, bool) }); is {
			if rows, has := t.places(); has && (!ok || rows < count) {
				count, ok = rows, true
			}
		}
	}
	return count, ok
}

func (l *PositionalEncoding) places() (int, bool) { return l.weight.Shape[0], true }

func (s sequence) places() (count int, ok bool) {
	for _, part := range s {
		if t, is := part.layer.(interface{ places() (int, bool) }); is {
			if rows, has := t.places(); has && (!ok || rows < count) {
				count, ok = rows, true
			}
		}
	}
	return count, ok
}

func (m *languageModel) places() (int, bool) { return m.start.places() }
