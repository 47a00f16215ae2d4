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
	n.pass(n.b)
	if n.a.grad == nil && !n.a.constant && !n.y.pass.still {
		n.a.grad = n.y.grad // which nobody needs any more, unless he looks into the network
		return
	}
	n.pass(n.a)
}

func (n *addNode) pass(x *Tensor) {
	if dx, first := x.blankGradient(); first {
		copy(dx, n.y.grad)
	} else if dx != nil {
		kernel.Add(dx, dx, n.y.grad)
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
		kernel.AddProduct(da, n.y.grad, n.b.Data)
	}
	if db := n.b.gradient(); db != nil {
		kernel.AddProduct(db, n.y.grad, n.a.Data)
	}
}
