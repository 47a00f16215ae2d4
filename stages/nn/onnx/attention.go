package onnx

import (
	"math"

	"pipe/stages/nn"
)

// attention is softmax(Q·Kᵀ/√d)·V by MatMul-13 and Softmax-13. The heads of
// queries that share keys and values lie in a dimension of their own, over which
// MatMul repeats those.
func (g *builder) attention(l *nn.MultiHeadAttention, w weights, x value) (value, error) {
	qkv, err := g.affine(w.sub("in_proj"), x)
	if err != nil {
		return value{}, err
	}
	out, err := w.sub("out_proj").need("weight")
	if err != nil {
		return value{}, err
	}
	kv, inner := l.KVHeads, out.Shape[1]
	if kv == 0 {
		kv = l.Heads
	}
	time, dim, group := x.shape[1], inner/l.Heads, l.Heads/kv
	if l.Causal {
		if err := g.tableFits(time, time, 1); err != nil {
			return value{}, err
		}
	}
	if l.Rope {
		if err := g.tableFits(time, dim, 4); err != nil {
			return value{}, err
		}
	}
	sizes := g.ints(int64(inner), int64(kv*dim), int64(kv*dim))
	parts := g.ops("Split", 3, in(qkv.name, sizes), intAttribute("axis", 2))
	split := func(x string, group int) string { // to (batch, kv, group, time, dim)
		return g.transpose(g.reshape(x, 0, int64(time), int64(kv), int64(group), int64(dim)), 0, 2, 3, 1, 4)
	}
	q, k, v := split(parts[0], group), split(parts[1], 1), split(parts[2], 1)
	if l.Rope {
		cos, sin := g.rotations(time, dim, l.RopeBase)
		q, k = g.rotate(q, cos, sin), g.rotate(k, cos, sin)
	}
	scores := g.op("MatMul", in(q, g.transpose(k, 0, 1, 2, 4, 3)))
	scores = g.op("Mul", in(scores, g.scalar(float32(1/math.Sqrt(float64(dim))))))
	read := g.op("MatMul", in(g.attentionWeights(scores, x.mask, time, l.Causal), v))
	joined := g.reshape(g.transpose(read, 0, 3, 1, 2, 4), 0, int64(time), int64(inner))
	return g.affine(w.sub("out_proj"), value{joined, x.shape.With(inner), x.mask})
}

// attentionWeights is softmax over what each position may read, and 0 elsewhere,
// also where a position may read nothing (Where-16).
func (g *builder) attentionWeights(scores, mask string, time int, causal bool) string {
	softmax := func(x string) string { return g.op("Softmax", in(x), intAttribute("axis", -1)) }
	readable := ""
	if mask != "" {
		readable = g.op("Unsqueeze", in(mask, g.ints(1, 2, 3)))
	}
	if causal {
		before := make([]bool, time*time)
		for i := range time {
			for j := range i + 1 {
				before[i*time+j] = true
			}
		}
		triangle := constant(g, []int64{int64(time), int64(time)}, before)
		if readable == "" {
			readable = triangle
		} else {
			readable = g.op("And", in(readable, triangle))
		}
	}
	if readable == "" {
		return softmax(scores)
	}
	some := softmax(g.op("Where", in(readable, scores, g.scalar(-math.MaxFloat32))))
	return g.op("Where", in(readable, some, g.scalar(0)))
}

// rotations are the tables of rotary position embedding, (time, dim): element i of
// a head pairs with element i + dim/2.
func (g *builder) rotations(time, dim int, base float64) (cos, sin string) {
	c, s := make([]float32, time*dim), make([]float32, time*dim)
	for t := range time {
		for i := range dim {
			angle := float64(t) * math.Pow(base, -2*float64(i%(dim/2))/float64(dim))
			c[t*dim+i], s[t*dim+i] = float32(math.Cos(angle)), float32(math.Sin(angle))
		}
	}
	dims := []int64{int64(time), int64(dim)}
	return constant(g, dims, c), constant(g, dims, s)
}

// rotate turns the pairs of the last dimension: x·cos + (-x₂, x₁)·sin.
func (g *builder) rotate(x, cos, sin string) string {
	halves := g.ops("Split", 2, in(x), intAttribute("axis", -1))
	turned := g.op("Concat", in(g.op("Neg", in(halves[1])), halves[0]), intAttribute("axis", -1))
	return g.op("Add", in(g.op("Mul", in(x, cos)), g.op("Mul", in(turned, sin))))
}
