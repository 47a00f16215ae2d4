package nn

// arena hands out slices of one slab and takes them all back at once. The first
// round may need several slabs; reset then makes one that holds a whole round,
// so that later rounds of the same size allocate nothing.
type arena[T any] struct {
	slab []T
	used int // of the current slab
	need int // of this round
}

// arenaAlign keeps each slice on a cache line of its own where T is float32, so
// that vector loads do not straddle lines.
const arenaAlign = 16

// take returns n elements with whatever content an earlier round left in them.
func (a *arena[T]) take(n int) []T {
	size := (n + arenaAlign - 1) / arenaAlign * arenaAlign
	a.need += size
	if a.used+size > len(a.slab) {
		a.slab = make([]T, max(size, 2*len(a.slab)))
		a.used = 0
	}
	s := a.slab[a.used : a.used+n : a.used+n]
	a.used += size
	return s
}

func (a *arena[T]) reset() {
	if a.need > len(a.slab) {
		a.slab = make([]T, a.need)
	}
	a.used, a.need = 0, 0
}
