package nn

import (
	"math"

	"pipe/stages/nn/kernel"
)

// update is how a step changes the weights by their gradients. The parameters are
// cut into pieces; the cores take one after the other and do all that is to be done
// with a piece while it lies in the cache: its share of the gradients' norm, the
// optimizer's step, and setting its gradient back to 0. How they are cut depends on
// their sizes only, so the norm has the same bits on any number of cores.
type update struct {
	optimizer Optimizer
	pieces    []piece
	squares   []float64 // of the gradients, summed by piece
	begun     bool      // gradients may not be 0

	step          int
	factor, scale float32
	known         bool // whether squares is

	measured, applied func(lo, hi int) // made once, so that later steps allocate nothing
}

// piece is some elements of a parameter, of its gradient and of its slots.
type piece struct {
	Param
	slots [][]float32
}

// pieceSize is how many elements a piece has: with its slots, a quarter of a core's cache.
const pieceSize = 1 << 14

func newUpdate(o Optimizer, params []*Param, slots [][][]float32) *update {
	u := &update{optimizer: o}
	for i, p := range params {
		for lo := 0; lo < len(p.Data); lo += pieceSize {
			hi := min(lo+pieceSize, len(p.Data))
			q := piece{Param: *p}
			q.Data, q.Grad = p.Data[lo:hi], p.Grad[lo:hi]
			for _, s := range slots[i] {
				q.slots = append(q.slots, s[lo:hi])
			}
			u.pieces = append(u.pieces, q)
		}
	}
	u.squares = make([]float64, len(u.pieces))
	u.measured, u.applied = u.measure, u.apply
	return u
}

// begin makes the gradients 0 where a step has been left in its middle.
func (u *update) begin() {
	if u.begun {
		for i := range u.pieces {
			clear(u.pieces[i].Grad)
		}
	}
	u.begun = true
}

// finish makes step number step of the optimizer and returns the norm that all
// gradients together had. With a limit above 0 they are scaled down to that norm
// first (Pascanu et al. 2013).
func (u *update) finish(step int, factor, limit float64) (norm float64) {
	u.step, u.factor, u.scale, u.known = step, float32(factor), 1, limit > 0
	if u.known {
		kernel.Parallel(len(u.pieces), 1, u.measured)
		if norm := u.norm(); norm > limit {
			u.scale = float32(limit / norm)
		}
	}
	kernel.Parallel(len(u.pieces), 1, u.applied)
	u.begun = false
	return u.norm()
}

func (u *update) norm() float64 {
	var sum float64
	for _, s := range u.squares {
		sum += s
	}
	return math.Sqrt(sum)
}

func (u *update) measure(lo, hi int) {
	for i := lo; i < hi; i++ {
		u.squares[i] = float64(kernel.Dot(u.pieces[i].Grad, u.pieces[i].Grad))
	}
}

func (u *update) apply(lo, hi int) {
	for i := lo; i < hi; i++ {
		q := &u.pieces[i]
		if !u.known {
			u.measure(i, i+1)
		}
		if u.scale != 1 {
			kernel.Scale(u.scale, q.Grad)
		}
		u.optimizer.Update(&q.Param, q.slots, u.step, u.factor)
		clear(q.Grad)
	}
}
