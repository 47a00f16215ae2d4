package table

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/parquet-go/parquet-go"
)

// leaf is one Parquet column: the path to it through the columns of a table and the
// fields of structs.
type leaf struct {
	index    int   // among all leaves
	path     []int // column, then fields; lists take no step
	nullable bool  // the column
	typ      arrow.DataType
}

func leavesOf(s *arrow.Schema) []leaf {
	var leaves []leaf
	var walk func(t arrow.DataType, l leaf)
	walk = func(t arrow.DataType, l leaf) {
		switch t := t.(type) {
		case *arrow.StructType:
			for i, f := range t.Fields() {
				next := l
				next.path = append(append([]int(nil), l.path...), i)
				walk(f.Type, next)
			}
		case arrow.ListLikeType:
			walk(t.Elem(), l)
		default:
			l.index = len(leaves)
			leaves = append(leaves, l)
		}
	}
	for i, f := range s.Fields() {
		walk(f.Type, leaf{path: []int{i}, nullable: f.Nullable, typ: f.Type})
	}
	return leaves
}

// levels are the entries of a nested Parquet column as Dremel (Melnik et al., 2010)
// has them: repetition level, definition level, and the value's index in its array, or
// -1 where there is none.
type levels struct {
	rep, def []byte
	at       []int32
}

func (l *levels) add(rep, def byte, at int32) {
	l.rep = append(l.rep, rep)
	l.def = append(l.def, def)
	l.at = append(l.at, at)
}

// write appends the leaf's values of a column to its writer.
func (l leaf) write(w *parquet.ColumnWriter, a arrow.Array) error {
	out := &valueWriter{w: w, column: l.index}
	if !arrow.IsNested(l.typ.ID()) {
		if err := checkMilliseconds(a); err != nil {
			return err
		}
		return out.flat(a, l.nullable)
	}
	entries := &levels{}
	for i := range a.Len() {
		entries.add(0, 0, int32(i))
	}
	values, entries, depth := shred(a, entries, l.nullable, 0, 0, l.path[1:])
	if err := checkMilliseconds(values); err != nil {
		return err
	}
	return out.nested(values, entries, depth)
}

// checkMilliseconds refuses seconds that are too many for the milliseconds in which
// Parquet keeps them.
func checkMilliseconds(a arrow.Array) error {
	t, ok := a.(*array.Timestamp)
	if !ok || t.DataType().(*arrow.TimestampType).Unit != arrow.Second {
		return nil
	}
	for i, v := range t.Values() {
		if v > math.MaxInt64/1000 || v < math.MinInt64/1000 {
			return fmt.Errorf("value %d is %d seconds, which Parquet cannot hold as milliseconds", i+1, v)
		}
	}
	return nil
}

// shred follows a path down from a, whose entries are given, to the leaf's values.
func shred(a arrow.Array, in *levels, nullable bool, rep, def byte, path []int) (arrow.Array, *levels, byte) {
	if nullable {
		def++
		for i, at := range in.at {
			if at < 0 {
				continue
			}
			if a.IsNull(int(at)) {
				in.at[i] = -1
			} else {
				in.def[i] = def
			}
		}
	}
	switch a := a.(type) {
	case *array.Struct:
		return shred(a.Field(path[0]), in, true, rep, def, path[1:])
	case array.ListLike:
		rep, def = rep+1, def+1
		out := &levels{}
		for i, at := range in.at {
			if at < 0 {
				out.add(in.rep[i], in.def[i], -1)
				continue
			}
			from, to := a.ValueOffsets(int(at))
			if from == to {
				out.add(in.rep[i], def-1, -1)
			}
			for j := from; j < to; j++ {
				r := rep
				if j == from {
					r = in.rep[i]
				}
				out.add(r, def, int32(j))
			}
		}
		return shred(a.ListValues(), out, true, rep, def, path)
	}
	return a, in, def
}

// valueWriter hands values to Parquet in runs whose borders depend on the values alone,
// since pages end between runs.
type valueWriter struct {
	w      *parquet.ColumnWriter
	column int
}

const (
	runValues = 1024
	runBytes  = 256 << 10
)

// flat writes a column without lists and structs: one value a row.
func (w *valueWriter) flat(a arrow.Array, nullable bool) error {
	value := valuesOf(a)
	def := 0
	if nullable {
		def = 1
	}
	null := parquet.Value{}.Level(0, 0, w.column)
	nulls := a.NullN() > 0
	run := make([]parquet.Value, runValues)
	n, bytes := 0, 0
	for i := range a.Len() {
		if nulls && a.IsNull(i) {
			run[n] = null
		} else {
			v, size := value(i)
			run[n] = v.Level(0, def, w.column)
			bytes += size
		}
		if n++; n == runValues || bytes >= runBytes {
			if _, err := w.w.WriteRowValues(run[:n]); err != nil {
				return err
			}
			n, bytes = 0, 0
		}
	}
	if _, err := w.w.WriteRowValues(run[:n]); err != nil {
		return err
	}
	return w.w.Flush()
}

// nested writes the entries of a leaf below lists or structs. A run ends with a row.
func (w *valueWriter) nested(a arrow.Array, in *levels, depth byte) error {
	value := valuesOf(a)
	var run []parquet.Value
	bytes := 0
	for i, at := range in.at {
		if in.rep[i] == 0 && (len(run) >= runValues || bytes >= runBytes) {
			if _, err := w.w.WriteRowValues(run); err != nil {
				return err
			}
			run, bytes = run[:0], 0
		}
		if at < 0 {
			run = append(run, parquet.Value{}.Level(int(in.rep[i]), int(in.def[i]), w.column))
			continue
		}
		v, size := value(int(at))
		run = append(run, v.Level(int(in.rep[i]), int(depth), w.column))
		bytes += size
	}
	if _, err := w.w.WriteRowValues(run); err != nil {
		return err
	}
	return w.w.Flush()
}

// valuesOf gives value i of an array as Parquet's, and the bytes it refers to.
func valuesOf(a arrow.Array) func(i int) (parquet.Value, int) {
	switch a := a.(type) {
	case *array.Boolean:
		return func(i int) (parquet.Value, int) { return parquet.BooleanValue(a.Value(i)), 0 }
	case *array.Int8:
		return int32s(a.Values())
	case *array.Int16:
		return int32s(a.Values())
	case *array.Int32:
		return int32s(a.Values())
	case *array.Uint8:
		return int32s(a.Values())
	case *array.Uint16:
		return int32s(a.Values())
	case *array.Uint32:
		return int32s(a.Values())
	case *array.Date32:
		return int32s(a.Values())
	case *array.Int64:
		return int64s(a.Values())
	case *array.Uint64:
		return int64s(a.Values())
	case *array.Timestamp:
		if a.DataType().(*arrow.TimestampType).Unit == arrow.Second {
			return func(i int) (parquet.Value, int) { return parquet.Int64Value(int64(a.Value(i)) * 1000), 0 }
		}
		return int64s(a.Values())
	case *array.Float32:
		return func(i int) (parquet.Value, int) { return parquet.FloatValue(a.Value(i)), 0 }
	case *array.Float64:
		return func(i int) (parquet.Value, int) { return parquet.DoubleValue(a.Value(i)), 0 }
	case *array.Decimal128:
		return func(i int) (parquet.Value, int) {
			v := a.Value(i)
			b := binary.BigEndian.AppendUint64(make([]byte, 0, 16), uint64(v.HighBits()))
			return parquet.FixedLenByteArrayValue(binary.BigEndian.AppendUint64(b, v.LowBits())), 16
		}
	}
	offsets, data := bytesAt(a)
	return func(i int) (parquet.Value, int) {
		b := data[offsets[i]:offsets[i+1]]
		return parquet.ByteArrayValue(b), len(b)
	}
}

func int32s[T ~int8 | ~int16 | ~int32 | ~uint8 | ~uint16 | ~uint32](v []T) func(int) (parquet.Value, int) {
	return func(i int) (parquet.Value, int) { return parquet.Int32Value(int32(v[i])), 0 }
}

func int64s[T ~int64 | ~uint64](v []T) func(int) (parquet.Value, int) {
	return func(i int) (parquet.Value, int) { return parquet.Int64Value(int64(v[i])), 0 }
}
