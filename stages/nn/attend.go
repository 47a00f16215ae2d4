package nn

import (
	"math"

	"pipe/stages/nn/kernel"
)

// heads says how a row of queries, keys and values is divided: count heads of
// queries, then kv of keys, then kv of values, each dim wide.
type heads struct{ count, kv, dim int }

func (h heads) width() int { return (h.count + 2*h.kv) * h.dim }

// attend computes softmax(Q·Kᵀ/√dim)·V for every head: qkv (batch, time, width)
// becomes (batch, time, count·dim). A position that may read nothing gives 0.
func attend(p *Pass, qkv *Tensor, h heads, causal bool, drop float64) *Tensor {
	batch, time := qkv.Shape[0], qkv.Shape[1]
	y := p.Tensor(batch, time, h.count*h.dim)
	y.Mask = qkv.Mask
	n := record[attentionNode](p, y)
	n.qkv, n.y, n.h, n.causal = qkv, y, h, causal
	n.batch, n.time = batch, time
	n.scale = float32(1 / math.Sqrt(float64(h.dim)))
	n.weights = p.floats.take(batch * h.count * time * time)
	n.kept, n.dropped = n.weights, nil
	if p.train && drop > 0 {
		n.dropped = p.floats.take(len(n.weights))
		fillDropout(p, n.dropped, drop)
		n.kept = p.floats.take(len(n.weights))
	}
	if n.ahead == nil {
		n.ahead, n.back = n.forwardRange, n.backwardRange
	}
	kernel.Parallel(batch*h.kv, 1, n.ahead)
	return y
}

// attentionNode keeps the attention weights, (batch, count, time, time), for the
// backward pass. Work is split by example and head of keys, because the heads
// that share keys add to the same gradients.
type attentionNode struct {
	qkv, y      *Tensor
	h           heads
	causal      bool
	batch, time int
	scale       float32
	weights     []float32
	dropped     []float32 // factors of dropout, nil without
	kept        []float32 // weights after dropout
	grads       []float32 // room for the gradient of the weights

	ahead, back func(lo, hi int) // made once, so that later passes allocate nothing
}

// each calls f for every head of queries of the ranges lo to hi with the places
// of its first query, key and value, its first output, and its weights.
func (n *attentionNode) each(lo, hi int, f func(b, q, k, v, out, weights int)) {
	group := n.h.count / n.h.kv
	for i := lo; i < hi; i++ {
		b, kv := i/n.h.kv, i%n.h.kv
		row := b * n.time * n.h.width()
		k := row + (n.h.count+kv)*n.h.dim
		for head := kv * group; head < (kv+1)*group; head++ {
			f(b, row+head*n.h.dim, k, k+n.h.kv*n.h.dim,
				(b*n.time*n.h.count+head)*n.h.dim, (b*n.h.count+head)*n.time*n.time)
		}
	}
}

func (n *attentionNode) forwardRange(lo, hi int) {
	t, d, width, out := n.time, n.h.dim, n.h.width(), n.h.count*n.h.dim
	x := n.qkv.Data
	n.each(lo, hi, func(b, q, k, v, at, weights int) {
		w := n.weights[weights : weights+t*t]
		kernel.Gemm(false, true, t, t, d, n.scale, x[q:], width, x[k:], width, 0, w, t)
		n.normalise(w, b)
		if n.dropped != nil {
			kernel.Mul(n.kept[weights:weights+t*t], w, n.dropped[weights:weights+t*t])
			w = n.kept[weights : weights+t*t]
		}
		kernel.Gemm(false, false, t, d, t, 1, w, t, x[v:], width, 0, n.y.Data[at:], out)
	})
}

// normalise turns the scores of one head into weights: softmax over what each
// position may read, 0 elsewhere.
func (n *attentionNode) normalise(w []float32, b int) {
	for i := range n.time {
		row := w[i*n.time : (i+1)*n.time]
		readable := row
		if n.causal {
			readable = row[:i+1]
			clear(row[i+1:])
		}
		some := n.qkv.Mask == nil
		if n.qkv.Mask != nil {
			for j := range readable {
				if n.qkv.Mask[b*n.time+j] {
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
}

func (n *attentionNode) backward() {
	if n.qkv.gradient() == nil {
		return
	}
	n.grads = n.qkv.pass.floats.take(len(n.weights))
	kernel.Parallel(n.batch*n.h.kv, 1, n.back)
}

func (n *attentionNode) backwardRange(lo, hi int) {
	t, d, width, out := n.time, n.h.dim, n.h.width(), n.h.count*n.h.dim
	x, dx, dy := n.qkv.Data, n.qkv.grad, n.y.grad
	n.each(lo, hi, func(_, q, k, v, at, weights int) {
		w, dw := n.weights[weights:weights+t*t], n.grads[weights:weights+t*t]
		kernel.Gemm(true, false, t, d, t, 1, n.kept[weights:], t, dy[at:], out, 1, dx[v:], width)
		kernel.Gemm(false, true, t, t, d, 1, dy[at:], out, x[v:], width, 0, dw, t)
		if n.dropped != nil {
			kernel.Mul(dw, dw, n.dropped[weights:weights+t*t])
		}
		for i := range t {
			wr, gr := w[i*t:(i+1)*t], dw[i*t:(i+1)*t]
			dot := kernel.Dot(wr, gr)
			for j, v := range wr {
				gr[j] = v * (gr[j] - dot)
			}
		}
		kernel.Gemm(false, false, t, d, t, n.scale, dw, t, x[k:], width, 1, dx[q:], width)
		kernel.Gemm(true, false, t, d, t, n.scale, dw, t, x[q:], width, 1, dx[k:], width)
	})
}
