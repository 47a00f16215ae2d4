package table

import (
	"fmt"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// canonicalBatch turns the columns of b into those of s, which canonicalSchema made
// from its schema. The result is the caller's to release.
func canonicalBatch(b arrow.RecordBatch, s *arrow.Schema) (arrow.RecordBatch, error) {
	columns := make([]arrow.Array, 0, s.NumFields())
	defer func() {
		for _, c := range columns {
			c.Release()
		}
	}()
	for i, f := range s.Fields() {
		c, err := canonicalArray(b.Column(i), f.Type)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", f.Name, err)
		}
		columns = append(columns, c)
	}
	return array.NewRecordBatch(s, columns, b.NumRows()), nil
}

// canonicalArray gives a as an array of the canonical type t; where it is one already
// the memory is shared.
func canonicalArray(a arrow.Array, t arrow.DataType) (arrow.Array, error) {
	if arrow.TypeEqual(a.DataType(), t) {
		a.Retain()
		return a, nil
	}
	switch a := a.(type) {
	case array.ExtensionArray:
		return canonicalArray(a.Storage(), t)
	case *array.Dictionary:
		values, err := canonicalArray(a.Dictionary(), t)
		if err != nil {
			return nil, err
		}
		defer values.Release()
		return take(values, a.Len(), func(i int) int {
			if a.IsNull(i) {
				return -1
			}
			return a.GetValueIndex(i)
		})
	case *array.List, *array.LargeList, *array.FixedSizeList:
		return canonicalLists(a.(array.ListLike), t)
	case *array.Struct:
		return canonicalStruct(a, t.(*arrow.StructType))
	}
	return rebuild(a, t)
}

// rebuild copies value by value; it is for the encodings that writers choose rarely.
func rebuild(a arrow.Array, t arrow.DataType) (arrow.Array, error) {
	const most = 1 << 24
	if a.DataType().ID() == arrow.NULL && a.Len() > most {
		return nil, fmt.Errorf("a column without values claims %d rows in a batch", a.Len())
	}
	b := array.NewBuilder(memory.DefaultAllocator, t)
	defer b.Release()
	b.Reserve(a.Len())
	for i := range a.Len() {
		if a.IsNull(i) {
			b.AppendNull()
			continue
		}
		switch b := b.(type) {
		case *array.StringBuilder:
			b.Append(a.(array.StringLike).Value(i))
		case *array.BinaryBuilder:
			b.Append(a.(interface{ Value(int) []byte }).Value(i))
		case *array.Float32Builder:
			b.Append(a.(*array.Float16).Value(i).Float32())
		case *array.Date32Builder:
			ms, day := int64(a.(*array.Date64).Value(i)), int64(86_400_000)
			if ms%day != 0 {
				return nil, fmt.Errorf("row %d: the date64 %d is no whole day", i+1, ms)
			}
			b.Append(arrow.Date32(ms / day))
		}
	}
	return b.NewArray(), nil
}

func canonicalLists(a array.ListLike, t arrow.DataType) (arrow.Array, error) {
	elem := t.(arrow.ListLikeType).Elem()
	values, err := canonicalArray(a.ListValues(), elem)
	if err != nil {
		return nil, err
	}
	defer values.Release()
	data := a.Data()
	buffers := data.Buffers()
	if large, ok := a.(*array.LargeList); ok {
		offsets := make([]int32, data.Offset()+a.Len()+1)
		for i, o := range large.Offsets()[:a.Len()+1] {
			if o > maxStrings {
				return nil, fmt.Errorf("the lists of one batch have more than %d elements", maxStrings)
			}
			offsets[data.Offset()+i] = int32(o)
		}
		buffers = []*memory.Buffer{buffers[0], memory.NewBufferBytes(bytesOf(offsets))}
	}
	out := array.NewData(t, a.Len(), buffers, []arrow.ArrayData{values.Data()}, data.NullN(), data.Offset())
	defer out.Release()
	return array.MakeFromData(out), nil
}

func canonicalStruct(a *array.Struct, t *arrow.StructType) (arrow.Array, error) {
	data := a.Data()
	fields := make([]arrow.ArrayData, t.NumFields())
	for i := range fields {
		// The children of the data, and not those of the array, still have the offset of
		// the struct before them, and so has its bitmap.
		whole := array.MakeFromData(data.Children()[i])
		f, err := canonicalArray(whole, t.Field(i).Type)
		whole.Release()
		if err != nil {
			return nil, err
		}
		defer f.Release()
		fields[i] = f.Data()
	}
	out := array.NewData(t, a.Len(), data.Buffers(), fields, data.NullN(), data.Offset())
	defer out.Release()
	return array.MakeFromData(out), nil
}

// take gathers n values of a by their index; a negative index is null.
func take(a arrow.Array, n int, index func(int) int) (arrow.Array, error) {
	b := array.NewBuilder(memory.DefaultAllocator, a.DataType())
	defer b.Release()
	b.Reserve(n)
	strings, isString := a.(*array.String)
	for i := range n {
		j := index(i)
		switch {
		case j < 0 || a.IsNull(j):
			b.AppendNull()
		case isString:
			b.(*array.StringBuilder).Append(strings.Value(j))
		default:
			if err := b.AppendValueFromString(a.ValueStr(j)); err != nil {
				return nil, fmt.Errorf("cannot decode a dictionary of %s: %w", a.DataType(), err)
			}
		}
	}
	return b.NewArray(), nil
}

// checkArray refuses arrays whose offsets, sizes or texts are wrong, so that nothing
// behind a Reader needs to fear the bytes of a file.
func checkArray(a arrow.Array) error {
	if err := array.ValidateFull(a); err != nil {
		return err
	}
	return checkUTF8(a)
}

func checkUTF8(a arrow.Array) error {
	switch a := a.(type) {
	case *array.String:
		if a.Len() == 0 {
			return nil
		}
		offsets := a.ValueOffsets()
		first, last := offsets[0], offsets[len(offsets)-1]
		// Valid as a whole and cut at no continuation byte is valid in each part.
		all := a.Data().Buffers()[2]
		if all == nil || utf8.Valid(all.Bytes()[first:last]) && cutsWhole(all.Bytes()[:last], offsets) {
			return nil
		}
		for i := range a.Len() {
			if a.IsValid(i) && !utf8.ValidString(a.Value(i)) {
				return fmt.Errorf("value %d is not valid UTF-8: %s", i+1, shorten([]byte(a.Value(i))))
			}
		}
	case *array.Struct:
		for i := range a.NumField() {
			if err := checkUTF8(a.Field(i)); err != nil {
				return err
			}
		}
	case array.ListLike:
		return checkUTF8(a.ListValues())
	case *array.Dictionary:
		return checkUTF8(a.Dictionary())
	}
	return nil
}

func cutsWhole(b []byte, offsets []int32) bool {
	for _, o := range offsets {
		if int(o) < len(b) && !utf8.RuneStart(b[o]) {
			return false
		}
	}
	return true
}
