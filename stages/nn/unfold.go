package nn

import "pipe/stages/nn/kernel"

// unfold returns columns lo to hi of the windows at positions first to last of one
// group, zero outside the input, and the distance of two rows. They are written to
// room, except when each window is one element and they lie in the input as needed.
func (n *convolutionNode) unfold(room []float32, group, first, last, lo, hi int) (windows []float32, step int) {
	if n.pointwise() {
		return n.x.Data[first*n.each+lo:], n.each
	}
	width, line := hi-lo, n.g.w.size*n.each
	for c := n.corner(first); c.position < last; c.next() {
		row := room[(c.position-first)*width : (c.position-first+1)*width]
		for k := lo / line; k*line < hi; k++ {
			from, to := max(k*line, lo), min((k+1)*line, hi)
			out := row[from-lo : to-lo]
			at, whole := n.line(&c, k)
			switch {
			case at < 0:
				clear(out)
			case !whole:
				n.unfoldTaps(out, &c, k, group, from-k*line)
			case len(out) < 16:
				for i, v := range n.x.Data[at+from-k*line:][:len(out)] { // a call would take longer
					out[i] = v
				}
			default:
				copy(out, n.x.Data[at+from-k*line:])
			}
		}
	}
	return room, width
}

// pointwise reports whether the windows are the input.
func (n *convolutionNode) pointwise() bool {
	return n.groups == 1 && n.g.taps() == 1 && n.g.h.stride == 1 && n.g.w.stride == 1 && n.g.h.before == 0 && n.g.w.before == 0 &&
		n.g.h.out == n.g.h.in && n.g.w.out == n.g.w.in
}

// corner is where the window of a position begins: the row and column of its first
// tap, which may lie outside, and the first element of its example.
type corner struct {
	g                    *window
	position, example    int
	row, column, y, x, i int
}

func (n *convolutionNode) corner(position int) corner {
	g := &n.g
	c := corner{g: g, position: position, i: position / g.positions()}
	c.y, c.x = position%g.positions()/g.w.out, position%g.w.out
	c.place()
	return c
}

// place computes what follows from the position's row and column.
func (c *corner) place() {
	c.example = c.i * c.g.h.in * c.g.w.in * c.g.channels
	c.row, c.column = c.y*c.g.h.stride-c.g.h.before, c.x*c.g.w.stride-c.g.w.before
}

// next goes to the next position without a division.
func (c *corner) next() {
	c.position++
	c.x++
	c.column += c.g.w.stride
	if c.x < c.g.w.out {
		return
	}
	c.x = 0
	if c.y++; c.y == c.g.h.out {
		c.y = 0
		c.i++
	}
	c.place()
}

// line returns where line k of a window lies in the input, -1 when it lies outside,
// and whether its taps lie there side by side.
func (n *convolutionNode) line(c *corner, k int) (at int, whole bool) {
	r := c.row + k*n.g.h.dilation
	if r < 0 || r >= n.g.h.in {
		return -1, false
	}
	whole = n.groups == 1 && n.g.w.dilation == 1 && c.column >= 0 && c.column+n.g.w.size <= n.g.w.in
	return max(c.example+(r*n.g.w.in+c.column)*n.each*n.groups, 0), whole
}

// tap returns where a tap of line k lies in the input, -1 when it lies outside.
func (n *convolutionNode) tap(c *corner, k, tap int) int {
	column := c.column + tap*n.g.w.dilation
	if column < 0 || column >= n.g.w.in {
		return -1
	}
	return c.example + ((c.row+k*n.g.h.dilation)*n.g.w.in+column)*n.g.channels
}

// unfoldTaps fills out, which begins at a column of line k, tap by tap.
func (n *convolutionNode) unfoldTaps(out []float32, c *corner, k, group, column int) {
	for len(out) > 0 {
		skip := column % n.each
		part := out[:min(n.each-skip, len(out))]
		if at := n.tap(c, k, column/n.each); at >= 0 {
			copy(part, n.x.Data[at+group*n.each+skip:])
		} else {
			clear(part)
		}
		out, column = out[len(part):], column+len(part)
	}
}

// fold adds the windows at positions first to last of one group to where they came
// from.
func (n *convolutionNode) fold(room []float32, group, first, last int) {
	line, dx := n.g.w.size*n.each, n.x.grad
	for c := n.corner(first); c.position < last; c.next() {
		row := room[(c.position-first)*n.columns : (c.position-first+1)*n.columns]
		for k := range n.g.h.size {
			from := row[k*line:][:line]
			at, whole := n.line(&c, k)
			if at < 0 {
				continue
			}
			if whole {
				to := dx[at : at+line]
				kernel.Add(to, to, from)
				continue
			}
			for i := range n.g.w.size {
				if at := n.tap(&c, k, i); at >= 0 {
					to := dx[at+group*n.each:][:n.each]
					kernel.Add(to, to, from[i*n.each:(i+1)*n.each])
				}
			}
		}
	}
}
