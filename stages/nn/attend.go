package nn

import (
	"math"
	"math/rand/v2"
	"runtime"

	"pipe/stages/nn/kernel"
)

// heads says how a row of queries, keys and values is divided: count heads of
// queries, then kv of keys, then kv of values, each dim wide.
type heads struct{ count, kv, dim int }

func (h heads) width() int { return (h.count + 2*h.kv) * h.dim }

// attend computes softmax(Q·Kᵀ/√dim)·V for every head: qkv (batch, time, width)
// becomes (batch, time, count·dim). A position that may read nothing gives 0.
func attend(p *Pass, qkv *Tensor, h heads, causal bool, drop float64) *Tensor {
	batch, time := qkv.sequences(), qkv.longest()
	y := p.Tensor(qkv.Shape[0], qkv.Shape[1], h.count*h.dim)
	y.Mask, y.begins = qkv.Mask, qkv.begins
	n := record[attentionNode](p, y)
	n.qkv, n.y, n.h, n.causal = qkv, y, h, causal
	n.batch, n.time = batch, time
	n.scale = float32(1 / math.Sqrt(float64(h.dim)))
	n.drop = 0
	if p.train && !p.still && drop > 0 {
		n.drop, n.seed = drop, p.pcg.Uint64()
	}
	n.workers = min(runtime.GOMAXPROCS(0), batch*h.kv)
	n.tile = min(queryTile, time)
	if causal && time <= queryTile {
		n.tile = min(queryTile/2, time) // the first half reads half of the positions
	}
	n.saved = nil
	if p.train && n.drop == 0 && time <= queryTile {
		n.saved = p.floats.take(batch * h.count * time * time)
	}
	n.room = p.floats.take(n.workers * roomTiles * n.tileSize())
	if n.ahead == nil {
		n.ahead = func(from, to int) { n.each(from, to, (*attentionNode).read) }
		n.back = func(from, to int) { n.each(from, to, (*attentionNode).readGrad) }
	}
	kernel.Parallel(n.workers, 1, n.ahead)
	return y
}

// queryTile is how many positions read at once. Attention weights exist for one
// tile at a time, never for the whole of a longer sequence: the backward pass computes
// them again (Dao et al. 2022), which is cheaper than the memory.
const queryTile = 64

// roomTiles is the number of tiles that a worker has room for: weights, factors of
// dropout, weights after it, and the gradients of both.
const roomTiles = 5

// attentionNode splits its work by example and head of keys, because the heads that
// share keys add to the same gradients.
type attentionNode struct {
	qkv, y      *Tensor
	h           heads
	causal      bool
	batch, time int // sequences, and positions of the longest
	scale       float32
	drop        float64
	seed        uint64 // of dropout
	workers     int
	tile        int // positions of a tile
	room        []float32
	saved       []float32 // weights for the way back, of sequences not longer than a tile
	blank       bool      // whether the gradient holds nothing yet

	ahead, back func(lo, hi int) // made once, so that later passes allocate nothing
}

func (n *attentionNode) tileSize() int { return n.tile * n.time }

// tile is the positions first to first+rows of one head of one example, which read
// from the first reach positions.
type tile struct {
	b, head, first, rows, reach int
	begin                       int // row of the sequence's first position

	q, k, v, out                               int // where query, key, value and output of the first position lie
	weights, factors, kept, gradients, blended []float32
}

// each calls f for the tiles of workers from to to, in order. Tiles are passed by
// value, because one that is pointed at would be allocated.
func (n *attentionNode) each(from, to int, f func(n *attentionNode, t tile)) {
	tasks, group := n.batch*n.h.kv, n.h.count/n.h.kv
	for worker := from; worker < to; worker++ {
		for task := tasks * worker / n.workers; task < tasks*(worker+1)/n.workers; task++ {
			b, first := task/n.h.kv, task%n.h.kv*group
			_, time := n.qkv.sequence(b)
			for head := first; head < first+group; head++ {
				for position := 0; position < time; position += n.tile {
					f(n, n.place(worker, b, head, position))
				}
			}
		}
	}
}

// place places a tile in the tensors and in the room of a worker.
func (n *attentionNode) place(worker, b, head, first int) tile {
	begin, time := n.qkv.sequence(b)
	t := tile{b: b, head: head, first: first, rows: min(n.tile, time-first), reach: time, begin: begin}
	if n.causal {
		t.reach = first + t.rows
	}
	example := begin * n.h.width()
	t.q = example + first*n.h.width() + head*n.h.dim
	t.k = example + (n.h.count+head*n.h.kv/n.h.count)*n.h.dim
	t.v = t.k + n.h.kv*n.h.dim
	t.out = ((begin+first)*n.h.count + head) * n.h.dim

	size, cells := n.tileSize(), t.rows*t.reach
	room := n.room[worker*roomTiles*size:]
	t.weights, t.factors, t.kept = room[:cells], room[size:size+cells], room[2*size:2*size+cells]
	t.gradients, t.blended = room[3*size:3*size+cells], room[4*size:4*size+cells]
	if n.saved != nil {
		t.weights = n.saved[((b*n.h.count+head)*n.time+first)*n.time:][:cells]
		t.kept = t.weights
	}
	return t
}

// weigh computes the attention weights of a tile, before and after dropout.
func (n *attentionNode) weigh(t *tile) {
	x, width := n.qkv.Data, n.h.width()
	kernel.Gemm(false, true, t.rows, t.reach, n.h.dim, n.scale, x[t.q:], width, x[t.k:], width, 0, t.weights, t.reach)
	for i := range t.rows {
		n.normalise(t.weights[i*t.reach:(i+1)*t.reach], t.begin, t.first+i)
	}
	if n.drop == 0 {
		t.kept = t.weights
		return
	}
	var pcg rand.PCG
	pcg.Seed(derive(n.seed, "attention", t.b, t.head, t.first))
	fillDropout(&pcg, t.factors, n.drop)
	kernel.Mul(t.kept, t.weights, t.factors)
}

// normalise turns the scores of one position into weights: softmax over what it may
// read, 0 elsewhere. The sequence begins at row begin.
func (n *attentionNode) normalise(row []float32, begin, position int) {
	readable := row
	if n.causal {
		readable = row[:position+1]
		clear(row[position+1:])
	}
	some := n.qkv.Mask == nil
	if n.qkv.Mask != nil {
		for j := range readable {
			if n.qkv.Mask[begin+j] {
				some = true
			} else {
				readable[j] = float32(math.Inf(-1))
			}
		}
	}
	if some {
		kernel.Softmax(readable, readable, 1, len(readable))
	} else {
		clear(row)
	}
}

// read sums the values that the positions of a tile read.
func (n *attentionNode) read(t tile) {
	n.weigh(&t)
	kernel.Gemm(false, false, t.rows, n.h.dim, t.reach, 1, t.kept, t.reach, n.qkv.Data[t.v:], n.h.width(),
		0, n.y.Data[t.out:], n.h.count*n.h.dim)
}

func (n *attentionNode) backward() {
	var dx []float32
	if dx, n.blank = n.qkv.blankGradient(); dx != nil {
		kernel.Parallel(n.workers, 1, n.back)
	}
}

// clear makes the gradients 0 of what the heads from first on of a sequence read with and from.
func (n *attentionNode) clear(b, first, group int) {
	d, width := n.h.dim, n.h.width()
	k := (n.h.count + first/group) * d
	begin, time := n.qkv.sequence(b)
	for row := begin; row < begin+time; row++ {
		dx := n.qkv.grad[row*width:][:width]
		clear(dx[first*d : (first+group)*d])
		clear(dx[k : k+d])
		clear(dx[k+n.h.kv*d:][:d])
	}
}

// readGrad adds the gradients of the queries, keys and values of a tile.
func (n *attentionNode) readGrad(t tile) {
	d, width, out := n.h.dim, n.h.width(), n.h.count*n.h.dim
	x, dx, dy := n.qkv.Data, n.qkv.grad, n.y.grad[t.out:]
	if n.saved == nil {
		n.weigh(&t)
	}
	if n.blank && t.first == 0 && t.head%(n.h.count/n.h.kv) == 0 {
		n.clear(t.b, t.head, n.h.count/n.h.kv)
	}
	kernel.Gemm(true, false, t.reach, d, t.rows, 1, t.kept, t.reach, dy, out, 1, dx[t.v:], width)
	kernel.Gemm(false, true, t.rows, t.reach, d, 1, dy, out, x[t.v:], width, 0, t.gradients, t.reach)
	if n.drop > 0 {
		kernel.Mul(t.gradients, t.gradients, t.factors)
	}
	clear(t.blended)
	kernel.AddSoftmaxGrad(t.blended, t.weights, t.gradients, t.rows, t.reach)
	kernel.Gemm(false, false, t.rows, d, t.reach, n.scale, t.blended, t.reach, x[t.k:], width, 1, dx[t.q:], width)
	kernel.Gemm(true, false, t.reach, d, t.rows, n.scale, t.blended, t.reach, x[t.q:], width, 1, dx[t.k:], width)
}
