package nn

import "pipe/stages/nn/kernel"

// depthwiseNode computes a convolution in which each channel has one filter of its own:
// products of so few numbers are no work for a matrix product.
type depthwiseNode struct {
	slidingNode
	taps    []int32
	filters []float32 // (taps, channels)
}

// isDepthwise reports whether a depthwiseNode computes the layer.
func (l *Convolution) isDepthwise(channels int) bool {
	return l.Groups > 1 && l.Groups == channels && l.Filters == channels
}

func (n *depthwiseNode) forward(p *Pass, x, y *Tensor, l *Convolution, g *window) {
	n.prepare(p, x, y, l, g)
	w, count := &n.windows, g.taps()
	if n.ahead == nil {
		n.ahead, n.back = n.forwardRange, n.backwardRange
	}
	n.taps, n.filters = p.ids.take(count), p.floats.take(len(n.w.Data))
	for i := range n.taps {
		n.taps[i] = int32((i/g.w.size*g.h.dilation*w.Width + i%g.w.size*g.w.dilation) * w.Channels)
		for c := range w.Channels {
			n.filters[i*w.Channels+c] = n.w.Data[c*count+i]
		}
	}
	n.split(x.Shape[0]*w.Rows, n.linesAtOnce(), n.stripRoom(n.linesAtOnce()))
	kernel.Parallel(n.parts, 1, n.ahead)
}

// line returns where the windows of a line begin in a strip.
func (n *depthwiseNode) line(at int) int {
	return at * n.windows.RowStride * n.windows.Width * n.windows.Channels
}

// forwardRange computes parts from to to of the output.
func (n *depthwiseNode) forwardRange(from, to int) {
	w := &n.windows
	line := w.Columns * w.Filters
	for part := from; part < to; part++ {
		n.eachStrip(part, w.Rows, func(room []float32, i, lo, hi int) {
			strip, y := n.strip(room, i, lo, hi), n.y.Data[(i*w.Rows+lo)*line:(i*w.Rows+hi)*line]
			for at := range hi - lo {
				kernel.DepthwiseLine(y[at*line:(at+1)*line], strip[n.line(at):], n.filters, w.Columns, w.ColumnStride*w.Channels, w.Channels, n.taps)
			}
			n.end(y)
		})
	}
}

func (n *depthwiseNode) backward() {
	n.begin(n.inputRoom())
	kernel.Parallel(n.chunks, 1, n.back)
	n.finish(n.collect)
}

// backwardRange takes chunks lo to hi of the examples, and all that is to be done with
// an example while it is in the cache.
func (n *depthwiseNode) backwardRange(lo, hi int) {
	w := &n.windows
	line, step := w.Columns*w.Filters, w.ColumnStride*w.Channels
	for chunk := lo; chunk < hi; chunk++ {
		from, to, dw, room, more := n.chunk(chunk)
		clear(dw)
		for i := from; i < to; i++ {
			gradient := n.outputGradient(i)
			dx, strip := n.paddedGradient(i, more), n.strip(room, i, 0, w.Rows)
			for at := range w.Rows {
				dy := gradient[at*line : (at+1)*line]
				if dx != nil {
					kernel.DepthwiseInput(dx[n.line(at):], n.filters, dy, w.Columns, step, w.Channels, n.taps)
				}
				if dw != nil {
					kernel.DepthwiseFilters(dw, strip[n.line(at):], dy, w.Columns, step, w.Channels, n.taps)
				}
			}
			n.addInner(i, dx)
		}
	}
}
