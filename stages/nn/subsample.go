package nn

// subsample keeps every stride-th row and column of an image and adds channels of
// zeros on both sides of its own: shortcut A of He et al. 2016.
type subsample struct {
	stateless
	stride, add int
}

// OutShape returns (batch, height/stride, width/stride, channels + 2·add).
func (l *subsample) OutShape(in Shape, _ Context) (Shape, error) {
	if err := wantRank(in, 4, "(batch, height, width, channels)"); err != nil {
		return nil, err
	}
	fewer := func(n int) int {
		if n == Unknown {
			return Unknown
		}
		return (n + l.stride - 1) / l.stride
	}
	return Shape{in[0], fewer(in[1]), fewer(in[2]), in[3] + 2*l.add}, nil
}

// Forward computes the layer.
func (l *subsample) Forward(p *Pass, x *Tensor) *Tensor {
	s := x.Shape
	h, w := (s[1]+l.stride-1)/l.stride, (s[2]+l.stride-1)/l.stride
	y := p.Tensor(s[0], h, w, s[3]+2*l.add)
	clear(y.Data)
	n := subsampleNode{l, x, y}
	n.each(func(in, out int) { copy(y.Data[out:out+s[3]], x.Data[in:in+s[3]]) })
	if p.train {
		*record[subsampleNode](p, y) = n
	}
	return y
}

type subsampleNode struct {
	l    *subsample
	x, y *Tensor
}

// each calls f with the places of every kept pixel in the input and the output.
func (n *subsampleNode) each(f func(in, out int)) {
	in, out := n.x.Shape, n.y.Shape
	for b := range out[0] {
		for r := range out[1] {
			for c := range out[2] {
				f(((b*in[1]+r*n.l.stride)*in[2]+c*n.l.stride)*in[3], ((b*out[1]+r)*out[2]+c)*out[3]+n.l.add)
			}
		}
	}
}

func (n *subsampleNode) backward() {
	dx := n.x.gradient()
	if dx == nil {
		return
	}
	channels := n.x.Shape.Last()
	n.each(func(in, out int) {
		for i, g := range n.y.grad[out : out+channels] {
			dx[in+i] += g
		}
	})
}
