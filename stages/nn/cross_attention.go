package nn

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"

	"pipe/stages/nn/kernel"
)

// crossAttention lets every position of one sequence read from those of another
// (Vaswani et al. 2017, section 3.2.3): softmax(Q·Kᵀ/√d)·V in each head, with the
// queries of (batch, time, features) and the keys and values of (batch, source
// time, features), either of which may be ragged. Positions that the mask of the other leaves out are not read.
// PyTorch: nn.MultiheadAttention with key and value of another sequence.
type crossAttention struct {
	heads int

	qWeight, qBias     *Param // (features, features)
	kvWeight, kvBias   *Param // (2·features, features): keys, values
	outWeight, outBias *Param // (features, features)
}

func (l *crossAttention) build(features int, rng *rand.Rand) error {
	l.qWeight, l.qBias = newParam("q_proj.weight", features, features), newParam("q_proj.bias", features)
	l.kvWeight, l.kvBias = newParam("kv_proj.weight", 2*features, features), newParam("kv_proj.bias", 2*features)
	l.outWeight, l.outBias = newParam("out_proj.weight", features, features), newParam("out_proj.bias", features)
	var err error
	for _, w := range []*Param{l.qWeight, l.kvWeight, l.outWeight} {
		err = errors.Join(err, GlorotUniform.fill(w, features, features, rng))
	}
	for _, b := range []*Param{l.qBias, l.kvBias, l.outBias} {
		err = errors.Join(err, Zeros.fill(b, 1, 1, rng))
	}
	return err
}

func (l *crossAttention) params() []*Param {
	return []*Param{l.qWeight, l.qBias, l.kvWeight, l.kvBias, l.outWeight, l.outBias}
}

// keysAndValues computes what can be read of a sequence, (batch, time, 2·features).
func (l *crossAttention) keysAndValues(p *Pass, memory *Tensor) *Tensor {
	kv := affine(p, memory, l.kvWeight, l.kvBias)
	return kv
}

// forward lets x read what keysAndValues has made.
func (l *crossAttention) forward(p *Pass, x, kv *Tensor) *Tensor {
	return affine(p, readAcross(p, affine(p, x, l.qWeight, l.qBias), kv, l.heads), l.outWeight, l.outBias)
}

// readAcross computes softmax(Q·Kᵀ/√d)·V: q (batch, time, features) reads kv
// (batch, source time, 2·features). Where nothing may be read it gives 0.
func readAcross(p *Pass, q, kv *Tensor, heads int) *Tensor {
	y := p.like(q)
	n := record[crossNode](p, y)
	n.q, n.kv, n.y, n.heads = q, kv, y, heads
	n.cells = q.longest() * kv.longest()
	n.weights = p.floats.take(q.sequences() * heads * n.cells)
	if n.ahead == nil {
		n.ahead = func(from, to int) { n.each(from, to, (*crossNode).read) }
		n.back = func(from, to int) { n.each(from, to, (*crossNode).readGrad) }
	}
	n.workers = min(runtime.GOMAXPROCS(0), q.sequences())
	n.room = nil
	if p.train {
		n.room = p.floats.take(n.workers * 2 * n.cells)
	}
	kernel.Parallel(n.workers, 1, n.ahead)
	return y
}

// crossNode keeps all weights: both sequences are sentences, so they are few.
type crossNode struct {
	q, kv, y *Tensor
	heads    int
	cells    int       // weights of the longest sequences
	weights  []float32 // (batch, heads, cells)
	workers  int
	room     []float32

	ahead, back func(lo, hi int)
}

// headOf is one head of one example.
type headOf struct {
	q, k, v       int       // where its first query, key and value lie
	time, source  int       // positions
	mask          []bool    // of the source
	weights       []float32 // (time, source time)
	grad, blended []float32 // room for two such
}

func (n *crossNode) each(from, to int, f func(n *crossNode, h headOf)) {
	batch, width := n.q.sequences(), n.q.Shape[2]
	dim := width / n.heads
	for worker := from; worker < to; worker++ {
		for b := batch * worker / n.workers; b < batch*(worker+1)/n.workers; b++ {
			to, time := n.q.sequence(b)
			at, source := n.kv.sequence(b)
			cells := time * source
			if cells == 0 {
				n.readNothing(to, time)
				continue
			}
			for head := range n.heads {
				h := headOf{q: to*width + head*dim, k: at*2*width + head*dim, time: time, source: source}
				h.v = h.k + width
				if n.kv.Mask != nil {
					h.mask = n.kv.Mask[at : at+source]
				}
				h.weights = n.weights[(b*n.heads+head)*n.cells:][:cells]
				if n.room != nil {
					h.grad, h.blended = n.room[2*worker*n.cells:][:cells], n.room[(2*worker+1)*n.cells:][:cells]
				}
				f(n, h)
			}
		}
	}
}

// readNothing is read where there is nothing to read. It is harmless on the way back,
// where nobody needs the output any more.
func (n *crossNode) readNothing(first, rows int) {
	width := n.y.Shape[2]
	clear(n.y.Data[first*width : (first+rows)*width])
}

func (n *crossNode) sizes() (width, dim int, scale float32) {
	width = n.q.Shape[2]
	dim = width / n.heads
	return width, dim, float32(1 / math.Sqrt(float64(dim)))
}

func (n *crossNode) read(h headOf) {
	width, dim, scale := n.sizes()
	time, source := h.time, h.source
	kernel.Gemm(false, true, time, source, dim, scale, n.q.Data[h.q:], width, n.kv.Data[h.k:], 2*width, 0, h.weights, source)
	for t := range time {
		softmaxOver(h.weights[t*source:(t+1)*source], h.mask)
	}
	kernel.Gemm(false, false, time, dim, source, 1, h.weights, source, n.kv.Data[h.v:], 2*width, 0, n.y.Data[h.q:], width)
}

// softmaxOver is softmax over the positions of the mask, all where it is nil, and
// 0 elsewhere, also where there is none.
func softmaxOver(row []float32, mask []bool) {
	some := mask == nil
	for j, ok := range mask {
		if ok {
			some = true
		} else {
			row[j] = float32(math.Inf(-1))
		}
	}
	if some {
		kernel.Softmax(row, row, 1, len(row))
	} else {
		clear(row)
	}
}

func (n *crossNode) backward() {
	// Asked for before the workers begin, who share what they add to.
	n.q.gradient()
	n.kv.gradient()
	kernel.Parallel(n.workers, 1, n.back)
}

func (n *crossNode) readGrad(h headOf) {
	width, dim, scale := n.sizes()
	time, source := h.time, h.source
	dy := n.y.grad[h.q:]
	kernel.Gemm(false, true, time, source, dim, 1, dy, width, n.kv.Data[h.v:], 2*width, 0, h.grad, source)
	clear(h.blended)
	kernel.AddSoftmaxGrad(h.blended, h.weights, h.grad, time, source)
	if dq := n.q.grad; dq != nil {
		kernel.Gemm(false, false, time, dim, source, scale, h.blended, source, n.kv.Data[h.k:], 2*width, 1, dq[h.q:], width)
	}
	if d := n.kv.grad; d != nil {
		kernel.Gemm(true, false, source, dim, time, 1, h.weights, source, dy, width, 1, d[h.v:], 2*width)
		kernel.Gemm(true, false, source, dim, time, scale, h.blended, source, n.q.Data[h.q:], width, 1, d[h.k:], 2*width)
	}
}

// checkHeads tells whether a width divides into heads.
func checkHeads(dim, heads int) error {
	if heads < 1 || dim < 1 || dim%heads != 0 {
		return fmt.Errorf("heads must divide dim, are %d and %d", heads, dim)
	}
	return nil
}
