package nn

import (
	"runtime"

	"pipe/stages/nn/kernel"
)

// convolutionNode computes a convolution as a matrix product: the windows of a band
// of positions, written out row by row, times the filters. A band is small enough
// to stay in a core's cache between the two.
type convolutionNode struct {
	p    *Pass
	x, y *Tensor
	w, b *Param
	g    window

	groups, each, filters int // channels and filters of one group
	columns               int // elements of a window of one group
	band                  int // positions that are written out at once
	workers               int
	room                  []float32
	packed                []kernel.PackedB // filters, by group

	ahead, back, weights func(lo, hi int) // made once, so that later passes allocate nothing
}

// bandElements is how many elements of windows are written out at once: half of a
// usual second-level cache.
const bandElements = 1 << 17

func (n *convolutionNode) prepare(p *Pass, x, y *Tensor, l *Convolution, g window) {
	n.p, n.x, n.y, n.w, n.b, n.g = p, x, y, l.weight, l.bias, g
	n.groups, n.each, n.filters = l.Groups, g.channels/l.Groups, l.Filters/l.Groups
	n.columns = g.taps() * n.each
	n.band = min(g.positions(), max(32, bandElements/n.columns))
	n.workers = min(runtime.GOMAXPROCS(0), x.Shape[0]*n.bands())
	n.room = p.floats.take(n.workers * n.band * n.columns)
	if len(n.packed) != n.groups {
		n.packed = make([]kernel.PackedB, n.groups)
	}
	for i := range n.packed {
		n.packed[i].Pack(true, n.columns, n.filters, n.groupWeight(n.w.Data, i), n.columns)
	}
	if n.ahead == nil {
		n.ahead, n.back, n.weights = n.forwardRange, n.inputRange, n.weightRange
	}
}

func (n *convolutionNode) groupWeight(w []float32, group int) []float32 {
	return w[group*n.filters*n.columns : (group+1)*n.filters*n.columns]
}

// bands returns the number of bands of one example.
func (n *convolutionNode) bands() int { return (n.g.positions() + n.band - 1) / n.band }

// bounds returns the positions of a band.
func (n *convolutionNode) bounds(band int) (first, last int) {
	return band * n.band, min((band+1)*n.band, n.g.positions())
}

func (n *convolutionNode) roomOf(worker int) []float32 {
	size := n.band * n.columns
	return n.room[worker*size : (worker+1)*size]
}

// example returns one example of a tensor's data or gradient.
func (n *convolutionNode) example(data []float32, t *Tensor, i int) []float32 {
	size := len(t.Data) / t.Shape[0]
	return data[i*size : (i+1)*size]
}

// forwardRange splits the bands of all examples over the workers.
func (n *convolutionNode) forwardRange(from, to int) {
	bands, width := n.bands(), n.groups*n.filters
	all := n.x.Shape[0] * bands
	for worker := from; worker < to; worker++ {
		room := n.roomOf(worker)
		for item := all * worker / n.workers; item < all*(worker+1)/n.workers; item++ {
			x, y := n.example(n.x.Data, n.x, item/bands), n.example(n.y.Data, n.y, item/bands)
			first, last := n.bounds(item % bands)
			for g := range n.groups {
				windows, step := n.unfold(room, x, g, first, last, 0, n.columns)
				kernel.GemmPacked(false, last-first, 1, windows, step, &n.packed[g], 0, y[first*width+g*n.filters:], width)
			}
		}
	}
}

func (n *convolutionNode) backward() {
	addColumns(n.p, n.b, n.y.grad, n.y.Rows())
	if n.w.Grad != nil {
		kernel.Parallel(n.workers, 1, n.weights)
	}
	if n.x.gradient() != nil {
		for i := range n.packed {
			n.packed[i].Pack(false, n.filters, n.columns, n.groupWeight(n.w.Data, i), n.columns)
		}
		kernel.Parallel(n.workers, 1, n.back)
	}
}

// weightRange splits the columns of the weight's gradient over the workers, because
// its sum over positions and examples must have one order.
func (n *convolutionNode) weightRange(from, to int) {
	width := n.groups * n.filters
	for worker := from; worker < to; worker++ {
		lo, hi := n.columns*worker/n.workers, n.columns*(worker+1)/n.workers
		if lo == hi {
			continue
		}
		room := n.roomOf(worker)
		for item := range n.x.Shape[0] * n.bands() {
			example, band := item/n.bands(), item%n.bands()
			x, dy := n.example(n.x.Data, n.x, example), n.example(n.y.grad, n.y, example)
			first, last := n.bounds(band)
			for g := range n.groups {
				windows, step := n.unfold(room, x, g, first, last, lo, hi)
				kernel.Gemm(true, false, n.filters, hi-lo, last-first, 1, dy[first*width+g*n.filters:], width, windows, step,
					1, n.groupWeight(n.w.Grad, g)[lo:], n.columns)
			}
		}
	}
}

// inputRange splits the examples over the workers, because the windows of two bands
// overlap.
func (n *convolutionNode) inputRange(from, to int) {
	batch, width := n.x.Shape[0], n.groups*n.filters
	for worker := from; worker < to; worker++ {
		room := n.roomOf(worker)
		for i := batch * worker / n.workers; i < batch*(worker+1)/n.workers; i++ {
			dx, dy := n.example(n.x.grad, n.x, i), n.example(n.y.grad, n.y, i)
			for band := range n.bands() {
				first, last := n.bounds(band)
				for g := range n.groups {
					kernel.GemmPacked(false, last-first, 1, dy[first*width+g*n.filters:], width, &n.packed[g], 0, room, n.columns)
					n.fold(dx, room, g, first, last)
				}
			}
		}
	}
}
