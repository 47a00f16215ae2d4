package nn

import "pipe/stages/nn/kernel"

// unfold returns columns lo to hi of the windows at positions first to last of one
// group, zero outside the input, and the distance of two rows. They are written to
// room, except when each window is one element and they lie in the input as needed.
func (n *convolutionNode) unfold(room, x []float32, group, first, last, lo, hi int) (windows []float32, step int) {
	if n.pointwise() {
		return x[first*n.each+lo:], n.each
	}
	width, line := hi-lo, n.g.w.size*n.each
	for position := first; position < last; position++ {
		row := room[(position-first)*width : (position-first+1)*width]
		for tap := lo / line * n.g.w.size; tap*n.each < hi; tap += n.g.w.size {
			from, to := max(tap*n.each, lo), min(tap*n.each+line, hi)
			out := row[from-lo : to-lo]
			if at, whole := n.line(position, tap); whole {
				copy(out, x[at+from-tap*n.each:])
				continue
			}
			n.unfoldTaps(out, x, group, position, from)
		}
	}
	return room, width
}

// pointwise reports whether the windows are the input.
func (n *convolutionNode) pointwise() bool {
	return n.groups == 1 && n.g.taps() == 1 && n.g.h.stride == 1 && n.g.w.stride == 1 && n.g.h.before == 0 && n.g.w.before == 0 &&
		n.g.h.out == n.g.h.in && n.g.w.out == n.g.w.in
}

// line returns where the taps of one line of a window lie in the input, when
// they lie there side by side.
func (n *convolutionNode) line(position, tap int) (at int, whole bool) {
	r, c, inside := n.g.at(position, tap)
	if !inside || n.groups > 1 || n.g.w.dilation > 1 || c+n.g.w.size > n.g.w.in {
		return 0, false
	}
	return (r*n.g.w.in + c) * n.each, true
}

// unfoldTaps fills out, which begins at a column of the window, tap by tap.
func (n *convolutionNode) unfoldTaps(out, x []float32, group, position, column int) {
	for len(out) > 0 {
		tap, skip := column/n.each, column%n.each
		part := out[:min(n.each-skip, len(out))]
		if r, c, inside := n.g.at(position, tap); inside {
			copy(part, x[(r*n.g.w.in+c)*n.g.channels+group*n.each+skip:])
		} else {
			clear(part)
		}
		out, column = out[len(part):], column+len(part)
	}
}

// fold adds the windows at positions first to last of one group to where they came
// from.
func (n *convolutionNode) fold(dx, room []float32, group, first, last int) {
	line := n.g.w.size * n.each
	for position := first; position < last; position++ {
		row := room[(position-first)*n.columns : (position-first+1)*n.columns]
		for tap := 0; tap < n.g.taps(); tap += n.g.w.size {
			from := row[tap*n.each:][:line]
			if at, whole := n.line(position, tap); whole {
				to := dx[at : at+line]
				kernel.Add(to, to, from)
				continue
			}
			for i := range n.g.w.size {
				if r, c, inside := n.g.at(position, tap+i); inside {
					at := (r*n.g.w.in+c)*n.g.channels + group*n.each
					to := dx[at : at+n.each]
					kernel.Add(to, to, from[i*n.each:(i+1)*n.each])
				}
			}
		}
	}
}
