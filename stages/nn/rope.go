package nn

import (
	"math"
	"slices"
)

// rotate turns the queries and keys of qkv by angles that grow with their position
// (rotary position embedding, Su et al. 2021): element i of a head pairs with
// element i + dim/2, as in Hugging Face's models. Values are copied.
func rotate(p *Pass, qkv *Tensor, h heads, base float64) *Tensor {
	y := p.like(qkv)
	copy(y.Data, qkv.Data)
	time := qkv.Shape[1]
	table := p.rotation(h.dim, base, p.position()+time)[p.position()*h.dim:]
	turn(y.Data, table, time, h, 1)
	if p.train {
		*record[rotateNode](p, y) = rotateNode{qkv, y, h, table}
	}
	return y
}

// rotation is the cosines, then the sines, of each position: dim numbers for each.
type rotation struct {
	dim   int
	base  float64
	table []float32
}

// rotation returns the table for at least the given number of positions. Layers of
// one base and width share it.
func (p *Pass) rotation(dim int, base float64, positions int) []float32 {
	i := slices.IndexFunc(p.rotations, func(r rotation) bool { return r.dim == dim && r.base == base })
	if i < 0 {
		i = len(p.rotations)
		p.rotations = append(p.rotations, rotation{dim: dim, base: base})
	}
	r := &p.rotations[i]
	if have := len(r.table) / dim; have < positions {
		if p.past != nil {
			positions = p.past.limit
		}
		r.extend(have, positions)
	}
	return r.table
}

// extend computes the positions from have to want.
func (r *rotation) extend(have, want int) {
	table := make([]float32, want*r.dim)
	copy(table, r.table)
	half := r.dim / 2
	for i := range half {
		step := math.Pow(r.base, -2*float64(i)/float64(r.dim))
		for t := have; t < want; t++ {
			sin, cos := math.Sincos(float64(t) * step)
			table[t*r.dim+i], table[t*r.dim+half+i] = float32(cos), float32(sin)
		}
	}
	r.table = table
}

// turn rotates the queries and keys of every row in place, backwards when sign
// is -1.
func turn(x, table []float32, time int, h heads, sign float32) {
	half, width := h.dim/2, h.width()
	for row := range len(x) / width {
		cos, sin := table[row%time*h.dim:][:half], table[row%time*h.dim+half:][:half]
		for head := range h.count + h.kv {
			v := x[row*width+head*h.dim:][:h.dim]
			for i := range half {
				a, b := v[i], v[i+half]
				v[i], v[i+half] = a*cos[i]-sign*b*sin[i], b*cos[i]+sign*a*sin[i]
			}
		}
	}
}

type rotateNode struct {
	x, y  *Tensor
	h     heads
	table []float32
}

func (n *rotateNode) backward() {
	dx := n.x.gradient()
	if dx == nil {
		return
	}
	// The gradient of y is not needed after this.
	turn(n.y.grad, n.table, n.x.Shape[1], n.h, -1)
	for i, g := range n.y.grad {
		dx[i] += g
	}
}
