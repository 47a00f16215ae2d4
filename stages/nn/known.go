package nn

import (
	"sync"
	"sync/atomic"
)

// Texts that are shorter than the input of a network have padding before them, most
// often, as Keras does it: id 0 again and again. A recurrent layer cannot leave it out,
// but what it makes of it depends on nothing but how much there is. So a network that
// answers looks once at a text of nothing but padding, remembers the state after each
// step, and begins with each text where its padding ends. The numbers are the same to
// the bit: they come from the same loops.

// known is what the recurrent layers of a network make of padding: the states of each
// direction that reads it before anything else.
type known map[*direction]*paddingStates

// paddingStates are the states after 0, 1, … positions of padding, one behind the
// other; c is empty but for the LSTM.
type paddingStates struct{ h, c []float32 }

// keep remembers the states of a run over one text of padding.
func (k known) keep(r *run) {
	if !r.d.reverse {
		k[r.d] = &paddingStates{h: append([]float32(nil), r.h...), c: append([]float32(nil), r.c0...)}
	}
}

// knowledge makes known once, when it is first needed, until the weights change.
type knowledge struct {
	mu   sync.Mutex
	have atomic.Pointer[known]
}

func (k *knowledge) forget() {
	k.mu.Lock()
	k.have.Store(nil)
	k.mu.Unlock()
}

// known returns what is known of padding, nil where no layer can use it.
func (n *Network) known() known {
	if !n.recalls {
		return nil
	}
	if k := n.packs.knowledge.have.Load(); k != nil {
		return *k
	}
	n.packs.knowledge.mu.Lock()
	defer n.packs.knowledge.mu.Unlock()
	if k := n.packs.knowledge.have.Load(); k != nil {
		return *k
	}
	p := NewPass()
	p.packs, p.learns = &n.packs, known{}
	x := p.Tokens(n.Input.batch(1)...)
	clear(x.IDs)
	n.Forward(p, x)
	n.packs.knowledge.have.Store(&p.learns)
	return p.learns
}

// firstRecurrent returns the recurrent layer that reads what an embedding gives, nil
// where there is none.
func (n *Network) firstRecurrent() *Recurrent {
	for _, l := range n.Layers {
		switch l := l.(type) {
		case *Embedding, *Dropout:
		case interface{ recurrent() *Recurrent }:
			return l.recurrent()
		default:
			return nil
		}
	}
	return nil
}

// padding counts the padding before each row's text, for a pass that can make use of
// it.
func (p *Pass) padding(x *Tensor) []int {
	if p.known == nil {
		return nil
	}
	rows, time := x.Shape[0], x.Shape[1]
	count := p.dims.take(rows)
	for b := range rows {
		count[b] = 0
		for count[b] < time && x.IDs[b*time+count[b]] == 0 {
			count[b]++
		}
	}
	return count
}
