package schedule

import "container/heap"

// wakeHeap orders entries by when the engine must look at them.
type wakeHeap []*entry

func (h wakeHeap) Len() int           { return len(h) }
func (h wakeHeap) Less(i, j int) bool { return h[i].wake.Before(h[j].wake) }
func (h wakeHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i]; h[i].place, h[j].place = i, j }

// Push implements heap.Interface.
func (h *wakeHeap) Push(x any) {
	e := x.(*entry)
	e.place = len(*h)
	*h = append(*h, e)
}

// Pop implements heap.Interface.
func (h *wakeHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1], *h = nil, old[:len(old)-1]
	e.place = -1
	return e
}

// put gives an entry its place, or takes it out where it has nothing to wait
// for.
func (h *wakeHeap) put(e *entry) {
	switch {
	case e.wake.IsZero() && e.place >= 0:
		heap.Remove(h, e.place)
	case e.wake.IsZero():
	case e.place >= 0:
		heap.Fix(h, e.place)
	default:
		heap.Push(h, e)
	}
}
