package nn

import "pipe/stages/nn/kernel"

// add returns a + b; both have the same shape, and the mask is a's.
func add(p *Pass, a, b *Tensor) *Tensor {
	y := p.like(a)
	kernel.Add(y.Data, a.Data, b.Data)
	if p.train {
		*record[addNode](p, y) = addNode{a, b, y}
	}
	return y
}

type addNode struct{ a, b, y *Tensor }

func (n *addNode) backward() {
	for _, x := range []*Tensor{n.a, n.b} {
		if dx, first := x.blankGradient(); first {
			copy(dx, n.y.grad)
		} else if dx != nil {
			kernel.Add(dx, dx, n.y.grad)
		}
	}
}

// mul returns a · b, element by element; both have the same shape, and the mask
// is a's.
func mul(p *Pass, a, b *Tensor) *Tensor {
	y := p.like(a)
	kernel.Mul(y.Data, a.Data, b.Data)
	if p.train {
		*record[mulNode](p, y) = mulNode{a, b, y}
	}
	return y
}

type mulNode struct{ a, b, y *Tensor }

func (n *mulNode) backward() {
	if da := n.a.gradient(); da != nil {
		for i, g := range n.y.grad {
			da[i] += g * n.b.Data[i]
		}
	}
	if db := n.b.gradient(); db != nil {
		for i, g := range n.y.grad {
			db[i] += g * n.a.Data[i]
		}
	}
}
