package rows

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Value gives a value as expressions take it: nil, bool, int64, float64, string,
// []byte, time.Time, []any or map[string]any. A decimal is a float64, as near as
// that comes, and an unsigned integer above the range of int64 is too. A string
// is valid as long as the batch is.
func Value(col arrow.Array, i int) any {
	if col.IsNull(i) {
		return nil
	}
	switch c := col.(type) {
	case *array.String:
		return c.Value(i)
	case *array.Int64:
		return c.Value(i)
	case *array.Float64:
		return c.Value(i)
	case *array.Boolean:
		return c.Value(i)
	case *array.Int32:
		return int64(c.Value(i))
	case *array.Int16:
		return int64(c.Value(i))
	case *array.Int8:
		return int64(c.Value(i))
	case *array.Uint8:
		return int64(c.Value(i))
	case *array.Uint16:
		return int64(c.Value(i))
	case *array.Uint32:
		return int64(c.Value(i))
	case *array.Uint64:
		if v := c.Value(i); v > math.MaxInt64 {
			return float64(v)
		} else {
			return int64(v)
		}
	case *array.Float32:
		return float64(c.Value(i))
	case *array.Binary:
		return c.Value(i)
	case *array.Date32:
		return time.Unix(int64(c.Value(i))*86400, 0).UTC()
	case *array.Timestamp:
		return c.Value(i).ToTime(c.DataType().(*arrow.TimestampType).Unit)
	case *array.Decimal128:
		return c.Value(i).ToFloat64(c.DataType().(*arrow.Decimal128Type).Scale)
	case array.ListLike:
		from, to := c.ValueOffsets(i)
		out := make([]any, 0, to-from)
		for e := from; e < to; e++ {
			out = append(out, Value(c.ListValues(), int(e)))
		}
		return out
	case *array.Struct:
		t := c.DataType().(*arrow.StructType)
		out := make(map[string]any, c.NumField())
		for f := range c.NumField() {
			out[t.Field(f).Name] = Value(c.Field(f), i)
		}
		return out
	}
	return col.ValueStr(i)
}

// AppendKey appends bytes that two values of one column type have in common if
// and only if they are equal. Nulls equal each other; so do the two zeros and
// all NaNs. The bytes of several columns can be put one after the other.
func AppendKey(dst []byte, col arrow.Array, i int) []byte {
	if col.IsNull(i) {
		return append(dst, 0)
	}
	dst = append(dst, 1)
	switch c := col.(type) {
	case *array.String:
		return appendBytes(dst, c.Value(i))
	case *array.Binary:
		return appendBytes(dst, string(c.Value(i)))
	case *array.Float64:
		return binary.BigEndian.AppendUint64(dst, floatBits(c.Value(i)))
	case *array.Float32:
		return binary.BigEndian.AppendUint64(dst, floatBits(float64(c.Value(i))))
	case *array.Boolean:
		if c.Value(i) {
			return append(dst, 1)
		}
		return append(dst, 0)
	case *array.Uint64:
		return binary.BigEndian.AppendUint64(dst, c.Value(i))
	case *array.Date32:
		return binary.BigEndian.AppendUint64(dst, uint64(c.Value(i)))
	case *array.Timestamp:
		return binary.BigEndian.AppendUint64(dst, uint64(c.Value(i)))
	case *array.Decimal128:
		v := c.Value(i)
		dst = binary.BigEndian.AppendUint64(dst, uint64(v.HighBits()))
		return binary.BigEndian.AppendUint64(dst, v.LowBits())
	case array.ListLike:
		from, to := c.ValueOffsets(i)
		dst = binary.AppendUvarint(dst, uint64(to-from))
		for e := from; e < to; e++ {
			dst = AppendKey(dst, c.ListValues(), int(e))
		}
		return dst
	case *array.Struct:
		for f := range c.NumField() {
			dst = AppendKey(dst, c.Field(f), i)
		}
		return dst
	}
	if v, ok := Value(col, i).(int64); ok {
		return binary.BigEndian.AppendUint64(dst, uint64(v))
	}
	return appendBytes(dst, col.ValueStr(i))
}

func appendBytes(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func floatBits(f float64) uint64 {
	switch {
	case f == 0:
		return 0
	case f != f:
		return math.Float64bits(math.NaN())
	}
	return math.Float64bits(f)
}
