package nn

import "math"

// rotate turns the queries and keys of qkv by angles that grow with their position
// (rotary position embedding, Su et al. 2021): element i of a head pairs with
// element i + dim/2, as in Hugging Face's models. Values are copied.
func rotate(p *Pass, qkv *Tensor, h heads, base float64) *Tensor {
	y := p.like(qkv)
	copy(y.Data, qkv.Data)
	time, half := qkv.Shape[1], h.dim/2
	table := p.floats.take(time * h.dim) // cosines, then sines, for each position
	for t := range time {
		for i := range half {
			angle := float64(p.position()+t) * math.Pow(base, -2*float64(i)/float64(h.dim))
			table[t*h.dim+i], table[t*h.dim+half+i] = float32(math.Cos(angle)), float32(math.Sin(angle))
		}
	}
	turn(y.Data, table, time, h, 1)
	if p.train {
		*record[rotateNode](p, y) = rotateNode{qkv, y, h, table}
	}
	return y
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
