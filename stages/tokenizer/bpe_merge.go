package tokenizer

import "container/heap"

// merged makes all merges in a word: always the earliest learnt, and of equal ones
// the leftmost. A heap of what may be merged keeps long words, as a text without
// pre-tokenizer is one, from taking the square of their length.
func (m *bpe) merged(ids []int32) []int32 {
	if len(ids) < 2 {
		return ids
	}
	w := &mergeWord{ids: ids, next: make([]int, len(ids)), prev: make([]int, len(ids))}
	for i := range ids {
		w.prev[i], w.next[i] = i-1, i+1
	}
	for i := range len(ids) - 1 {
		w.offer(m, i)
	}
	heap.Init(&w.queue)
	for len(w.queue) > 0 {
		c := heap.Pop(&w.queue).(candidate)
		right := w.next[c.at]
		if ids[c.at] != c.pair.left || right >= len(ids) || ids[right] != c.pair.right {
			continue // one of the two has been merged since
		}
		ids[c.at], ids[right] = c.id, gone
		after := w.next[right]
		w.next[c.at] = after
		if after < len(ids) {
			w.prev[after] = c.at
			w.push(m, c.at)
		}
		if before := w.prev[c.at]; before >= 0 {
			w.push(m, before)
		}
	}
	out := ids[:0]
	for i := 0; i < len(ids); i = w.next[i] {
		out = append(out, ids[i])
	}
	return out
}

// gone marks a symbol that was merged into the one before it.
const gone = -1

// mergeWord is a word while it is merged: a list of symbols with links to the
// neighbours that are left.
type mergeWord struct {
	ids        []int32
	next, prev []int
	queue      mergeQueue
}

type candidate struct {
	merge
	pair pair
	at   int
}

func (w *mergeWord) candidate(m *bpe, at int) (candidate, bool) {
	right := w.next[at]
	if right >= len(w.ids) {
		return candidate{}, false
	}
	p := pair{w.ids[at], w.ids[right]}
	found, ok := m.merges[p]
	return candidate{found, p, at}, ok
}

func (w *mergeWord) offer(m *bpe, at int) {
	if c, ok := w.candidate(m, at); ok {
		w.queue = append(w.queue, c)
	}
}

func (w *mergeWord) push(m *bpe, at int) {
	if c, ok := w.candidate(m, at); ok {
		heap.Push(&w.queue, c)
	}
}

// mergeQueue implements heap.Interface.
type mergeQueue []candidate

func (q mergeQueue) Len() int { return len(q) }
func (q mergeQueue) Less(i, j int) bool {
	return q[i].rank < q[j].rank || q[i].rank == q[j].rank && q[i].at < q[j].at
}
func (q mergeQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push implements heap.Interface.
func (q *mergeQueue) Push(x any) { *q = append(*q, x.(candidate)) }

// Pop implements heap.Interface.
func (q *mergeQueue) Pop() any {
	old := *q
	c := old[len(old)-1]
	*q = old[:len(old)-1]
	return c
}
