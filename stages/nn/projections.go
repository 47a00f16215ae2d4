package nn

import (
	"slices"
	"sync"
	"sync/atomic"

	"pipe/stages/nn/kernel"
)

// projections are what a recurrent layer makes of each token id that an embedding
// hands it: the input's part of the pre-activations, bias and all, a row for each id.
// It is half of the layer's work and depends on nothing but the id, so a network that
// answers computes a row when a text has the token for the first time. Pages of rows
// that no text asks for are never touched.
type projections struct {
	rows  []float32
	width int
	has   []atomic.Bool // by id; set once the row is there

	mu sync.Mutex // one fills in rows
}

// maxProjections bounds the numbers of one table, 64 MiB.
const maxProjections = 1 << 24

func worthProjecting(embedding *Param, width int) bool {
	return embedding.Shape[0]*width <= maxProjections
}

// projections returns the table of a direction that reads the rows of the embedding,
// nil where it would be too large.
func (k *packs) projections(d *direction, embedding *Param) *projections {
	width := d.weightIH.Shape[0]
	if !worthProjecting(embedding, width) {
		return nil
	}
	k.mu.RLock()
	t := k.projected[d]
	k.mu.RUnlock()
	if t != nil {
		return t
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if t = k.projected[d]; t == nil {
		t = &projections{rows: make([]float32, embedding.Shape[0]*width), width: width, has: make([]atomic.Bool, embedding.Shape[0])}
		if k.projected == nil {
			k.projected = map[*direction]*projections{}
		}
		k.projected[d] = t
	}
	return t
}

// row is what the layer makes of a token that ensure has seen.
func (t *projections) row(id int32) []float32 { return t.rows[int(id)*t.width:][:t.width] }

// ensure computes the rows of the tokens that have none.
func (t *projections) ensure(ids []int32, d *direction, embedding *Param, weights *kernel.PackedB) {
	missing := func(id int32) bool { return !t.has[id].Load() }
	if !slices.ContainsFunc(ids, missing) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var fresh []int32
	for _, id := range ids {
		if missing(id) {
			fresh = append(fresh, id)
		}
	}
	slices.Sort(fresh)
	fresh = slices.Compact(fresh)
	features := embedding.Shape.Last()
	x, y := make([]float32, len(fresh)*features), make([]float32, len(fresh)*t.width)
	for i, id := range fresh {
		copy(x[i*features:(i+1)*features], embedding.Data[int(id)*features:])
	}
	d.project(y, x, len(fresh), weights)
	for i, id := range fresh {
		copy(t.row(id), y[i*t.width:])
		t.has[id].Store(true)
	}
}

// project computes the input's part of the pre-activations for rows of x.
func (d *direction) project(y, x []float32, rows int, weights *kernel.PackedB) {
	width, features := d.weightIH.Shape[0], d.weightIH.Shape.Last()
	if weights != nil {
		kernel.AffinePacked(nil, y, x, weights, d.bias.data(), rows, nil)
	} else {
		kernel.Affine(nil, y, x, d.weightIH.Data, d.bias.data(), rows, width, features, nil)
	}
}
