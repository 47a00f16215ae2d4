// Package rows owns what table stages do with single rows of Arrow batches:
// picking some of them, reading a row's values, and the identity of values for
// finding duplicates, groups and partners. It knows the closed set of column
// types that package table yields.
package rows

import (
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Take gives the rows of a batch at indices, in that order. An index may come
// several times; -1 gives a row of nulls. The caller releases the result.
func Take(batch arrow.RecordBatch, indices []int) arrow.RecordBatch {
	if isAll(indices, int(batch.NumRows())) {
		batch.Retain()
		return batch
	}
	cols := make([]arrow.Array, batch.NumCols())
	parts := min(len(cols), partsOf(len(indices)))
	_ = parallel(parts, len(cols), func(_, from, to int) error {
		for i := from; i < to; i++ {
			cols[i] = TakeColumn(batch.Column(i), indices)
		}
		return nil
	})
	defer func() {
		for _, c := range cols {
			c.Release()
		}
	}()
	return array.NewRecordBatch(batch.Schema(), cols, int64(len(indices)))
}

// isAll tells whether the indices are those of n rows in their order.
func isAll(indices []int, n int) bool {
	if len(indices) != n {
		return false
	}
	for i, at := range indices {
		if at != i {
			return false
		}
	}
	return true
}

// TakeColumn is Take of one column.
func TakeColumn(col arrow.Array, indices []int) arrow.Array {
	d := take(col.Data(), indices)
	defer d.Release()
	return array.MakeFromData(d)
}

// TextBytes is the number of bytes of the largest column of text or binary data
// that Take would give; 0 for a nil batch.
func TextBytes(batch arrow.RecordBatch, indices []int) int64 {
	if batch == nil {
		return 0
	}
	most := int64(0)
	for _, col := range batch.Columns() {
		switch col.DataType().ID() {
		case arrow.STRING, arrow.BINARY:
			from, n := offsetsOf(col.Data()), int64(0)
			for _, i := range indices {
				if i >= 0 {
					n += int64(from[i+1] - from[i])
				}
			}
			most = max(most, n)
		}
	}
	return most
}

func take(src arrow.ArrayData, indices []int) arrow.ArrayData {
	valid, nulls := takeValidity(src, indices)
	buffers := []*memory.Buffer{valid}
	var children []arrow.ArrayData
	switch t := src.DataType().(type) {
	case *arrow.BooleanType:
		buffers = append(buffers, takeBits(src, indices))
	case *arrow.StringType, *arrow.BinaryType:
		offsets, values := takeBytes(src, indices)
		buffers = append(buffers, offsets, values)
	case *arrow.ListType:
		offsets, child := takeList(src, indices)
		buffers, children = append(buffers, offsets), append(children, child)
	case *arrow.FixedSizeListType:
		children = append(children, takeFixedList(src, indices, int(t.Len())))
	case *arrow.StructType:
		at := shift(indices, src.Offset())
		for _, c := range src.Children() {
			children = append(children, take(c, at))
		}
	case arrow.FixedWidthDataType:
		buffers = append(buffers, takeFixed(src, indices, t.BitWidth()/8))
	default:
		panic(fmt.Sprintf("rows: a table holds no %s", t))
	}
	d := array.NewData(src.DataType(), len(indices), buffers, children, nulls, 0)
	for _, b := range buffers {
		if b != nil {
			b.Release()
		}
	}
	for _, c := range children {
		c.Release()
	}
	return d
}

// takeValidity gives the bitmap of what is not null, nil where nothing is.
func takeValidity(src arrow.ArrayData, indices []int) (*memory.Buffer, int) {
	var bits []byte
	if b := src.Buffers()[0]; b != nil && src.NullN() != 0 {
		bits = b.Bytes()
	}
	if bits == nil && !slices.ContainsFunc(indices, func(i int) bool { return i < 0 }) {
		return nil, 0
	}
	out := make([]byte, bitutil.BytesForBits(int64(len(indices))))
	nulls := len(indices)
	for to, i := range indices {
		if i >= 0 && (bits == nil || bitutil.BitIsSet(bits, src.Offset()+i)) {
			out[to/8] |= 1 << (to % 8)
			nulls--
		}
	}
	if nulls == 0 {
		return nil, 0
	}
	return memory.NewBufferBytes(out), nulls
}

func takeBits(src arrow.ArrayData, indices []int) *memory.Buffer {
	out := make([]byte, bitutil.BytesForBits(int64(len(indices))))
	bits := bytesOf(src.Buffers()[1])
	for to, i := range indices {
		if i >= 0 && bitutil.BitIsSet(bits, src.Offset()+i) {
			bitutil.SetBit(out, to)
		}
	}
	return memory.NewBufferBytes(out)
}

func takeFixed(src arrow.ArrayData, indices []int, width int) *memory.Buffer {
	b := bytesOf(src.Buffers()[1])
	switch width {
	case 4:
		return takeElements(arrow.GetData[uint32](b), src.Offset(), indices)
	case 8:
		return takeElements(arrow.GetData[uint64](b), src.Offset(), indices)
	}
	out := make([]byte, len(indices)*width)
	for to, i := range indices {
		if i >= 0 {
			copy(out[to*width:(to+1)*width], b[(src.Offset()+i)*width:])
		}
	}
	return memory.NewBufferBytes(out)
}

func takeElements[T arrow.FixedWidthType](values []T, offset int, indices []int) *memory.Buffer {
	out := make([]T, len(indices))
	for to, i := range indices {
		if i >= 0 {
			out[to] = values[offset+i]
		}
	}
	return memory.NewBufferBytes(arrow.GetBytes(out))
}

func takeBytes(src arrow.ArrayData, indices []int) (offsets, values *memory.Buffer) {
	from := offsetsOf(src)
	total := 0
	to := make([]int32, len(indices)+1)
	for n, i := range indices {
		if i >= 0 {
			total += int(from[i+1] - from[i])
		}
		to[n+1] = int32(total)
	}
	out := make([]byte, total)
	b := bytesOf(src.Buffers()[2])
	for n, i := range indices {
		if i >= 0 {
			copy(out[to[n]:], b[from[i]:from[i+1]])
		}
	}
	return memory.NewBufferBytes(arrow.GetBytes(to)), memory.NewBufferBytes(out)
}

func takeList(src arrow.ArrayData, indices []int) (*memory.Buffer, arrow.ArrayData) {
	from := offsetsOf(src)
	to := make([]int32, len(indices)+1)
	var elements []int
	for n, i := range indices {
		if i >= 0 {
			for e := from[i]; e < from[i+1]; e++ {
				elements = append(elements, int(e))
			}
		}
		to[n+1] = int32(len(elements))
	}
	return memory.NewBufferBytes(arrow.GetBytes(to)), take(src.Children()[0], elements)
}

func takeFixedList(src arrow.ArrayData, indices []int, size int) arrow.ArrayData {
	elements := make([]int, 0, len(indices)*size)
	for _, i := range indices {
		for e := range size {
			if i < 0 {
				elements = append(elements, -1)
			} else {
				elements = append(elements, (src.Offset()+i)*size+e)
			}
		}
	}
	return take(src.Children()[0], elements)
}

// offsetsOf gives the int32 offsets of a list or of bytes, from the slice's
// first row. Arrow allows an empty array to have none.
func offsetsOf(src arrow.ArrayData) []int32 {
	b := bytesOf(src.Buffers()[1])
	if len(b) == 0 {
		return []int32{0}
	}
	return arrow.GetData[int32](b)[src.Offset():]
}

func shift(indices []int, by int) []int {
	if by == 0 {
		return indices
	}
	out := make([]int, len(indices))
	for n, i := range indices {
		out[n] = i
		if i >= 0 {
			out[n] += by
		}
	}
	return out
}

func bytesOf(b *memory.Buffer) []byte {
	if b == nil {
		return nil
	}
	return b.Bytes()
}

// Valid keeps those of the rows of a column that are not null, in place.
func Valid(col arrow.Array, rows []int) []int {
	if col.NullN() == 0 {
		return rows
	}
	bits, offset := col.NullBitmapBytes(), col.Data().Offset()
	return slices.DeleteFunc(rows, func(i int) bool { return bitutil.BitIsNotSet(bits, offset+i) })
}
