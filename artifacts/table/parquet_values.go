package table

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/parquet-go/parquet-go"
)

// flat writes a column without lists and structs: one value a row.
func (w *valueWriter) flat(a arrow.Array, nullable bool) error {
	fill := fillOf(a)
	var null parquet.Value
	nulls := a.NullN() > 0
	run := make([]parquet.Value, runValues)
	for from := 0; from < a.Len(); {
		n, _ := fill(run[:min(runValues, a.Len()-from)], from)
		for i := range run[:n] {
			switch {
			case nulls && a.IsNull(from+i):
				run[i] = null
			case nullable:
				run[i].SetDefinitionLevel(1)
			}
		}
		if _, err := w.w.WriteRowValues(run[:n]); err != nil {
			return err
		}
		from += n
	}
	return w.w.Flush()
}

// nested writes the entries of a leaf below lists or structs. A run ends with a row.
func (w *valueWriter) nested(a arrow.Array, in *levels, depth byte) error {
	fill := fillOf(a)
	var run []parquet.Value
	bytes := 0
	for i, at := range in.at {
		if in.rep[i] == 0 && (len(run) >= runValues || bytes >= runBytes) {
			if _, err := w.w.WriteRowValues(run); err != nil {
				return err
			}
			run, bytes = run[:0], 0
		}
		run = append(run, parquet.Value{})
		last := len(run) - 1
		def := in.def[i]
		if at >= 0 {
			_, size := fill(run[last:], int(at))
			bytes += size
			def = depth
		}
		run[last] = run[last].Level(int(in.rep[i]), int(def), w.column)
	}
	if _, err := w.w.WriteRowValues(run); err != nil {
		return err
	}
	return w.w.Flush()
}

// filler makes Parquet values of those of an array, from one on, until dst is full or
// they refer to runBytes bytes. It returns how many and how many bytes. What is under a
// null is zero or empty.
type filler func(dst []parquet.Value, from int) (n, bytes int)

func fillOf(a arrow.Array) filler {
	switch a := a.(type) {
	case *array.Boolean:
		return fillWith(func(i int) parquet.Value { return parquet.BooleanValue(a.Value(i)) })
	case *array.Int8:
		return fillInt32s(a.Values())
	case *array.Int16:
		return fillInt32s(a.Values())
	case *array.Int32:
		return fillInt32s(a.Values())
	case *array.Uint8:
		return fillInt32s(a.Values())
	case *array.Uint16:
		return fillInt32s(a.Values())
	case *array.Uint32:
		return fillInt32s(a.Values())
	case *array.Date32:
		return fillInt32s(a.Values())
	case *array.Int64:
		return fillInt64s(a.Values())
	case *array.Uint64:
		return fillInt64s(a.Values())
	case *array.Timestamp:
		if a.DataType().(*arrow.TimestampType).Unit == arrow.Second {
			return fillWith(func(i int) parquet.Value { return parquet.Int64Value(int64(a.Value(i)) * 1000) })
		}
		return fillInt64s(a.Values())
	case *array.Float32:
		return fillWith(func(i int) parquet.Value { return parquet.FloatValue(a.Value(i)) })
	case *array.Float64:
		values := a.Values()
		return func(dst []parquet.Value, from int) (int, int) {
			for i, v := range values[from : from+len(dst)] {
				dst[i] = parquet.DoubleValue(v)
			}
			return len(dst), 0
		}
	case *array.Decimal128:
		return fillWith(func(i int) parquet.Value {
			v := a.Value(i)
			b := binary.BigEndian.AppendUint64(make([]byte, 0, 16), uint64(v.HighBits()))
			return parquet.FixedLenByteArrayValue(binary.BigEndian.AppendUint64(b, v.LowBits()))
		})
	}
	return fillBytes(bytesAt(a))
}

func fillBytes(offsets []int32, data []byte) filler {
	return func(dst []parquet.Value, from int) (n, bytes int) {
		for n < len(dst) && bytes < runBytes {
			b := data[offsets[from+n]:offsets[from+n+1]]
			dst[n] = parquet.ByteArrayValue(b)
			bytes += len(b)
			n++
		}
		return n, bytes
	}
}

func fillWith(value func(i int) parquet.Value) filler {
	return func(dst []parquet.Value, from int) (int, int) {
		for i := range dst {
			dst[i] = value(from + i)
		}
		return len(dst), 0
	}
}

func fillInt32s[T ~int8 | ~int16 | ~int32 | ~uint8 | ~uint16 | ~uint32](values []T) filler {
	return func(dst []parquet.Value, from int) (int, int) {
		for i, v := range values[from : from+len(dst)] {
			dst[i] = parquet.Int32Value(int32(v))
		}
		return len(dst), 0
	}
}

func fillInt64s[T ~int64 | ~uint64](values []T) filler {
	return func(dst []parquet.Value, from int) (int, int) {
		for i, v := range values[from : from+len(dst)] {
			dst[i] = parquet.Int64Value(int64(v))
		}
		return len(dst), 0
	}
}
