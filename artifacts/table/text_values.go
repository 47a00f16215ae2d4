package table

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// bindPlain gives the appender of the types that CSV and JSON spell alike, or nil.
func bindPlain(a arrow.Array) appender {
	switch a := a.(type) {
	case *array.Boolean:
		return func(dst []byte, i int) ([]byte, error) { return strconv.AppendBool(dst, a.Value(i)), nil }
	case *array.Int8:
		return appendInts(a.Value)
	case *array.Int16:
		return appendInts(a.Value)
	case *array.Int32:
		return appendInts(a.Value)
	case *array.Int64:
		return appendInts(a.Value)
	case *array.Uint8:
		return appendUints(a.Value)
	case *array.Uint16:
		return appendUints(a.Value)
	case *array.Uint32:
		return appendUints(a.Value)
	case *array.Uint64:
		return appendUints(a.Value)
	case *array.Float32:
		return func(dst []byte, i int) ([]byte, error) { return appendFloat(dst, float64(a.Value(i)), 32), nil }
	case *array.Float64:
		return func(dst []byte, i int) ([]byte, error) { return appendFloat(dst, a.Value(i), 64), nil }
	case *array.Decimal128:
		scale := int(a.DataType().(*arrow.Decimal128Type).Scale)
		return func(dst []byte, i int) ([]byte, error) { return appendDecimal(dst, a.Value(i), scale), nil }
	case *array.Date32:
		return func(dst []byte, i int) ([]byte, error) { return appendDate(dst, a.Value(i)) }
	case *array.Timestamp:
		t := a.DataType().(*arrow.TimestampType)
		return func(dst []byte, i int) ([]byte, error) { return appendTimestamp(dst, a.Value(i), t) }
	}
	return nil
}

func appendInts[T int8 | int16 | int32 | int64](value func(int) T) appender {
	return func(dst []byte, i int) ([]byte, error) { return strconv.AppendInt(dst, int64(value(i)), 10), nil }
}

func appendUints[T uint8 | uint16 | uint32 | uint64](value func(int) T) appender {
	return func(dst []byte, i int) ([]byte, error) { return strconv.AppendUint(dst, uint64(value(i)), 10), nil }
}

// appendFloat writes the shortest digits that read back as the same float, always with
// a point or an exponent, so that a column of whole numbers stays one of floats.
func appendFloat(dst []byte, v float64, bits int) []byte {
	switch {
	case math.IsNaN(v):
		return append(dst, "nan"...)
	case math.IsInf(v, 1):
		return append(dst, "inf"...)
	case math.IsInf(v, -1):
		return append(dst, "-inf"...)
	}
	from := len(dst)
	format := byte('f')
	if a := math.Abs(v); a != 0 && (a < 1e-5 || a >= 1e16) {
		format = 'e'
	}
	dst = strconv.AppendFloat(dst, v, format, -1, bits)
	if format == 'f' && bytes.IndexByte(dst[from:], '.') < 0 {
		dst = append(dst, ".0"...)
	}
	return dst
}

// appendDecimal writes all digits of the scale, so that the text shows it.
func appendDecimal(dst []byte, v decimal128.Num, scale int) []byte {
	n := v.BigInt()
	if n.Sign() < 0 {
		dst = append(dst, '-')
		n.Neg(n)
	}
	digits := n.String()
	if len(digits) <= scale {
		digits = strings.Repeat("0", scale+1-len(digits)) + digits
	}
	point := len(digits) - scale
	dst = append(dst, digits[:point]...)
	if scale > 0 {
		dst = append(append(dst, '.'), digits[point:]...)
	}
	return dst
}

// checkPlain refuses the types that text does not hold.
func checkPlain(t arrow.DataType, format string) error {
	switch t.(type) {
	case *arrow.BinaryType, *arrow.StructType, *arrow.ListType, *arrow.FixedSizeListType:
		return fmt.Errorf("%s cannot hold %s; write Parquet or Arrow, or cast the column", format, TypeName(t))
	}
	return nil
}
