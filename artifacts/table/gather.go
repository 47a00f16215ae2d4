package table

import (
	"iter"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// piece is rows from to to of an array, or, without an array, as many empty rows.
type piece struct {
	a        arrow.Array
	from, to int
}

func (p piece) rows() int { return p.to - p.from }

func count(pieces []piece) (n int) {
	for _, p := range pieces {
		n += p.rows()
	}
	return n
}

// gather copies pieces of canonical type t into one array whose buffers depend on the
// values alone: no offset, zeros under nulls, no bitmap where nothing is null. So equal
// columns have equal bytes, whatever arrays they came from.
func gather(t arrow.DataType, pieces []piece) arrow.ArrayData {
	n := count(pieces)
	valid, nulls := gatherValidity(pieces, n)
	buffers := []*memory.Buffer{valid}
	var children []arrow.ArrayData
	switch t := t.(type) {
	case *arrow.BooleanType:
		buffers = append(buffers, gatherBools(pieces, n))
	case *arrow.StringType, *arrow.BinaryType:
		offsets, data := gatherBytes(pieces, n)
		buffers = append(buffers, offsets, data)
	case *arrow.ListType:
		offsets, elements := listPieces(pieces, n)
		buffers = append(buffers, offsets)
		children = append(children, gather(t.Elem(), elements))
	case *arrow.FixedSizeListType:
		children = append(children, gather(t.Elem(), fixedPieces(pieces, int(t.Len()))))
	case *arrow.StructType:
		for i, f := range t.Fields() {
			children = append(children, gather(f.Type, fieldPieces(pieces, i)))
		}
	default:
		buffers = append(buffers, gatherFixed(pieces, n, t.(arrow.FixedWidthDataType).Bytes()))
	}
	out := array.NewData(t, n, buffers, children, nulls, 0)
	for _, c := range children {
		c.Release()
	}
	return out
}

// isGathered tells of some arrays that gather would give the same bytes: those of
// fixed width and of text that have neither nulls nor an offset.
func isGathered(a arrow.Array) bool {
	d := a.Data()
	if d.Offset() != 0 || a.NullN() > 0 || a.Len() == 0 || d.Buffers()[0] != nil && d.Buffers()[0].Len() > 0 {
		return false
	}
	width := 0
	switch t := d.DataType().(type) {
	case *arrow.StringType, *arrow.BinaryType:
		offsets, data := bytesAt(a)
		return offsets[0] == 0 && len(data) == int(offsets[a.Len()]) && d.Buffers()[1].Len() == 4*(a.Len()+1)
	case *arrow.BooleanType, arrow.NestedType:
		return false
	case arrow.FixedWidthDataType:
		width = t.Bytes()
	}
	return d.Buffers()[1].Len() == width*a.Len()
}

// nullsOf yields the rows from from to to that are null.
func nullsOf(a arrow.Array, from, to int) iter.Seq[int] {
	return func(yield func(int) bool) {
		if a.NullN() == 0 {
			return
		}
		bits, offset := a.NullBitmapBytes(), a.Data().Offset()
		for i := from; i < to; i++ {
			at := offset + i
			if at%8 == 0 && bits[at/8] == 0xff {
				i += 7
			} else if !bitutil.BitIsSet(bits, at) && !yield(i) {
				return
			}
		}
	}
}

func gatherValidity(pieces []piece, n int) (*memory.Buffer, int) {
	var v validity
	row := 0
	for _, p := range pieces {
		if p.a != nil {
			for i := range nullsOf(p.a, p.from, p.to) {
				v.null(row + i - p.from)
			}
		}
		row += p.rows()
	}
	if v.nulls == 0 {
		return nil, 0
	}
	v.cover(n)
	for i := n; i < len(v.bits)*8; i++ {
		bitutil.ClearBit(v.bits, i)
	}
	return v.buffer(n)
}

func gatherFixed(pieces []piece, n, width int) *memory.Buffer {
	out := make([]byte, n*width)
	at := 0
	for _, p := range pieces {
		if p.a != nil && p.rows() > 0 { // without rows there may be no buffer
			start := p.a.Data().Offset()
			copy(out[at:], p.a.Data().Buffers()[1].Bytes()[(start+p.from)*width:(start+p.to)*width])
			for i := range nullsOf(p.a, p.from, p.to) {
				clear(out[at+(i-p.from)*width:][:width])
			}
		}
		at += p.rows() * width
	}
	return memory.NewBufferBytes(out)
}

func gatherBools(pieces []piece, n int) *memory.Buffer {
	out := make([]byte, bitutil.BytesForBits(int64(n)))
	row := 0
	for _, p := range pieces {
		if b, ok := p.a.(*array.Boolean); ok && p.rows() > 0 {
			d := b.Data()
			bitutil.CopyBitmap(d.Buffers()[1].Bytes(), d.Offset()+p.from, p.rows(), out, row)
			for i := range nullsOf(b, p.from, p.to) {
				bitutil.ClearBit(out, row+i-p.from)
			}
		}
		row += p.rows()
	}
	return memory.NewBufferBytes(out)
}

// bytesAt gives the offsets and the bytes of a utf8 or binary array.
func bytesAt(a arrow.Array) (offsets []int32, data []byte) {
	if b := a.Data().Buffers()[2]; b != nil {
		data = b.Bytes()
	}
	switch a := a.(type) {
	case *array.String:
		offsets = a.ValueOffsets()
	case *array.Binary:
		offsets = a.ValueOffsets()
	}
	return offsets, data
}

func gatherBytes(pieces []piece, n int) (offsets, data *memory.Buffer) {
	ends := make([]int32, 1, n+1)
	size := 0
	for _, p := range pieces {
		if p.a != nil && p.rows() > 0 {
			o, _ := bytesAt(p.a)
			size += int(o[p.to] - o[p.from])
		}
	}
	out := make([]byte, 0, size)
	for _, p := range pieces {
		if p.a == nil || p.rows() == 0 {
			for range p.rows() {
				ends = append(ends, int32(len(out)))
			}
			continue
		}
		o, values := bytesAt(p.a)
		if p.a.NullN() == 0 {
			shift := int32(len(out)) - o[p.from]
			out = append(out, values[o[p.from]:o[p.to]]...)
			for _, end := range o[p.from+1 : p.to+1] {
				ends = append(ends, end+shift)
			}
			continue
		}
		for i := p.from; i < p.to; i++ {
			if p.a.IsValid(i) {
				out = append(out, values[o[i]:o[i+1]]...)
			}
			ends = append(ends, int32(len(out)))
		}
	}
	return memory.NewBufferBytes(bytesOf(ends)), memory.NewBufferBytes(out)
}

// listPieces gives the offsets of lists and the pieces of their elements; what lies
// under a null list is left out.
func listPieces(pieces []piece, n int) (*memory.Buffer, []piece) {
	ends := make([]int32, 1, n+1)
	var elements []piece
	end := int32(0)
	for _, p := range pieces {
		l, ok := p.a.(*array.List)
		for i := p.from; i < p.to; i++ {
			if ok && l.IsValid(i) {
				from, to := l.ValueOffsets(i)
				end += int32(to - from)
				elements = appendPiece(elements, piece{a: l.ListValues(), from: int(from), to: int(to)})
			}
			ends = append(ends, end)
		}
	}
	return memory.NewBufferBytes(bytesOf(ends)), elements
}

// appendPiece extends the last piece where the next one continues it.
func appendPiece(pieces []piece, p piece) []piece {
	if last := len(pieces) - 1; last >= 0 && pieces[last].a == p.a && (p.a == nil || pieces[last].to == p.from) {
		pieces[last].to += p.rows()
		return pieces
	}
	return append(pieces, p)
}

func fixedPieces(pieces []piece, length int) []piece {
	var elements []piece
	for _, p := range pieces {
		l, ok := p.a.(*array.FixedSizeList)
		for i := p.from; i < p.to; i++ {
			e := piece{to: length}
			if ok && l.IsValid(i) {
				from, to := l.ValueOffsets(i)
				e = piece{a: l.ListValues(), from: int(from), to: int(to)}
			}
			elements = appendPiece(elements, e)
		}
	}
	return elements
}

func fieldPieces(pieces []piece, field int) []piece {
	var fields []piece
	for _, p := range pieces {
		s, ok := p.a.(*array.Struct)
		if ok && s.NullN() == 0 {
			fields = append(fields, piece{a: s.Field(field), from: p.from, to: p.to})
			continue
		}
		for i := p.from; i < p.to; i++ {
			f := piece{to: 1}
			if ok && s.IsValid(i) {
				f = piece{a: s.Field(field), from: i, to: i + 1}
			}
			fields = appendPiece(fields, f)
		}
	}
	return fields
}
