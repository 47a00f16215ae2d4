package rows

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/zeebo/xxh3"
)

// Index finds rows by the values of their key columns. A key of one column of
// numbers, times or text is looked up as it is; any other by a hash of 128 bits
// (XXH3), where two different keys out of a billion are taken for one with a
// probability of about 10^-21. A key with a null is never found.
type Index struct {
	words  map[uint64]int32
	texts  map[string]int32
	hashes map[xxh3.Uint128]int32
}

// NewIndex returns an empty index for keys of the given types.
func NewIndex(types []arrow.DataType) *Index {
	if len(types) == 1 {
		switch id := types[0].ID(); {
		case isWord(id):
			return &Index{words: map[uint64]int32{}}
		case id == arrow.STRING:
			return &Index{texts: map[string]int32{}}
		}
	}
	return &Index{hashes: map[xxh3.Uint128]int32{}}
}

// Chain adds all rows of a batch, whose columns cols hold the keys and which must
// live as long as the index: a key finds its first row, and next[i] is the next
// row with the key of row i, -1 after the last.
func (x *Index) Chain(b arrow.RecordBatch, cols []int) (next []int32) {
	next = make([]int32, b.NumRows())
	n := len(next)
	switch {
	case x.words != nil:
		words, valid := wordsOf(b.Column(cols[0]), 0, n)
		chain(x.words, next, func(i int) (uint64, bool) { return words[i], valid(i) })
	case x.texts != nil:
		col := b.Column(cols[0]).(*array.String)
		chain(x.texts, next, func(i int) (string, bool) { return col.Value(i), col.IsValid(i) })
	default:
		var key []byte
		chain(x.hashes, next, func(i int) (h xxh3.Uint128, ok bool) {
			h, key, ok = hashKey(key, b, cols, i)
			return h, ok
		})
	}
	return next
}

// chain goes from the last row to the first, so that each chain rises.
func chain[K comparable](first map[K]int32, next []int32, key func(i int) (K, bool)) {
	for i := len(next) - 1; i >= 0; i-- {
		next[i] = -1
		k, ok := key(i)
		if !ok {
			continue
		}
		if later, found := first[k]; found {
			next[i] = later
		}
		first[k] = int32(i)
	}
}

// Find gives for each row of a batch the first row that has its key, -1 where
// there is none, on all cores.
func (x *Index) Find(b arrow.RecordBatch, cols []int) []int32 {
	n := int(b.NumRows())
	out := make([]int32, n)
	_ = parallel(partsOf(n), n, func(_, from, to int) error {
		x.find(b, cols, from, out[from:to])
		return nil
	})
	return out
}

func (x *Index) find(b arrow.RecordBatch, cols []int, from int, out []int32) {
	switch {
	case x.words != nil:
		words, valid := wordsOf(b.Column(cols[0]), from, from+len(out))
		find(x.words, out, func(i int) (uint64, bool) { return words[i], valid(i) })
	case x.texts != nil:
		col := b.Column(cols[0]).(*array.String)
		find(x.texts, out, func(i int) (string, bool) { return col.Value(from + i), col.IsValid(from + i) })
	default:
		var key []byte
		find(x.hashes, out, func(i int) (h xxh3.Uint128, ok bool) {
			h, key, ok = hashKey(key, b, cols, from+i)
			return h, ok
		})
	}
}

func find[K comparable](first map[K]int32, out []int32, key func(i int) (K, bool)) {
	for i := range out {
		out[i] = -1
		if k, ok := key(i); ok {
			if at, found := first[k]; found {
				out[i] = at
			}
		}
	}
}

// hashKey hashes the key of a row; buf is memory to use again.
func hashKey(buf []byte, b arrow.RecordBatch, cols []int, row int) (h xxh3.Uint128, again []byte, ok bool) {
	buf = buf[:0]
	for _, c := range cols {
		if b.Column(c).IsNull(row) {
			return h, buf, false
		}
		buf = AppendKey(buf, b.Column(c), row)
	}
	return xxh3.Hash128(buf), buf, true
}

func isWord(id arrow.Type) bool {
	switch id {
	case arrow.INT64, arrow.INT32, arrow.INT16, arrow.INT8, arrow.UINT64, arrow.UINT32, arrow.UINT16, arrow.UINT8,
		arrow.FLOAT64, arrow.FLOAT32, arrow.DATE32, arrow.TIMESTAMP:
		return true
	}
	return false
}

// wordsOf gives rows from to to of a column for which isWord holds, in words that
// are equal where the values are. As for AppendKey the two zeros are one value
// and all NaNs are.
func wordsOf(col arrow.Array, from, to int) (words []uint64, valid func(i int) bool) {
	valid = func(i int) bool { return col.IsValid(from + i) }
	if col.NullN() == 0 {
		valid = func(int) bool { return true }
	}
	switch c := col.(type) {
	case *array.Int64:
		words = widen(c.Int64Values()[from:to])
	case *array.Int32:
		words = widen(c.Int32Values()[from:to])
	case *array.Int16:
		words = widen(c.Int16Values()[from:to])
	case *array.Int8:
		words = widen(c.Int8Values()[from:to])
	case *array.Uint64:
		words = c.Uint64Values()[from:to]
	case *array.Uint32:
		words = widen(c.Uint32Values()[from:to])
	case *array.Uint16:
		words = widen(c.Uint16Values()[from:to])
	case *array.Uint8:
		words = widen(c.Uint8Values()[from:to])
	case *array.Date32:
		words = widen(c.Date32Values()[from:to])
	case *array.Timestamp:
		words = widen(c.TimestampValues()[from:to])
	case *array.Float64:
		words = make([]uint64, to-from)
		for i, v := range c.Float64Values()[from:to] {
			words[i] = floatBits(v)
		}
	case *array.Float32:
		words = make([]uint64, to-from)
		for i, v := range c.Float32Values()[from:to] {
			words[i] = floatBits(float64(v))
		}
	}
	return words, valid
}

func widen[T ~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32](values []T) []uint64 {
	out := make([]uint64, len(values))
	for i, v := range values {
		out[i] = uint64(v)
	}
	return out
}
