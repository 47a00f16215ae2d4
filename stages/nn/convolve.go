package nn

import (
	"runtime"

	"pipe/stages/nn/kernel"
)

// convolutionNode computes a convolution as a matrix product: the windows of a band
// of positions, written out row by row, times the filters. Positions are counted
// through all examples, one after the other. A band is small enough to stay in a
// core's cache between the two.
type convolutionNode struct {
	p    *Pass
	x, y *Tensor
	w, b *Param
	g    window
	relu bool // is applied while a band is in the cache

	groups, each, filters int // channels and filters of one group
	columns               int // elements of a window of one group
	band                  int // positions that are written out at once
	parts                 int // that the work is split into
	room                  []float32
	packed                []*kernel.PackedB // filters, by group
	own                   []kernel.PackedB  // where packed is not the network's

	ahead, back, weights func(lo, hi int) // made once, so that later passes allocate nothing
}

// bandElements is how many elements of windows are written out at once: half of a
// usual second-level cache.
const bandElements = 1 << 17

// partsPerCore lets the others help a core that is held up.
const partsPerCore = 2

func (n *convolutionNode) forward(p *Pass, x, y *Tensor, l *Convolution, g window) {
	n.p, n.x, n.y, n.w, n.b, n.g, n.relu = p, x, y, l.weight, l.bias, g, l.Activation == Relu
	n.groups, n.each, n.filters = l.Groups, g.channels/l.Groups, l.Filters/l.Groups
	n.columns = g.taps() * n.each
	n.band = min(y.Rows(), max(32, bandElements/n.columns))
	n.parts = min(partsPerCore*runtime.GOMAXPROCS(0), (y.Rows()+minBand-1)/minBand)
	n.room = p.floats.take(n.parts * n.band * n.columns)
	if len(n.packed) != n.groups {
		n.packed, n.own = make([]*kernel.PackedB, n.groups), make([]kernel.PackedB, n.groups)
	}
	for i := range n.packed {
		n.packed[i] = p.packs.transposed(&n.own[i], n.w, i, n.columns, n.filters)
	}
	if n.ahead == nil {
		n.ahead, n.back, n.weights = n.forwardRange, n.inputRange, n.weightRange
	}
	kernel.Parallel(n.parts, 1, n.ahead)
}

// minBand is how many positions are worth a part of their own.
const minBand = 32

func (n *convolutionNode) groupWeight(w []float32, group int) []float32 {
	return w[group*n.filters*n.columns : (group+1)*n.filters*n.columns]
}

func (n *convolutionNode) roomOf(part int) []float32 {
	size := n.band * n.columns
	return n.room[part*size : (part+1)*size]
}

// bands calls f for the bands of positions first to last.
func (n *convolutionNode) bands(first, last int, f func(first, last int)) {
	for ; first < last; first += n.band {
		f(first, min(first+n.band, last))
	}
}

// forwardRange computes parts from to to of the positions.
func (n *convolutionNode) forwardRange(from, to int) {
	width, rows := n.groups*n.filters, n.y.Rows()
	for part := from; part < to; part++ {
		room := n.roomOf(part)
		n.bands(rows*part/n.parts, rows*(part+1)/n.parts, func(first, last int) {
			for g := range n.groups {
				windows, step := n.unfold(room, g, first, last, 0, n.columns)
				kernel.GemmPacked(false, last-first, 1, windows, step, n.packed[g], 0, n.y.Data[first*width+g*n.filters:], width)
			}
			n.finish(n.y.Data[first*width:last*width], last-first)
		})
	}
}

// finish adds the bias to some rows and applies relu.
func (n *convolutionNode) finish(y []float32, rows int) {
	if n.b != nil {
		kernel.AddBias(y, rows, n.groups*n.filters, n.b.Data)
	}
	if n.relu {
		kernel.Relu(y, y)
	}
}

func (n *convolutionNode) backward() {
	if n.relu {
		// What relu gave says as well as what it read where gradients flow. The
		// gradient of y is not needed after this.
		kernel.ReluGrad(n.y.grad, n.y.Data, n.y.grad)
	}
	addColumns(n.p, n.b, n.y.grad, n.y.Rows())
	if n.w.Grad != nil {
		kernel.Parallel(min(n.parts, runtime.GOMAXPROCS(0)), 1, n.weights)
	}
	if n.x.gradient() != nil {
		for i := range n.own {
			n.own[i].Pack(false, n.filters, n.columns, n.groupWeight(n.w.Data, i), n.columns)
		}
		kernel.Parallel(min(n.parts, n.x.Shape[0]), 1, n.back)
	}
}

// weightRange splits the columns of the weight's gradient, because its sum over
// positions must have one order.
func (n *convolutionNode) weightRange(from, to int) {
	width, parts := n.groups*n.filters, min(n.parts, runtime.GOMAXPROCS(0))
	for part := from; part < to; part++ {
		lo, hi := n.columns*part/parts, n.columns*(part+1)/parts
		if lo == hi {
			continue
		}
		room := n.roomOf(part)
		n.bands(0, n.y.Rows(), func(first, last int) {
			for g := range n.groups {
				windows, step := n.unfold(room, g, first, last, lo, hi)
				kernel.Gemm(true, false, n.filters, hi-lo, last-first, 1, n.y.grad[first*width+g*n.filters:], width, windows, step,
					1, n.groupWeight(n.w.Grad, g)[lo:], n.columns)
			}
		})
	}
}

// inputRange splits the examples, because the windows of one overlap.
func (n *convolutionNode) inputRange(from, to int) {
	batch, width, positions := n.x.Shape[0], n.groups*n.filters, n.g.positions()
	parts := min(n.parts, batch)
	for part := from; part < to; part++ {
		room := n.roomOf(part)
		n.bands(batch*part/parts*positions, batch*(part+1)/parts*positions, func(first, last int) {
			for g := range n.groups {
				kernel.GemmPacked(false, last-first, 1, n.y.grad[first*width+g*n.filters:], width, &n.own[g], 0, room, n.columns)
				n.fold(room, g, first, last)
			}
		})
	}
}
