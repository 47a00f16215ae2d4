package nn

import (
	"math"

	"pipe/stages/nn/kernel"
)

func init() {
	RegisterLayer("global_max_pool", func() Layer { return &GlobalMaxPool{} })
	RegisterLayer("global_avg_pool", func() Layer { return &GlobalAvgPool{} })
}

// GlobalMaxPool takes the largest value of each feature over all positions:
// (batch, …, features) becomes (batch, features). Positions that the mask leaves
// out do not count; an example without any gives 0. Keras: GlobalMaxPooling1D
// and 2D; PyTorch: nn.AdaptiveMaxPool1d(1) and 2d(1); ONNX: GlobalMaxPool.
type GlobalMaxPool struct{ stateless }

// OutShape returns (batch, features).
func (*GlobalMaxPool) OutShape(in Shape, _ Context) (Shape, error) { return pooledShape(in) }

// Forward computes the layer.
func (*GlobalMaxPool) Forward(p *Pass, x *Tensor) *Tensor {
	batch, positions, features := poolSizes(x)
	y := p.Tensor(batch, features)
	from := p.ids.take(batch * features) // the position that each maximum comes from
	for b := range batch {
		best, at := y.Data[b*features:(b+1)*features], from[b*features:(b+1)*features]
		for f := range best {
			best[f], at[f] = float32(math.Inf(-1)), -1
		}
		for t := range positions {
			if x.skips(b, t, positions) {
				continue
			}
			for f, v := range x.Data[(b*positions+t)*features:][:features] {
				if v > best[f] || v != v {
					best[f], at[f] = v, int32(t)
				}
			}
		}
		for f := range best {
			if at[f] < 0 {
				best[f] = 0
			}
		}
	}
	if p.train {
		*record[maxPoolNode](p, y) = maxPoolNode{x, y, from}
	}
	return y
}

type maxPoolNode struct {
	x, y *Tensor
	from []int32
}

func (n *maxPoolNode) backward() {
	dx := n.x.gradient()
	if dx == nil {
		return
	}
	_, positions, features := poolSizes(n.x)
	for i, g := range n.y.grad {
		if t := int(n.from[i]); t >= 0 {
			b, f := i/features, i%features
			dx[(b*positions+t)*features+f] += g
		}
	}
}

// GlobalAvgPool takes the mean of each feature over all positions: (batch, …,
// features) becomes (batch, features). Positions that the mask leaves out do not
// count; an example without any gives 0. Keras: GlobalAveragePooling1D and 2D;
// PyTorch: nn.AdaptiveAvgPool1d(1) and 2d(1); ONNX: GlobalAveragePool.
type GlobalAvgPool struct{ stateless }

// OutShape returns (batch, features).
func (*GlobalAvgPool) OutShape(in Shape, _ Context) (Shape, error) { return pooledShape(in) }

// Forward computes the layer.
func (*GlobalAvgPool) Forward(p *Pass, x *Tensor) *Tensor {
	batch, positions, features := poolSizes(x)
	y := p.Tensor(batch, features)
	clear(y.Data)
	scales := p.floats.take(batch)
	for b := range batch {
		sum, count := y.Data[b*features:(b+1)*features], 0
		for t := range positions {
			if !x.skips(b, t, positions) {
				kernel.Add(sum, sum, x.Data[(b*positions+t)*features:][:features])
				count++
			}
		}
		scales[b] = 1 / float32(max(count, 1))
		kernel.Scale(scales[b], sum)
	}
	if p.train {
		*record[avgPoolNode](p, y) = avgPoolNode{x, y, scales}
	}
	return y
}

type avgPoolNode struct {
	x, y   *Tensor
	scales []float32
}

func (n *avgPoolNode) backward() {
	dx := n.x.gradient()
	if dx == nil {
		return
	}
	batch, positions, features := poolSizes(n.x)
	for b := range batch {
		for t := range positions {
			if !n.x.skips(b, t, positions) {
				kernel.Axpy(n.scales[b], n.y.grad[b*features:(b+1)*features], dx[(b*positions+t)*features:][:features])
			}
		}
	}
}

func pooledShape(in Shape) (Shape, error) {
	if len(in) < 3 {
		return nil, wantRank(in, 3, "(batch, …, features)")
	}
	return Shape{in[0], in.Last()}, nil
}

// poolSizes counts all dimensions between the batch and the features as
// positions.
func poolSizes(x *Tensor) (batch, positions, features int) {
	batch, features = x.Shape[0], x.Shape.Last()
	return batch, len(x.Data) / max(batch*features, 1), features
}

// skips reports whether the mask leaves position t of example b out.
func (t *Tensor) skips(b, at, positions int) bool { return t.Mask != nil && !t.Mask[b*positions+at] }
