package nn

import "pipe/stages/nn/kernel"

// slidingNode computes a convolution with its windows read where they lie in strips of
// the images. It is convolutionNode for windows without gaps and groups.
type slidingNode struct {
	p    *Pass
	x, y *Tensor
	w, b *Param
	relu bool

	windows kernel.Windows
	reach   int // lines of the input that a window covers
	packed  *kernel.PackedB
	own     kernel.PackedB // where packed is not the network's

	lines, parts int       // of the output, and what they are split into
	atOnce       int       // lines that are computed at once
	room         []float32 // of each part, or chunk

	chunks  int       // of the examples, in a backward pass
	dw, db  []float32 // gradients: (chunk, window, filters), (example, filters)
	dx      []float32 // nil when nobody asks for it
	cleared bool      // dx holds something already

	ahead, back, collect func(lo, hi int) // made once, so that later passes allocate nothing
}

// windowsOf returns how the windows lie over images.
func (l *Convolution) windowsOf(g *window) kernel.Windows {
	return kernel.Windows{
		Height: g.h.padded(), Width: g.w.padded(),
		Channels: g.channels, Rows: g.h.out, Columns: g.w.out, Filters: l.Filters, TapRows: g.h.size, TapColumns: g.w.size,
		RowStride: g.h.stride, ColumnStride: g.w.stride, RowsBefore: g.h.before, ColumnsBefore: g.w.before, InnerHeight: g.h.in, InnerWidth: g.w.in,
	}
}

// padded is how many elements the input has with its padding.
func (s *span) padded() int {
	return max(s.in+s.before, (s.out-1)*s.stride+(s.size-1)*s.dilation+1)
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
	n.prepare(p, x, y, l, g)
	n.packed = p.packs.transposed(&n.own, n.w, 0, g.taps()*g.channels, l.Filters)
	if n.ahead == nil {
		n.ahead, n.back = n.forwardRange, n.backwardRange
	}
	n.split(x.Shape[0]*n.windows.Rows, n.linesAtOnce(), n.stripRoom(n.linesAtOnce()))
	kernel.Parallel(n.parts, 1, n.ahead)
}

// prepare takes the operands.
func (n *slidingNode) prepare(p *Pass, x, y *Tensor, l *Convolution, g *window) {
	n.p, n.x, n.y, n.w, n.b, n.relu, n.windows = p, x, y, l.weight, l.bias, l.Activation == Relu, l.windowsOf(g)
	n.reach = (g.h.size-1)*g.h.dilation + 1
	if n.collect == nil {
		n.collect = n.collectRange
	}
}

// linesAtOnce is how many lines of the output are finished while they are in the cache.
func (n *slidingNode) linesAtOnce() int {
	w := &n.windows
	return min(w.Rows, max(1, bandElements/4/(w.Columns*w.Filters)))
}

// block is the windows over a strip for so many lines of the output.
func (n *slidingNode) block(lines int) kernel.Windows {
	w := n.windows
	w.Rows, w.Height = lines, n.reads(lines)
	return w
}

// forwardRange computes parts from to to of the output.
func (n *slidingNode) forwardRange(from, to int) {
	w := &n.windows
	line := w.Columns * w.Filters
	for part := from; part < to; part++ {
		n.eachStrip(part, w.Rows, func(room []float32, i, lo, hi int) {
			block, y := n.block(hi-lo), n.y.Data[(i*w.Rows+lo)*line:(i*w.Rows+hi)*line]
			block.Convolve(y, n.strip(room, i, lo, hi), n.packed, 0, hi-lo)
			n.end(y)
		})
	}
}

// end adds the bias to some outputs and applies relu.
func (n *slidingNode) end(y []float32) {
	if n.b != nil {
		kernel.AddBias(y, len(y)/n.windows.Filters, n.windows.Filters, n.b.Data)
	}
	if n.relu {
		kernel.Relu(y, y)
	}
}

func (n *slidingNode) backward() {
	n.begin(0)
	kernel.Parallel(n.chunks, 1, n.back)
	n.finish(n.collect)
}

// begin prepares what the chunks of a backward pass write, and room for each: for a
// strip of a whole example and more besides.
func (n *slidingNode) begin(more int) {
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
	n.room = n.p.floats.take(n.chunks * (n.stripRoom(n.windows.Rows) + more))
}

// chunk returns the examples of a chunk, its part of the weight's gradient, nil when
// nobody asks for that, and its room: for a strip, and what is left of it.
func (n *slidingNode) chunk(i int) (from, to int, dw, room, more []float32) {
	batch, size := n.x.Shape[0], len(n.room)/n.chunks
	if n.dw != nil {
		dw = n.dw[i*len(n.w.Data) : (i+1)*len(n.w.Data)]
	}
	strip := n.stripRoom(n.windows.Rows)
	room = n.room[i*size : (i+1)*size]
	return batch * i / n.chunks, batch * (i + 1) / n.chunks, dw, room[:strip], room[strip:]
}

// finish adds up what the chunks have written: collect does so for some of the
// elements of a window.
func (n *slidingNode) finish(collect func(lo, hi int)) {
	if n.dw != nil {
		kernel.Parallel(len(n.w.Data)/n.windows.Filters, 16, collect)
	}
	for i := 0; i < len(n.db); i += n.windows.Filters {
		kernel.Add(n.b.Grad, n.b.Grad, n.db[i:i+n.windows.Filters])
	}
}

// backwardRange takes chunks lo to hi of the examples, and all that is to be done
// with an example while it is in the cache.
func (n *slidingNode) backwardRange(lo, hi int) {
	whole := n.block(n.windows.Rows)
	for chunk := lo; chunk < hi; chunk++ {
		from, to, dw, room, _ := n.chunk(chunk)
		for i := from; i < to; i++ {
			dy := n.outputGradient(i)
			if dx := n.inputGradient(i); dx != nil {
				n.windows.InputGradient(dx, n.w.Data, dy, 0, 1)
			}
			if dw != nil {
				whole.FilterGradient(dw, n.strip(room, i, 0, whole.Rows), dy, 0, 1, i > from)
			}
		}
	}
}

// outputGradient takes the gradient of example i of the output: with relu, what that
// gave says as well as what it read where gradients flow. The gradient of y is not
// needed after the pass.
func (n *slidingNode) outputGradient(i int) (dy []float32) {
	filters, size := n.windows.Filters, len(n.y.Data)/n.x.Shape[0]
	dy = n.y.grad[i*size : (i+1)*size]
	if n.relu {
		kernel.ReluGrad(dy, n.y.Data[i*size:(i+1)*size], dy)
	}
	if n.db != nil {
		kernel.SumRows(n.db[i*filters:(i+1)*filters], dy, size/filters, filters)
	}
	return dy
}

// inputGradient returns the gradient of example i of the input, to which the outputs'
// are to be added, nil when nobody asks for it.
func (n *slidingNode) inputGradient(i int) []float32 {
	if n.dx == nil {
		return nil
	}
	dx := n.image(n.dx, i)
	if !n.cleared {
		clear(dx)
	}
	return dx
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
