package table

import (
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// column collects the values of one column of a text file until a batch is full.
type column interface {
	// append parses the cells of column col in rows from to to of b. With a message it
	// failed at row bad.
	append(b *block, col, from, to int) (bad int, msg string)
	// size is the bytes collected so far.
	size() int64
	// finish hands over what was collected and starts afresh.
	finish() arrow.ArrayData
}

// validity is an Arrow validity bitmap that comes into being with the first null.
type validity struct {
	bits  []byte
	nulls int
}

// null notes that value i is null. Values are noted in ascending order.
func (v *validity) null(i int) {
	v.cover(i + 1)
	bitutil.ClearBit(v.bits, i)
	v.nulls++
}

// cover makes the bitmap n values long, with ones where nothing was noted.
func (v *validity) cover(n int) {
	for len(v.bits)*8 < n {
		v.bits = append(v.bits, 0xff)
	}
}

// buffer hands over the bitmap of n values, or nil where all are valid.
func (v *validity) buffer(n int) (*memory.Buffer, int) {
	if v.nulls == 0 {
		return nil, 0
	}
	v.cover(n)
	b, nulls := memory.NewBufferBytes(v.bits), v.nulls
	*v = validity{}
	return b, nulls
}

// fixedColumn holds values of a fixed width.
type fixedColumn[T any] struct {
	typ   arrow.DataType
	kinds kinds
	parse func([]byte) (T, bool)
	fault func([]byte) string
	vals  []T
	valid validity
	last  int // values of the previous batch: a good capacity for this one
}

func (c *fixedColumn[T]) append(b *block, col, from, to int) (int, string) {
	if c.vals == nil {
		c.vals = make([]T, 0, max(c.last, to-from))
	}
	var zero T
	for row := from; row < to; row++ {
		at := &b.cells[row*b.cols+col]
		raw := b.buf[at.off:at.end]
		if at.kind == cellNull || len(raw) == 0 && at.kind == cellQuoted {
			c.valid.null(len(c.vals))
			c.vals = append(c.vals, zero)
			continue
		}
		if at.kind == cellEscaped {
			raw = b.text(*at)
		}
		v, ok := c.parse(raw)
		if !ok || !c.kinds.has(at.kind) {
			return row, c.fault(raw)
		}
		c.vals = append(c.vals, v)
	}
	return 0, ""
}

func (c *fixedColumn[T]) size() int64 {
	var zero T
	return int64(len(c.vals)) * int64(unsafe.Sizeof(zero))
}

func (c *fixedColumn[T]) finish() arrow.ArrayData {
	n := len(c.vals)
	valid, nulls := c.valid.buffer(n)
	values := memory.NewBufferBytes(bytesOf(c.vals))
	c.vals, c.last = nil, n
	return array.NewData(c.typ, n, []*memory.Buffer{valid, values}, nil, nulls, 0)
}

// bytesOf views a slice of fixed-width values as bytes.
func bytesOf[T any](v []T) []byte {
	var zero T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*int(unsafe.Sizeof(zero)))
}

// boolColumn packs its values into bits when it is finished.
type boolColumn struct{ fixedColumn[bool] }

func (c *boolColumn) finish() arrow.ArrayData {
	n := len(c.vals)
	packed := packBools(c.vals)
	valid, nulls := c.valid.buffer(n)
	c.vals, c.last = nil, n
	return array.NewData(c.typ, n, []*memory.Buffer{valid, memory.NewBufferBytes(packed)}, nil, nulls, 0)
}

func packBools(v []bool) []byte {
	packed := make([]byte, bitutil.BytesForBits(int64(len(v))))
	for i, b := range v {
		if b {
			bitutil.SetBit(packed, i)
		}
	}
	return packed
}

// stringColumn holds utf8.
type stringColumn struct {
	kinds   kinds
	fault   func([]byte) string
	offsets []int32
	data    []byte
	valid   validity
	last    struct{ offsets, data int }
}

// maxStrings keeps offsets of one batch within 32 bits. A batch ends at BatchBytes, so
// only values of gigabytes come near.
const maxStrings = 1<<31 - 1

func (c *stringColumn) append(b *block, col, from, to int) (int, string) {
	if c.offsets == nil {
		c.offsets = make([]int32, 1, max(c.last.offsets, to-from+1))
		c.data = make([]byte, 0, c.last.data+c.last.data/16)
	}
	for row := from; row < to; row++ {
		at := &b.cells[row*b.cols+col]
		switch raw := b.buf[at.off:at.end]; {
		case at.kind == cellNull:
			c.valid.null(len(c.offsets) - 1)
		case !c.kinds.has(at.kind):
			return row, c.fault(raw)
		case at.kind == cellEscaped:
			c.data = b.unescape(c.data, raw)
		default:
			c.data = append(c.data, raw...)
		}
		if len(c.data) > maxStrings {
			return row, "the values of one batch exceed 2 GiB; read with fewer rows in a batch"
		}
		c.offsets = append(c.offsets, int32(len(c.data)))
	}
	return 0, ""
}

func (c *stringColumn) size() int64 { return int64(len(c.data)) + 4*int64(len(c.offsets)) }

func (c *stringColumn) finish() arrow.ArrayData {
	if c.offsets == nil {
		c.offsets = make([]int32, 1)
	}
	n := len(c.offsets) - 1
	valid, nulls := c.valid.buffer(n)
	buffers := []*memory.Buffer{valid, memory.NewBufferBytes(bytesOf(c.offsets)), memory.NewBufferBytes(c.data)}
	c.last.offsets, c.last.data = len(c.offsets), len(c.data)
	c.offsets, c.data = nil, nil
	return array.NewData(arrow.BinaryTypes.String, n, buffers, nil, nulls, 0)
}
