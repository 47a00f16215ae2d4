package nn

import "pipe/stages/nn/kernel"

// slidingNode computes a convolution with its windows read where they lie in the
// images, which are copied once where they need padding. It is convolutionNode for
// windows without gaps and groups.
type slidingNode struct {
	p    *Pass
	x, y *Tensor
	w, b *Param
	relu bool

	windows kernel.Windows
	padded  []float32 // x with its padding
	packed  *kernel.PackedB
	own     kernel.PackedB // where packed is not the network's

	chunks       int       // of the examples, in a backward pass
	dw, db       []float32 // gradients: (chunk, window, filters), (example, filters)
	dx           []float32 // nil when nobody asks for it
	cleared      bool      // dx holds something already
	ahead, back  func(lo, hi int)
	pad, collect func(lo, hi int) // made once, so that later passes allocate nothing
}

// windowsOf returns how the windows lie over images.
func (l *Convolution) windowsOf(g *window) kernel.Windows {
	return kernel.Windows{
		Height: max(g.h.in+g.h.before, (g.h.out-1)*g.h.stride+g.h.size), Width: max(g.w.in+g.w.before, (g.w.out-1)*g.w.stride+g.w.size),
		Channels: g.channels, Rows: g.h.out, Columns: g.w.out, Filters: l.Filters, TapRows: g.h.size, TapColumns: g.w.size,
		RowStride: g.h.stride, ColumnStride: g.w.stride, RowsBefore: g.h.before, ColumnsBefore: g.w.before, InnerHeight: g.h.in, InnerWidth: g.w.in,
	}
}

// mostSlidingWeights bounds what a training keeps of a weight's gradient for each
// chunk of examples.
const mostSlidingWeights = 1 << 20

// slides reports whether a slidingNode computes the layer well.
func (l *Convolution) slides(p *Pass, g *window, batch int) bool {
	if l.Groups > 1 || g.h.dilation > 1 || g.w.dilation > 1 || g.taps() == 1 || p.train && (batch < 4 || len(l.weight.Data) > mostSlidingWeights) {
		return false
	}
	w := l.windowsOf(g)
	return w.CanSlide()
}

// chunksOfExamples is how many parts the examples of a backward pass are cut into,
// for any number of cores: each adds up a gradient of its own, and their sum has one order.
const chunksOfExamples = 8

func (n *slidingNode) forward(p *Pass, x, y *Tensor, l *Convolution, g *window) {
	n.p, n.x, n.y, n.w, n.b, n.relu, n.windows = p, x, y, l.weight, l.bias, l.Activation == Relu, l.windowsOf(g)
	w := &n.windows
	if n.ahead == nil {
		n.ahead, n.back, n.pad, n.collect = n.forwardRange, n.backwardRange, n.padRange, n.collectRange
	}
	n.padded = x.Data
	if w.Height != w.InnerHeight || w.Width != w.InnerWidth {
		n.padded = p.floats.take(x.Shape[0] * w.Height * w.Width * w.Channels)
		kernel.Parallel(x.Shape[0]*w.Height, 64, n.pad)
	}
	n.packed = p.packs.transposed(&n.own, n.w, 0, g.taps()*g.channels, l.Filters)
	kernel.Parallel(x.Shape[0]*w.Rows, 1, n.ahead)
}

// padRange writes lines lo to hi of the padded images.
func (n *slidingNode) padRange(lo, hi int) {
	w := &n.windows
	line, inner := w.Width*w.Channels, w.InnerWidth*w.Channels
	for at := lo; at < hi; at++ {
		to, row := n.padded[at*line:(at+1)*line], at%w.Height-w.RowsBefore
		if row < 0 || row >= w.InnerHeight {
			clear(to)
			continue
		}
		left := w.ColumnsBefore * w.Channels
		clear(to[:left])
		copy(to[left:], n.x.Data[(at/w.Height*w.InnerHeight+row)*inner:][:inner])
		clear(to[left+inner:])
	}
}

// forwardRange computes lines lo to hi of the output, and finishes some of them
// while they are in the cache.
func (n *slidingNode) forwardRange(lo, hi int) {
	line := n.windows.Columns * n.windows.Filters
	step := max(1, bandElements/4/line)
	for ; lo < hi; lo += step {
		end := min(lo+step, hi)
		n.windows.Convolve(n.y.Data, n.padded, n.packed, lo, end)
		y := n.y.Data[lo*line : end*line]
		if n.b != nil {
			kernel.AddBias(y, (end-lo)*n.windows.Columns, n.windows.Filters, n.b.Data)
		}
		if n.relu {
			kernel.Relu(y, y)
		}
	}
}

func (n *slidingNode) backward() {
	batch := n.x.Shape[0]
	n.chunks = min(chunksOfExamples, batch)
	n.dw, n.db = nil, nil
	if n.w.Grad != nil {
		n.dw = n.p.floats.take(n.chunks * len(n.w.Data))
	}
	if n.b != nil && n.b.Grad != nil {
		n.db = n.p.floats.take(batch * len(n.b.Data))
	}
	dx, first := n.x.blankGradient()
	n.dx, n.cleared = dx, !first
	kernel.Parallel(n.chunks, 1, n.back)
	if n.dw != nil {
		kernel.Parallel(len(n.w.Data)/n.windows.Filters, 16, n.collect)
	}
	for i := 0; i < len(n.db); i += n.windows.Filters {
		kernel.Add(n.b.Grad, n.b.Grad, n.db[i:i+n.windows.Filters])
	}
}

// backwardRange takes chunks lo to hi of the examples, and all that is to be done
// with an example while it is in the cache.
func (n *slidingNode) backwardRange(lo, hi int) {
	w, batch := &n.windows, n.x.Shape[0]
	size := w.Rows * w.Columns * w.Filters
	for chunk := lo; chunk < hi; chunk++ {
		from, to := batch*chunk/n.chunks, batch*(chunk+1)/n.chunks
		if n.dx != nil && !n.cleared {
			each := len(n.dx) / batch
			clear(n.dx[from*each : to*each])
		}
		for i := from; i < to; i++ {
			dy := n.y.grad[i*size : (i+1)*size]
			if n.relu {
				// What relu gave says as well as what it read where gradients flow.
				// The gradient of y is not needed after this.
				kernel.ReluGrad(dy, n.y.Data[i*size:(i+1)*size], dy)
			}
			if n.db != nil {
				kernel.SumRows(n.db[i*w.Filters:(i+1)*w.Filters], dy, w.Rows*w.Columns, w.Filters)
			}
			if n.dx != nil {
				w.InputGradient(n.dx, n.w.Data, n.y.grad, i, i+1)
			}
			if n.dw != nil {
				w.FilterGradient(n.dw[chunk*len(n.w.Data):(chunk+1)*len(n.w.Data)], n.padded, n.y.grad, i, i+1, i > from)
			}
		}
	}
}

// collectRange adds the chunks' gradients of elements lo to hi of a window to the
// weight's, where filters are the rows.
func (n *slidingNode) collectRange(lo, hi int) {
	filters, size := n.windows.Filters, len(n.w.Data)
	sum := n.dw[lo*filters : hi*filters]
	for chunk := 1; chunk < n.chunks; chunk++ {
		kernel.Add(sum, sum, n.dw[chunk*size:][lo*filters:hi*filters])
	}
	window := size / filters
	for f := range filters {
		to := n.w.Grad[f*window+lo : f*window+hi]
		for i := range to {
			to[i] += sum[i*filters+f]
		}
	}
}
