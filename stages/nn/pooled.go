package nn

import (
	"math"

	"pipe/stages/nn/kernel"
)

// join computes the layer and a pooling whose windows neither overlap nor reach over
// the edge.
func (l *Convolution) join(p *Pass, x *Tensor, next Layer) *Tensor {
	pool, ok := next.(*MaxPool)
	if !ok {
		return nil
	}
	g, err := l.window(x.Shape)
	if err != nil || l.Activation != Relu && l.Activation != Linear || !l.slides(p, &g, x.Shape[0]) {
		return nil
	}
	out := g.outShape(x.Shape, l.Filters)
	over, err := pool.window(out)
	if err != nil || over.overlaps() {
		return nil
	}
	var y *Tensor
	if len(out) == 3 {
		y = p.Tensor(out[0], over.w.out, l.Filters)
	} else {
		y = p.Tensor(out[0], over.h.out, over.w.out, l.Filters)
	}
	record[pooledNode](p, y).forward(p, x, y, l, &g, over)
	return y
}

// overlaps reports whether windows have elements in common or reach over the edge.
func (g *window) overlaps() bool { return g.h.overlaps() || g.w.overlaps() }

func (s *span) overlaps() bool {
	return s.size > s.stride || s.before > 0 || (s.out-1)*s.stride+s.size > s.in
}

// pooledNode computes a convolution and the greatest of each few of its outputs, which
// are all that is written to memory. Outputs that no window of the pooling reads are
// not computed. On the way back only the greatest have a gradient, so that there is
// less to multiply by so much: each that has one adds its window to the gradient of
// its filter, and its filter to the window of its input's gradient.
type pooledNode struct {
	slidingNode // whose windows are those that are pooled
	pool        window

	which  []int32 // output in a window of the pooling was greatest, as apart says
	taps   []int32 // where they lie among the outputs
	begins []int32 // where the windows of each position's first output begin in an image
	apart  []int32 // how much farther those of its other outputs do
	bias   []float32
	lists  [chunksOfExamples]kernel.Pooled
	sum    func(lo, hi int) // made once, so that later passes allocate nothing
}

// leastRun is how many floats of a window must lie side by side, so that vectors are
// filled when windows are added up one by one.
const leastRun = 16

// sparse reports whether the backward pass goes through single outputs.
func (n *pooledNode) sparse() bool {
	return n.windows.TapColumns*n.windows.Channels >= leastRun && len(n.taps) > 2
}

func (n *pooledNode) forward(p *Pass, x, y *Tensor, l *Convolution, g *window, pool window) {
	n.prepare(p, x, y, l, g)
	n.packed = p.packs.transposed(&n.own, n.w, 0, g.taps()*g.channels, l.Filters)
	w := &n.windows
	n.pool = pool
	w.Rows, w.Columns = n.outputs(pool.h.out), (pool.w.out-1)*pool.w.stride+pool.w.size
	if n.ahead == nil {
		n.ahead, n.back, n.sum = n.forwardRange, n.backwardRange, n.sumRange
	}
	n.which = p.ids.take(len(y.Data))
	n.taps, n.apart = p.ids.take(pool.taps()), p.ids.take(pool.taps())
	for i := range n.taps {
		row, column := i/pool.w.size, i%pool.w.size
		n.taps[i], n.apart[i] = int32((row*w.Columns+column)*w.Filters), int32(n.beginOf(row, column))
	}
	n.begins = p.ids.take(pool.positions())
	for i := range n.begins {
		n.begins[i] = int32(n.beginOf(i/pool.w.out*pool.h.stride, i%pool.w.out*pool.w.stride))
	}
	if n.b != nil {
		n.bias = n.b.Data
	} else {
		n.bias = p.zeros(w.Filters)
	}
	atOnce := max(1, n.linesAtOnce()/pool.h.stride)
	n.split(x.Shape[0]*pool.h.out, atOnce, n.outputRoom(1)+n.stripRoom(n.outputs(atOnce)))
	kernel.Parallel(n.parts, 1, n.ahead)
}

// beginOf is where in a padded image the window of the output at a row and a column
// begins.
func (n *pooledNode) beginOf(row, column int) int {
	w := &n.windows
	return (row*w.RowStride*w.Width + column*w.ColumnStride) * w.Channels
}

// outputs is how many lines of outputs so many lines of the pooling reach over.
func (n *pooledNode) outputs(lines int) int { return (lines-1)*n.pool.h.stride + n.pool.h.size }

// outputRoom is what those lines of outputs need.
func (n *pooledNode) outputRoom(lines int) int {
	return n.outputs(lines) * n.windows.Columns * n.windows.Filters
}

// forwardRange computes parts from to to of y.
func (n *pooledNode) forwardRange(from, to int) {
	w, h := &n.windows, &n.pool.h
	floor := float32(math.Inf(-1))
	if n.relu {
		floor = 0
	}
	size := n.pool.w.out * w.Filters
	for part := from; part < to; part++ {
		n.eachStrip(part, h.out, func(room []float32, i, lo, hi int) {
			outputs, room := room[:n.outputRoom(1)], room[n.outputRoom(1):]
			strip, block := n.strip(room, i, lo*h.stride, lo*h.stride+n.outputs(hi-lo)), n.block(n.outputs(hi-lo))
			for row := range hi - lo {
				block.Convolve(outputs, strip, n.packed, row*h.stride, row*h.stride+h.size)
				at := (i*h.out + lo + row) * size
				kernel.MaxLine(n.y.Data[at:at+size], n.which[at:at+size], outputs, n.pool.w.out, n.pool.w.stride*w.Filters,
					n.taps, n.apart, n.bias, floor)
			}
		})
	}
}

func (n *pooledNode) backward() {
	more := n.inputRoom()
	if !n.sparse() {
		more = n.outputRoom(n.blockLines())
	}
	n.begin(more)
	kernel.Parallel(n.chunks, 1, n.back)
	if n.sparse() {
		n.finish(n.sum)
	} else {
		n.finish(n.collect)
	}
}

// blockLines is how many lines of the pooling are taken at once on the way back, so
// that the gradients of their outputs stay in the first-level cache.
func (n *pooledNode) blockLines() int {
	return min(n.pool.h.out, max(1, blockOutputs/(n.pool.h.stride*n.windows.Columns*n.windows.Filters)))
}

// blockOutputs is half of a usual first-level cache.
const blockOutputs = 1 << 12

// backwardRange takes chunks lo to hi of the examples, and all that is to be done with
// an example while it is in the cache.
func (n *pooledNode) backwardRange(lo, hi int) {
	for chunk := lo; chunk < hi; chunk++ {
		from, to, dw, room, more := n.chunk(chunk)
		clear(dw)
		list := &n.lists[chunk]
		list.Windows, list.Begins = n.block(n.windows.Rows), n.begins
		for i := from; i < to; i++ {
			dy := n.outputGradient(i)
			which, strip := n.which[i*len(dy):(i+1)*len(dy)], n.strip(room, i, 0, list.Rows)
			if n.sparse() {
				list.Collect(which, dy)
				if dx := n.paddedGradient(i, more); dx != nil {
					list.InputGradient(dx, n.w.Data)
					n.addInner(i, dx)
				}
				if dw != nil {
					list.FilterGradient(dw, strip)
				}
			} else {
				n.all(n.inputGradient(i), dw, strip, more, which, dy)
			}
		}
	}
}

// all adds the gradients that an example makes through those of all its outputs, most
// of which are 0, a block of lines at a time.
func (n *pooledNode) all(dx, dw, strip, room []float32, which []int32, dy []float32) {
	w, h := &n.windows, &n.pool.h
	line := n.pool.w.out * w.Filters
	for lo := 0; lo < h.out; lo += n.blockLines() {
		hi := min(lo+n.blockLines(), h.out)
		if h.stride > h.size || n.pool.w.stride > n.pool.w.size {
			clear(room)
		}
		for row := lo; row < hi; row++ {
			kernel.SpreadLine(room[(row-lo)*h.stride*w.Columns*w.Filters:], which[row*line:], dy[row*line:(row+1)*line],
				n.pool.w.out, n.pool.w.stride*w.Filters, n.taps, n.apart)
		}
		// The windows of the block are those of an image that begins where they do.
		block, down := n.block(n.outputs(hi-lo)), lo*h.stride*w.RowStride
		block.RowsBefore -= down
		if dx != nil {
			block.InputGradient(dx, n.w.Data, room, 0, 1)
		}
		if dw != nil {
			block.FilterGradient(dw, strip[down*w.Width*w.Channels:], room, 0, 1, true)
		}
	}
}

// sumRange adds the chunks' gradients of the weight, as many elements of each filter's
// window as from lo to hi, to the weight's.
func (n *pooledNode) sumRange(lo, hi int) {
	filters, size := n.windows.Filters, len(n.w.Data)
	sum := n.dw[lo*filters : hi*filters]
	for chunk := 1; chunk < n.chunks; chunk++ {
		kernel.Add(sum, sum, n.dw[chunk*size:][lo*filters:hi*filters])
	}
	to := n.w.Grad[lo*filters : hi*filters]
	kernel.Add(to, to, sum)
}
