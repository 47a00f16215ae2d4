package nn

// Sequences of different lengths need no padding where they lie one behind the other.
// Such a ragged tensor is (1, rows, features); sequence i is its rows begins[i] to
// begins[i+1]. Layers that work row by row see no difference; those that work on
// sequences ask for them here.

// sequences is how many sequences t has.
func (t *Tensor) sequences() int {
	if t.begins == nil {
		return t.Shape[0]
	}
	return len(t.begins) - 1
}

// sequence returns the first row of sequence i and how many it has.
func (t *Tensor) sequence(i int) (first, length int) {
	if t.begins == nil {
		return i * t.Shape[1], t.Shape[1]
	}
	return t.begins[i], t.begins[i+1] - t.begins[i]
}

// longest is the length of the longest sequence.
func (t *Tensor) longest() (most int) {
	if t.begins == nil {
		return t.Shape[1]
	}
	for i := range t.sequences() {
		_, length := t.sequence(i)
		most = max(most, length)
	}
	return most
}

// ragged returns ids of each row of x, (batch, time): of row i the length(i) from
// first on.
func ragged(p *Pass, x *Tensor, first int, length func(i int) int) *Tensor {
	batch, time := x.Shape[0], x.Shape[1]
	begins := p.dims.take(batch + 1)
	begins[0] = 0
	for i := range batch {
		begins[i+1] = begins[i] + length(i)
	}
	y := p.Tokens(1, begins[batch])
	y.begins = begins
	for i := range batch {
		copy(y.IDs[begins[i]:begins[i+1]], x.IDs[i*time+first:])
	}
	return y
}

// unpadded is how many ids there are without the zeros at their end.
func unpadded(ids []int32) int {
	n := len(ids)
	for n > 0 && ids[n-1] == 0 {
		n--
	}
	return n
}
