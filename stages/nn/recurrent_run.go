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
//
// A training pass keeps the states of all steps for the way back. Any other pass
// keeps the current ones only, and leaves out the steps that spans says are known.
type run struct {
	p         *Pass
	x, y      *Tensor
	c         cell
	d         *direction
	sequences bool
	initial   States // begun with, in place of the direction's own; without H there are none
	final     States // what takes the states after the last step; without H nobody asks

	batch, time, features, units, offset int

	spans
	stride int // rows from one state to the next: batch, or 0 where each takes the place of the last

	xt           []float32       // input, (time·batch, features)
	rows         []float32       // what the input gives each distinct token; gradients after backward
	index        []int32         // which of rows each position has; nil where gates has it already
	hh, ownT     kernel.PackedB  // weight_hh and, where hhT is not the network's, its transpose
	hhT          *kernel.PackedB // the transpose, packed once for all steps
	gates        []float32       // (time·batch, gates·units); their gradients after backward
	h            []float32       // states, (time+1)·batch × units
	c0           []float32       // LSTM: cell states, as h
	tanhC        []float32       // LSTM: (time·batch, units)
	recurrent    []float32       // GRU: h·weight_hhᵀ + bias_hh, as gates
	dh, dc       []float32       // gradients of the current state, (batch, units)
	keepH, keepC []float32       // what masked rows of the states, and of dh and dc, must remain

	dx    []float32 // gradient of the input
	blank bool      // whether that holds nothing yet

	ahead, back, gather, scatter, sum func(lo, hi int) // made once, so that later passes allocate nothing
}

func (r *run) prepare(p *Pass, x, y *Tensor, c cell, d *direction, units, offset int, sequences bool) {
	r.p, r.x, r.y, r.c, r.d, r.sequences = p, x, y, c, d, sequences
	r.batch, r.time, r.features, r.units, r.offset = x.Shape[0], x.Shape[1], x.Shape[2], units, offset
	keeps := p.train || p.learns != nil
	r.spans.set(p, x, d, !keeps, r.initial.H == nil)
	r.stride = 0
	if keeps {
		r.stride = r.batch
	}
	steps := r.steps()
	r.gates = p.floats.take(steps * c.gates() * units)
	r.h = r.states()
	r.c0, r.tanhC, r.recurrent, r.keepH, r.keepC = nil, nil, nil, nil, nil
	if x.Mask != nil {
		r.keepH, r.keepC = p.floats.take(r.batch*units), p.floats.take(r.batch*units)
	}
	if r.ahead == nil {
		r.ahead, r.back, r.gather, r.scatter, r.sum = r.rowsForward, r.rowsBackward, r.stepsOfInput, r.rowsOfInputGrad, r.sumTokens
	}
}

// states returns a buffer of the states that the run keeps.
func (r *run) states() []float32 {
	return r.p.floats.take((r.time*r.stride + r.batch) * r.units)
}

// split runs f on the rows of the batch, one range for each core: smaller ones
// would read the recurrent weights more often.
func (r *run) split(f func(lo, hi int)) {
	kernel.Parallel(r.batch, max(4, r.batch/runtime.GOMAXPROCS(0)), f)
}

func (r *run) forward() {
	r.project()
	if s, ok := r.c.(interface{ prepare(*run) }); ok {
		s.prepare(r)
	}
	r.begin()
	r.hhT = r.p.packs.transposed(&r.ownT, r.d.weightHH, 0, r.units, r.c.gates()*r.units)
	r.split(r.ahead)
	r.end()
}

// project computes the input's part of the pre-activations of all steps, or says where
// the steps find it.
func (r *run) project() {
	packs, embedding := r.p.packs, r.x.embedding
	r.rows, r.index = nil, nil
	if d := r.x.distinct; d != nil {
		r.rows, r.index = r.p.floats.take(d.count()*r.c.gates()*r.units), d.row
		r.d.project(r.rows, r.x.Data, d.count(), nil)
		return
	}
	if packs == nil {
		r.gatherInput()
		r.d.project(r.gates, r.xt, r.steps(), nil)
		return
	}
	weights := packs.transposed(nil, r.d.weightIH, 0, r.features, r.c.gates()*r.units)
	var table *projections
	if embedding != nil {
		table = packs.projections(r.d, embedding)
	}
	if table == nil {
		r.gatherInput()
		r.d.project(r.gates, r.xt, r.steps(), weights)
		return
	}
	table.ensure(r.x.IDs, r.d, embedding, weights)
	r.rows, r.index = table.rows, r.x.IDs
}

// take copies the input's part of step t from where it is known, just before it is used.
func (r *run) take(t, lo, hi int) {
	width := r.c.gates() * r.units
	to := r.wide(r.gates, t, lo, hi)
	for i := lo; i < hi; i++ {
		row := int(r.index[r.order[i]*r.time+r.moment(t)])
		copy(to[(i-lo)*width:], r.rows[row*width:(row+1)*width])
	}
}

// begin puts the state before each row's first step in its place.
func (r *run) begin() {
	for i := range r.batch {
		putState(r.at(r.h, 0, i, i+1), r.initialRow(r.initial.H, r.d.h0, i))
		if r.c0 != nil {
			putState(r.at(r.c0, 0, i, i+1), r.initialRow(r.initial.C, r.d.c0, i))
		}
	}
	if r.p.past != nil {
		r.p.past.resume(r)
	}
	if r.known == nil {
		return
	}
	for i := range r.batch {
		copy(r.at(r.h, 0, i, i+1), r.known.h[r.first[i]*r.units:])
		if r.c0 != nil {
			copy(r.at(r.c0, 0, i, i+1), r.known.c[r.first[i]*r.units:])
		}
	}
}

// putState writes an initial state, nil for zeros.
func putState(dst, state []float32) {
	if state == nil {
		clear(dst)
		return
	}
	copy(dst, state)
}

// initialRow returns what row i begins with: its row of given, else the direction's own
// state, else nil for zeros.
func (r *run) initialRow(given *Tensor, own *Param, i int) []float32 {
	if given != nil {
		return r.stateRow(given, given.Data, i)
	}
	return own.data()
}

// stateRow returns this direction's part of row i of a tensor of states, or of its
// gradient.
func (r *run) stateRow(t *Tensor, buf []float32, i int) []float32 {
	return buf[r.order[i]*t.Shape.Last()+r.offset:][:r.units]
}

// end hands the states on.
func (r *run) end() {
	switch p := r.p; {
	case p.past != nil:
		p.past.keep(r)
	case p.learns != nil:
		p.learns.keep(r)
	}
	r.scatterOutput()
	if r.final.H == nil {
		return
	}
	for i := range r.batch {
		copy(r.stateRow(r.final.H, r.final.H.Data, i), r.at(r.h, r.time, i, i+1))
		if r.c0 != nil {
			copy(r.stateRow(r.final.C, r.final.C.Data, i), r.at(r.c0, r.time, i, i+1))
		}
	}
}

func (r *run) rowsForward(lo, hi int) {
	for t := range r.time {
		hi := min(hi, r.active(t))
		if lo >= hi {
			continue
		}
		if r.x.Mask != nil {
			copy(r.row(r.keepH, lo, hi), r.at(r.h, t, lo, hi))
			if r.c0 != nil {
				copy(r.row(r.keepC, lo, hi), r.at(r.c0, t, lo, hi))
			}
		}
		if r.index != nil {
			r.take(t, lo, hi)
		}
		r.c.forward(r, t, lo, hi)
		for i := lo; i < hi; i++ {
			if r.x.Mask != nil && r.masked(t, i) {
				copy(r.at(r.h, t+1, i, i+1), r.row(r.keepH, i, i+1))
				if r.c0 != nil {
					copy(r.at(r.c0, t+1, i, i+1), r.row(r.keepC, i, i+1))
				}
			}
			if r.sequences {
				copy(r.out(r.y.Data, t, i), r.at(r.h, t+1, i, i+1))
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
	r.takeFinalGrad(r.final.H, r.dh)
	r.takeFinalGrad(r.final.C, r.dc)
	r.hh.Pack(false, r.c.gates()*r.units, r.units, r.d.weightHH.Data, r.units)
	r.split(r.back)

	r.addInitialGrad(r.initial.H, r.d.h0, r.dh)
	r.addInitialGrad(r.initial.C, r.d.c0, r.dc)
	if r.x.distinct != nil {
		r.backwardTokens()
		return
	}
	steps, width := r.time*r.batch, r.c.gates()*r.units
	if r.recurrent == nil {
		kernel.AddAffineGrads(r.d.weightIH.Grad, r.d.weightHH.Grad, r.d.bias.gradient(), r.gates, r.xt, r.h, steps, width, r.features, r.units)
	} else {
		kernel.AddAffineGrad(r.d.weightIH.Grad, r.d.bias.gradient(), r.gates, r.xt, steps, width, r.features)
		kernel.AddAffineGrad(r.d.weightHH.Grad, r.d.biasHH.gradient(), r.recurrent, r.h, steps, width, r.units)
	}
	if r.dx, r.blank = r.x.blankGradient(); r.dx != nil {
		// xt is not needed any more and takes its own gradient.
		kernel.Gemm(false, false, steps, r.features, width, 1, r.gates, width, r.d.weightIH.Data, r.features, 0, r.xt, r.features)
		kernel.Parallel(r.batch, rowGrain(r.time*r.features), r.scatter)
	}
}

// takeFinalGrad begins the way back with what the states after the last step were used
// for.
func (r *run) takeFinalGrad(last *Tensor, to []float32) {
	if last == nil || last.grad == nil {
		return
	}
	for i := range r.batch {
		copy(r.row(to, i, i+1), r.stateRow(last, last.grad, i))
	}
}

// addInitialGrad hands the gradient of the initial states on to where they came from.
func (r *run) addInitialGrad(given *Tensor, own *Param, grad []float32) {
	if given == nil {
		addColumns(r.p, own, grad, r.batch)
		return
	}
	to := given.gradient()
	for i := 0; to != nil && i < r.batch; i++ {
		row := r.stateRow(given, to, i)
		kernel.Add(row, row, r.row(grad, i, i+1))
	}
}

// backwardTokens adds the gradients of the weights and of the input where that has a row
// for each distinct token.
func (r *run) backwardTokens() {
	tokens, steps, width := r.x.distinct.count(), r.time*r.batch, r.c.gates()*r.units
	recurrent := r.gates
	if r.recurrent != nil {
		recurrent = r.recurrent
	}
	kernel.AddAffineGrad(r.d.weightHH.Grad, r.d.biasHH.gradient(), recurrent, r.h, steps, width, r.units)
	kernel.Parallel(width, max(columnGrain, width/runtime.GOMAXPROCS(0)), r.sum)
	kernel.AddAffineGrad(r.d.weightIH.Grad, r.d.bias.gradient(), r.rows, r.x.Data, tokens, width, r.features)
	if dx, blank := r.x.blankGradient(); dx != nil {
		beta := float32(1)
		if blank {
			beta = 0
		}
		kernel.Gemm(false, false, tokens, r.features, width, 1, r.rows, width, r.d.weightIH.Data, r.features, beta, dx, r.features)
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

// at returns rows lo to hi of state t of a buffer of states.
func (r *run) at(buf []float32, t, lo, hi int) []float32 {
	return buf[(t*r.stride+lo)*r.units : (t*r.stride+hi)*r.units]
}

// wide returns rows lo to hi of step t of a buffer as wide as all gates.
func (r *run) wide(buf []float32, t, lo, hi int) []float32 {
	width := r.c.gates() * r.units
	return buf[(r.offsets[t]+lo)*width : (r.offsets[t]+hi)*width]
}

// row returns rows lo to hi of a buffer without time.
func (r *run) row(buf []float32, lo, hi int) []float32 {
	return buf[lo*r.units : hi*r.units]
}

func (r *run) moment(t int) int { return r.d.moment(t, r.time) }

func (r *run) masked(t, i int) bool { return !r.x.Mask[r.order[i]*r.time+r.moment(t)] }

// out returns where the state after step t of row i goes in the output or its
// gradient.
func (r *run) out(buf []float32, t, i int) []float32 {
	width := r.y.Shape.Last()
	at := r.order[i]*width + r.offset
	if r.sequences {
		at = (r.order[i]*r.time+r.moment(t))*width + r.offset
	}
	return buf[at : at+r.units]
}

func (r *run) gatherInput() {
	r.xt = r.p.floats.take(r.steps() * r.features)
	kernel.Parallel(r.time, rowGrain(r.batch*r.features), r.gather)
}

// stepsOfInput copies the input of steps lo to hi.
func (r *run) stepsOfInput(lo, hi int) {
	n := r.features
	for t := lo; t < hi; t++ {
		to := r.xt[r.offsets[t]*n:]
		for i := range r.active(t) {
			from := (r.order[i]*r.time + r.moment(t)) * n
			copy(to[i*n:(i+1)*n], r.x.Data[from:from+n])
		}
	}
}

// rowsOfInputGrad hands on the gradient of the input of rows lo to hi.
func (r *run) rowsOfInputGrad(lo, hi int) {
	n := r.features
	for b := lo; b < hi; b++ {
		for t := range r.time {
			to, from := r.dx[(b*r.time+r.moment(t))*n:][:n], r.xt[(t*r.batch+b)*n:][:n]
			if r.blank {
				copy(to, from)
			} else {
				kernel.Add(to, to, from)
			}
		}
	}
}

// scatterOutput writes the last states or, of a sequence, those of the steps that
// were left out.
func (r *run) scatterOutput() {
	for i := range r.batch {
		last := r.at(r.h, r.time, i, i+1)
		if !r.sequences {
			copy(r.out(r.y.Data, r.time-1, i), last)
			continue
		}
		for t := range r.first[i] {
			if r.known == nil {
				putState(r.out(r.y.Data, t, i), r.initialRow(r.initial.H, r.d.h0, i))
			} else {
				copy(r.out(r.y.Data, t, i), r.known.h[(t+1)*r.units:])
			}
		}
		for t := r.last[i]; t < r.time; t++ {
			copy(r.out(r.y.Data, t, i), last)
		}
	}
}
