package stages

import (
	"encoding/binary"
	"math"
)

// exampleRows holds what a network reads: rows of token ids or of numbers, all of one
// width. Many are mostly zero, as word counts and short texts are: a row with few other
// words keeps only those and their places, and is written out when its batch is made.
type exampleRows struct {
	width  int
	words  *spill // little-endian words of four bytes: values, then places
	places []rowPlace
	record []byte
}

// rowPlace is where a row begins, and how many values it has: all, or those that are
// not zero, behind which their places are.
type rowPlace struct {
	at     int64
	values int32
}

// add takes rows that lie one after the other; word gives element i.
func (r *exampleRows) add(n int, word func(i int) uint32) error {
	for first := 0; first < n; first += r.width {
		filled := 0
		for i := range r.width {
			if word(first+i) != 0 {
				filled++
			}
		}
		sparse := 2*filled < r.width // else places would take more than the zeros
		if !sparse {
			filled = r.width
		}
		r.record = r.record[:0]
		for i := range r.width {
			if w := word(first + i); w != 0 || !sparse {
				r.record = binary.LittleEndian.AppendUint32(r.record, w)
			}
		}
		for i := range r.width {
			if sparse && word(first+i) != 0 {
				r.record = binary.LittleEndian.AppendUint32(r.record, uint32(i))
			}
		}
		r.places = append(r.places, rowPlace{r.words.size, int32(filled)})
		if _, err := r.words.Write(r.record); err != nil {
			return err
		}
	}
	return nil
}

func (r *exampleRows) addIDs(ids []int32) error {
	return r.add(len(ids), func(i int) uint32 { return uint32(ids[i]) })
}

func (r *exampleRows) addNumbers(x []float32) error {
	return r.add(len(x), func(i int) uint32 { return math.Float32bits(x[i]) })
}

// ids fills dst, which has the width of a row, with row i.
func (r *exampleRows) ids(dst []int32, i int) error {
	clear(dst)
	return r.read(i, func(at int, word uint32) { dst[at] = int32(word) })
}

// numbers fills dst, which has the width of a row, with row i.
func (r *exampleRows) numbers(dst []float32, i int) error {
	clear(dst)
	return r.read(i, func(at int, word uint32) { dst[at] = math.Float32frombits(word) })
}

// read gives the words of row i with their places; those that it leaves out are zero.
func (r *exampleRows) read(i int, set func(at int, word uint32)) error {
	p := r.places[i]
	n := int(p.values)
	size := 4 * n
	if n < r.width {
		size *= 2
	}
	if cap(r.record) < size {
		r.record = make([]byte, size)
	}
	record := r.record[:size]
	if err := r.words.ReadAt(record, p.at); err != nil {
		return err
	}
	values, places := record[:4*n], record[4*n:]
	for j := range n {
		at := j
		if len(places) > 0 {
			at = int(binary.LittleEndian.Uint32(places[4*j:]))
		}
		set(at, binary.LittleEndian.Uint32(values[4*j:]))
	}
	return nil
}
