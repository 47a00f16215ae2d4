package nn

import (
	"runtime"

	"pipe/stages/nn/kernel"
)

// cell is what one step of a recurrent layer computes. The methods work on
// rows lo to hi of the batch only, so that batches can be split over cores.
type cell interface {
	// gates is the number of pre-activations per unit.
	gates() int
	// forward computes state t+1 from state t and the input's part of the
	// pre-activations.
	forward(r *run, t, lo, hi int)
	// backward turns r.dh, the gradient of state t+1, into that of state t and
	// leaves the gradients of the pre-activations in place of the gates.
	backward(r *run, t, lo, hi int)
}

// run is one direction of one recurrent layer over one batch. Its buffers are
// time-major: step t of row b is at row t·batch + b, which makes each step one
// contiguous matrix. The reverse direction differs only in the order in which
// it reads the input and writes the output.
//
// The input's part of all steps is one matrix product, and so are the gradients
// of the weights. What remains in the loop over time is done for each range of
// rows on its own, without a barrier per step.
type run struct {
	p         *Pass
	x, y      *Tensor
	c         cell
	d         *direction
	sequences bool

	batch, time, features, units, offset int

	xt           []float32       // input, (time·batch, features)
	hh, ownT     kernel.PackedB  // weight_hh and, where hhT is not the network's, its transpose
	hhT          *kernel.PackedB // the transpose, packed once for all steps
	gates        []float32       // (time·batch, gates·units); their gradients after backward
	h            []float32       // states, (time+1)·batch × units, the first all zero
	c0           []float32       // LSTM: cell states, as h
	tanhC        []float32       // LSTM: (time·batch, units)
	recurrent    []float32       // GRU: h·weight_hhᵀ + bias_hh, as gates
	dh, dc       []float32       // gradients of the current state, (batch, units)
	keepH, keepC []float32       // what masked rows of dh and dc must remain

	ahead, back func(lo, hi int) // made once, so that later passes allocate nothing
}

func (r *run) prepare(p *Pass, x, y *Tensor, c cell, d *direction, units, offset int, sequences bool) {
	r.p, r.x, r.y, r.c, r.d, r.sequences = p, x, y, c, d, sequences
	r.batch, r.time, r.features, r.units, r.offset = x.Shape[0], x.Shape[1], x.Shape[2], units, offset
	steps := r.time * r.batch
	r.xt = p.floats.take(steps * r.features)
	r.gates = p.floats.take(steps * c.gates() * units)
	r.h = p.floats.take((steps + r.batch) * units)
	clear(r.h[:r.batch*units])
	r.c0, r.tanhC, r.recurrent = nil, nil, nil
	if r.ahead == nil {
		r.ahead, r.back = r.rowsForward, r.rowsBackward
	}
}

// split runs f on the rows of the batch, one range for each core: smaller ones
// would read the recurrent weights more often.
func (r *run) split(f func(lo, hi int)) {
	kernel.Parallel(r.batch, max(4, (r.batch+runtime.GOMAXPROCS(0)-1)/runtime.GOMAXPROCS(0)), f)
}

func (r *run) forward() {
	steps, width := r.time*r.batch, r.c.gates()*r.units
	r.gatherInput()
	if packs := r.p.packs; packs != nil {
		kernel.GemmPacked(false, steps, 1, r.xt, r.features, packs.transposed(nil, r.d.weightIH, 0, r.features, width), 0, r.gates, width)
	} else {
		kernel.Gemm(false, true, steps, width, r.features, 1, r.xt, r.features, r.d.weightIH.Data, r.features, 0, r.gates, width)
	}
	if r.d.bias != nil {
		kernel.AddBias(r.gates, steps, width, r.d.bias.Data)
	}
	if s, ok := r.c.(interface{ prepare(*run) }); ok {
		s.prepare(r)
	}
	if r.p.past != nil {
		r.p.past.resume(r)
	}
	r.hhT = r.p.packs.transposed(&r.ownT, r.d.weightHH, 0, r.units, width)
	r.split(r.ahead)
	if r.p.past != nil {
		r.p.past.keep(r)
	}
	r.scatterOutput()
}

func (r *run) rowsForward(lo, hi int) {
	for t := range r.time {
		r.c.forward(r, t, lo, hi)
		if r.x.Mask == nil {
			continue
		}
		for b := lo; b < hi; b++ {
			if r.masked(t, b) {
				copy(r.at(r.h, t+1, b, b+1), r.at(r.h, t, b, b+1))
				if r.c0 != nil {
					copy(r.at(r.c0, t+1, b, b+1), r.at(r.c0, t, b, b+1))
				}
			}
		}
	}
}

// recur adds state t times weight_hhᵀ to the rows of dst, or with beta 0 sets
// them.
func (r *run) recur(dst []float32, beta float32, t, lo, hi int) {
	width := r.c.gates() * r.units
	kernel.GemmPacked(false, hi-lo, 1, r.at(r.h, t, lo, hi), r.units, r.hhT, beta, r.wide(dst, t, lo, hi), width)
}

// recurGrad adds the gradient of the recurrent pre-activations times weight_hh
// to dh, or with beta 0 sets it.
func (r *run) recurGrad(src []float32, beta float32, t, lo, hi int) {
	width := r.c.gates() * r.units
	kernel.GemmPacked(false, hi-lo, 1, r.wide(src, t, lo, hi), width, &r.hh, beta, r.row(r.dh, lo, hi), r.units)
}

// backward is the reverse of forward.
func (r *run) backward() {
	p, n := r.p, r.batch*r.units
	r.dh, r.dc = p.zeros(n), p.zeros(n)
	if r.x.Mask != nil {
		r.keepH, r.keepC = p.floats.take(n), p.floats.take(n)
	}
	r.hh.Pack(false, r.c.gates()*r.units, r.units, r.d.weightHH.Data, r.units)
	r.split(r.back)

	steps, width := r.time*r.batch, r.c.gates()*r.units
	hidden := r.gates
	if r.recurrent != nil {
		hidden = r.recurrent
	}
	addOuter(r.d.weightIH, r.gates, r.xt, steps, width, r.features)
	addOuter(r.d.weightHH, hidden, r.h, steps, width, r.units)
	addColumns(p, r.d.bias, r.gates, steps)
	addColumns(p, r.d.biasHH, hidden, steps)
	if dx := r.x.gradient(); dx != nil {
		// xt is not needed any more and takes its own gradient.
		kernel.Gemm(false, false, steps, r.features, width, 1, r.gates, width, r.d.weightIH.Data, r.features, 0, r.xt, r.features)
		r.scatterInputGrad(dx)
	}
}

func (r *run) rowsBackward(lo, hi int) {
	for t := r.time - 1; t >= 0; t-- {
		r.addOutputGrad(t, lo, hi)
		if r.x.Mask == nil {
			r.c.backward(r, t, lo, hi)
			continue
		}
		copy(r.row(r.keepH, lo, hi), r.row(r.dh, lo, hi))
		copy(r.row(r.keepC, lo, hi), r.row(r.dc, lo, hi))
		r.c.backward(r, t, lo, hi)
		for b := lo; b < hi; b++ {
			if r.masked(t, b) {
				copy(r.row(r.dh, b, b+1), r.row(r.keepH, b, b+1))
				copy(r.row(r.dc, b, b+1), r.row(r.keepC, b, b+1))
				clear(r.wide(r.gates, t, b, b+1))
				if r.recurrent != nil {
					clear(r.wide(r.recurrent, t, b, b+1))
				}
			}
		}
	}
}

// addOutputGrad adds to dh what the output of step t contributes.
func (r *run) addOutputGrad(t, lo, hi int) {
	if !r.sequences && t != r.time-1 {
		return
	}
	for b := lo; b < hi; b++ {
		row := r.row(r.dh, b, b+1)
		kernel.Add(row, row, r.out(r.y.grad, t, b))
	}
}

// at returns rows lo to hi of step t of a buffer as wide as the state.
func (r *run) at(buf []float32, t, lo, hi int) []float32 {
	return buf[(t*r.batch+lo)*r.units : (t*r.batch+hi)*r.units]
}

// wide is at for a buffer as wide as all gates.
func (r *run) wide(buf []float32, t, lo, hi int) []float32 {
	width := r.c.gates() * r.units
	return buf[(t*r.batch+lo)*width : (t*r.batch+hi)*width]
}

// row returns rows lo to hi of a buffer without time.
func (r *run) row(buf []float32, lo, hi int) []float32 {
	return buf[lo*r.units : hi*r.units]
}

// moment maps a step of this direction to a position in the sequence.
func (r *run) moment(t int) int {
	if r.d.reverse {
		return r.time - 1 - t
	}
	return t
}

func (r *run) masked(t, b int) bool { return !r.x.Mask[b*r.time+r.moment(t)] }

// out returns where the state after step t goes in the output or its gradient.
func (r *run) out(buf []float32, t, b int) []float32 {
	width := r.y.Shape.Last()
	at := b*width + r.offset
	if r.sequences {
		at = (b*r.time+r.moment(t))*width + r.offset
	}
	return buf[at : at+r.units]
}

func (r *run) gatherInput() {
	n := r.features
	for b := range r.batch {
		for t := range r.time {
			from := (b*r.time + r.moment(t)) * n
			copy(r.xt[(t*r.batch+b)*n:(t*r.batch+b+1)*n], r.x.Data[from:from+n])
		}
	}
}

func (r *run) scatterInputGrad(dx []float32) {
	n := r.features
	for b := range r.batch {
		for t := range r.time {
			to := dx[(b*r.time+r.moment(t))*n:][:n]
			kernel.Add(to, to, r.xt[(t*r.batch+b)*n:(t*r.batch+b+1)*n])
		}
	}
}

func (r *run) scatterOutput() {
	first := r.time - 1
	if r.sequences {
		first = 0
	}
	for b := range r.batch {
		for t := first; t < r.time; t++ {
			copy(r.out(r.y.Data, t, b), r.at(r.h, t+1, b, b+1))
		}
	}
}
