package nn

import (
	"sync"

	"pipe/stages/nn/kernel"
)

// packs keeps the weights of a network as the matrix products want them, and what
// its recurrent layers make of padding, so that answering does not lay them out and
// compute it again for every batch. Only passes that answer
// use it, and whoever changes the weights empties it. A nil packs keeps nothing.
type packs struct {
	mu   sync.RWMutex
	kept map[packKey]*kernel.PackedB

	projected map[*direction]*projections
	knowledge knowledge
}

type packKey struct {
	param *Param
	group int
}

// transposed returns part number group of a weight, a matrix of columns×rows when it
// is transposed from its rows×columns: the kept one, or own after packing it.
func (k *packs) transposed(own *kernel.PackedB, w *Param, group, columns, rows int) *kernel.PackedB {
	from := w.Data[group*rows*columns : (group+1)*rows*columns]
	if k == nil {
		own.Pack(true, columns, rows, from, columns)
		return own
	}
	key := packKey{w, group}
	k.mu.RLock()
	b := k.kept[key]
	k.mu.RUnlock()
	if b != nil {
		return b
	}
	b = new(kernel.PackedB)
	b.Pack(true, columns, rows, from, columns)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kept == nil {
		k.kept = map[packKey]*kernel.PackedB{}
	}
	k.kept[key] = b
	return b
}

// empty forgets what is kept.
func (k *packs) empty() {
	k.mu.Lock()
	clear(k.kept)
	clear(k.projected)
	k.mu.Unlock()
	k.knowledge.forget()
}
