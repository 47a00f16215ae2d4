package table

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/float16"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
)

// sink collects the values of a leaf, without its nulls, in the type of the table.
type sink interface {
	// append copies values from to to of a page; lookup those at indexes of a dictionary.
	append(v encoding.Values, from, to int) error
	lookup(d parquet.Dictionary, indexes []int32) error
	// spread makes an array of n slots; slot i is null where valid says so. A nil valid
	// means that all are there.
	spread(n int, valid func(i int) bool) (arrow.ArrayData, error)
	size() int64
	reset()
}

// newSink chooses how the physical type of the file becomes the type of the table.
func newSink(n *fileNode) sink {
	kind := n.leaf.column.Type().Kind()
	switch t := n.typ.(type) {
	case *arrow.BooleanType:
		return &fixedSink[bool]{typ: t, from: bools}
	case *arrow.Int8Type:
		return &fixedSink[int8]{typ: t, from: narrowed[int8]}
	case *arrow.Int16Type:
		return &fixedSink[int16]{typ: t, from: narrowed[int16]}
	case *arrow.Uint8Type:
		return &fixedSink[uint8]{typ: t, from: narrowed[uint8]}
	case *arrow.Uint16Type:
		return &fixedSink[uint16]{typ: t, from: narrowed[uint16]}
	case *arrow.Int32Type, *arrow.Uint32Type, *arrow.Date32Type:
		return &fixedSink[int32]{typ: t, from: func(dst []int32, v encoding.Values, from, to int) ([]int32, error) {
			return append(dst, v.Int32()[from:to]...), nil
		}}
	case *arrow.Int64Type, *arrow.Uint64Type:
		return &fixedSink[int64]{typ: t, from: wide}
	case *arrow.TimestampType:
		switch {
		case kind == parquet.Int96:
			return &fixedSink[int64]{typ: t, from: julian}
		case n.leaf.seconds:
			return &fixedSink[int64]{typ: t, from: seconds}
		}
		return &fixedSink[int64]{typ: t, from: wide}
	case *arrow.Float32Type:
		if n.leaf.halfs {
			return &fixedSink[float32]{typ: t, from: halfs}
		}
		return &fixedSink[float32]{typ: t, from: func(dst []float32, v encoding.Values, from, to int) ([]float32, error) {
			return append(dst, v.Float()[from:to]...), nil
		}}
	case *arrow.Float64Type:
		return &fixedSink[float64]{typ: t, from: func(dst []float64, v encoding.Values, from, to int) ([]float64, error) {
			return append(dst, v.Double()[from:to]...), nil
		}}
	case *arrow.Decimal128Type:
		return &fixedSink[decimal128.Num]{typ: t, from: decimals(kind)}
	}
	return &bytesSink{typ: n.typ, fixed: kind == parquet.FixedLenByteArray, none: n.leaf.allNulls}
}

// fixedSink holds values of a fixed width.
type fixedSink[T any] struct {
	typ  arrow.DataType
	from func(dst []T, v encoding.Values, from, to int) ([]T, error)
	vals []T
	dict []T
	of   parquet.Dictionary // that dict was made from
}

func (s *fixedSink[T]) append(v encoding.Values, from, to int) (err error) {
	s.vals, err = s.from(s.vals, v, from, to)
	return err
}

func (s *fixedSink[T]) lookup(d parquet.Dictionary, indexes []int32) (err error) {
	if s.of != d {
		if s.dict, err = s.from(s.dict[:0], d.Page().Data(), 0, d.Len()); err != nil {
			return err
		}
		s.of = d
	}
	at := len(s.vals)
	s.vals = slices.Grow(s.vals, len(indexes))[:at+len(indexes)]
	for i, x := range indexes {
		s.vals[at+i] = s.dict[x]
	}
	return nil
}

func (s *fixedSink[T]) size() int64 { return int64(len(bytesOf(s.vals))) }
func (s *fixedSink[T]) reset()      { s.vals = nil }

func (s *fixedSink[T]) spread(n int, valid func(int) bool) (arrow.ArrayData, error) {
	vals, bits := s.vals, validity{}
	if valid != nil {
		vals = make([]T, n)
		at := 0
		for i := range vals {
			if !valid(i) {
				bits.null(i)
				continue
			}
			vals[i] = s.vals[at]
			at++
		}
	}
	if len(vals) != n {
		return nil, fmt.Errorf("there are %d values where %d are expected", len(vals), n)
	}
	bitmap, nulls := bits.buffer(n)
	raw := bytesOf(vals)
	if b, ok := any(vals).([]bool); ok {
		raw = packBools(b)
	}
	return array.NewData(s.typ, n, []*memory.Buffer{bitmap, memory.NewBufferBytes(raw)}, nil, nulls, 0), nil
}

func bools(dst []bool, v encoding.Values, from, to int) ([]bool, error) {
	bits := v.Boolean()
	for i := from; i < to; i++ {
		dst = append(dst, bitutil.BitIsSet(bits, i))
	}
	return dst, nil
}

func narrowed[T int8 | int16 | uint8 | uint16](dst []T, v encoding.Values, from, to int) ([]T, error) {
	for _, x := range v.Int32()[from:to] {
		if int32(T(x)) != x {
			return nil, fmt.Errorf("the value %d does not fit the type of the column", x)
		}
		dst = append(dst, T(x))
	}
	return dst, nil
}

func wide(dst []int64, v encoding.Values, from, to int) ([]int64, error) {
	return append(dst, v.Int64()[from:to]...), nil
}

func seconds(dst []int64, v encoding.Values, from, to int) ([]int64, error) {
	for _, x := range v.Int64()[from:to] {
		if x%1000 != 0 {
			return nil, fmt.Errorf("the timestamp %d ms is no whole second", x)
		}
		dst = append(dst, x/1000)
	}
	return dst, nil
}

// julian reads INT96: nanoseconds of the day, and the Julian day.
func julian(dst []int64, v encoding.Values, from, to int) ([]int64, error) {
	const epoch, perDay = 2440588, 86_400_000_000_000
	for _, x := range v.Int96()[from:to] {
		nanos := int64(x[0]) | int64(x[1])<<32
		days := int64(x[2]) - epoch
		if days > math.MaxInt64/perDay-1 || days < math.MinInt64/perDay+1 || nanos < 0 || nanos > perDay {
			return nil, fmt.Errorf("the INT96 timestamp of Julian day %d does not fit 64 bits of nanoseconds", x[2])
		}
		dst = append(dst, days*perDay+nanos)
	}
	return dst, nil
}

func halfs(dst []float32, v encoding.Values, from, to int) ([]float32, error) {
	data, size := v.FixedLenByteArray()
	for i := from; i < to; i++ {
		dst = append(dst, float16.FromBits(binary.LittleEndian.Uint16(data[i*size:])).Float32())
	}
	return dst, nil
}

// decimals reads unscaled integers of any width, big-endian where they are bytes.
func decimals(kind parquet.Kind) func([]decimal128.Num, encoding.Values, int, int) ([]decimal128.Num, error) {
	return func(dst []decimal128.Num, v encoding.Values, from, to int) ([]decimal128.Num, error) {
		for i := from; i < to; i++ {
			var b []byte
			switch kind {
			case parquet.Int32:
				dst = append(dst, decimal128.FromI64(int64(v.Int32()[i])))
				continue
			case parquet.Int64:
				dst = append(dst, decimal128.FromI64(v.Int64()[i]))
				continue
			case parquet.ByteArray:
				data, offsets := v.ByteArray()
				b = data[offsets[i]:offsets[i+1]]
			default:
				data, size := v.FixedLenByteArray()
				b = data[i*size : (i+1)*size]
			}
			n, err := bigEndian(b)
			if err != nil {
				return nil, err
			}
			dst = append(dst, n)
		}
		return dst, nil
	}
}

func bigEndian(b []byte) (decimal128.Num, error) {
	var sign byte
	if len(b) > 0 && b[0]&0x80 != 0 {
		sign = 0xff
	}
	var full [16]byte
	for i := range full {
		full[i] = sign
	}
	for len(b) > 16 {
		if b[0] != sign {
			return decimal128.Num{}, fmt.Errorf("a decimal does not fit 128 bits")
		}
		b = b[1:]
	}
	copy(full[16-len(b):], b)
	return decimal128.New(int64(binary.BigEndian.Uint64(full[:])), binary.BigEndian.Uint64(full[8:])), nil
}
