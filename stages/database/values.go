package database

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"pipe/artifacts/table"
)

// infer is the type that holds all values of a column in some rows; text where
// they are of several kinds, or none is there.
func infer(rows [][]any, i int) arrow.DataType {
	var t arrow.DataType
	for _, row := range rows {
		var u arrow.DataType
		switch row[i].(type) {
		case nil:
			continue
		case bool:
			u = arrow.FixedWidthTypes.Boolean
		case int64:
			u = arrow.PrimitiveTypes.Int64
		case float64:
			u = arrow.PrimitiveTypes.Float64
		case []byte:
			u = arrow.BinaryTypes.Binary
		case time.Time:
			u = &arrow.TimestampType{Unit: arrow.Microsecond}
		default:
			u = arrow.BinaryTypes.String
		}
		switch {
		case t == nil:
			t = u
		case arrow.TypeEqual(t, u):
		case arrow.IsFloating(t.ID()) && arrow.IsInteger(u.ID()), arrow.IsInteger(t.ID()) && arrow.IsFloating(u.ID()):
			t = arrow.PrimitiveTypes.Float64
		default:
			return arrow.BinaryTypes.String
		}
	}
	if t == nil {
		return arrow.BinaryTypes.String
	}
	return t
}

// misfit is a value that a column cannot hold.
func misfit(v any, t arrow.DataType) error {
	text := fmt.Sprintf("%v", v)
	if s, ok := v.(string); ok {
		text = strconv.Quote(s)
	}
	if b, ok := v.([]byte); ok {
		text = fmt.Sprintf("%d bytes", len(b))
	}
	if len(text) > 60 {
		text = text[:57] + "…"
	}
	return fmt.Errorf("%s is no %s; give the column its type in schema, or CAST it in the query", text, table.TypeName(t))
}

// appender puts values into a column, as far as they fit without a loss.
func appender(b array.Builder, t arrow.DataType) (func(any) error, error) {
	var put func(v any) bool
	switch b := b.(type) {
	case *array.BooleanBuilder:
		put = func(v any) bool {
			x, ok := v.(bool)
			if n, number := v.(int64); number && (n == 0 || n == 1) {
				x, ok = n == 1, true
			}
			if ok {
				b.Append(x)
			}
			return ok
		}
	case *array.Int64Builder:
		put = whole(math.MinInt64, math.MaxInt64, b.Append)
	case *array.Int32Builder:
		put = whole(math.MinInt32, math.MaxInt32, func(v int64) { b.Append(int32(v)) })
	case *array.Int16Builder:
		put = whole(math.MinInt16, math.MaxInt16, func(v int64) { b.Append(int16(v)) })
	case *array.Int8Builder:
		put = whole(math.MinInt8, math.MaxInt8, func(v int64) { b.Append(int8(v)) })
	case *array.Float64Builder:
		put = real(b.Append)
	case *array.Float32Builder:
		put = real(func(v float64) { b.Append(float32(v)) })
	case *array.StringBuilder:
		put = func(v any) bool {
			s, ok := spell(v)
			if ok {
				b.Append(s)
			}
			return ok
		}
	case *array.BinaryBuilder:
		put = func(v any) bool {
			switch v := v.(type) {
			case []byte:
				b.Append(v)
			case string:
				b.AppendString(v)
			default:
				return false
			}
			return true
		}
	case *array.Date32Builder:
		put = func(v any) bool {
			d, ok := v.(time.Time)
			if ok = ok && d.Truncate(24*time.Hour).Equal(d); ok {
				b.Append(arrow.Date32FromTime(d))
			}
			return ok
		}
	case *array.TimestampBuilder:
		unit := t.(*arrow.TimestampType).Unit
		put = func(v any) bool {
			d, ok := v.(time.Time)
			if !ok {
				return false
			}
			x, err := arrow.TimestampFromTime(d, unit)
			if err == nil {
				b.Append(x)
			}
			return err == nil
		}
	case *array.Decimal128Builder:
		put = decimals(b, t.(*arrow.Decimal128Type))
	case *array.ListBuilder:
		return lists(b, t.(*arrow.ListType).Elem())
	default:
		return nil, fmt.Errorf("a database gives no %s", table.TypeName(t))
	}
	return func(v any) error {
		if v == nil {
			b.AppendNull()
			return nil
		}
		if !put(v) {
			return misfit(v, t)
		}
		return nil
	}, nil
}

func whole(least, most int64, put func(int64)) func(any) bool {
	return func(v any) bool {
		n, ok := v.(int64)
		if s, text := v.(string); text { // numeric
			var err error
			n, err = strconv.ParseInt(s, 10, 64)
			ok = err == nil
		}
		if ok = ok && n >= least && n <= most; ok {
			put(n)
		}
		return ok
	}
}

// exact is up to where every whole number is a float64.
const exact = 1 << 53

func real(put func(float64)) func(any) bool {
	return func(v any) bool {
		f, ok := v.(float64)
		switch v := v.(type) {
		case int64:
			f, ok = float64(v), v >= -exact && v <= exact
		case string: // numeric
			var err error
			f, err = strconv.ParseFloat(v, 64)
			ok = err == nil
		}
		if ok {
			put(f)
		}
		return ok
	}
}

// spell writes a value as text.
func spell(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, utf8.ValidString(v)
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), true
	case bool:
		return strconv.FormatBool(v), true
	case time.Time:
		return v.Format(time.RFC3339Nano), true
	}
	return "", false
}

func decimals(b *array.Decimal128Builder, t *arrow.Decimal128Type) func(any) bool {
	return func(v any) bool {
		s, ok := spell(v)
		if !ok {
			return false
		}
		r, ok := new(big.Rat).SetString(s)
		if !ok {
			return false
		}
		r.Mul(r, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(t.Scale)), nil)))
		if !r.IsInt() || r.Num().BitLen() > 127 {
			return false // more digits than the type has
		}
		d := decimal128.FromBigInt(r.Num())
		if !d.FitsInPrecision(t.Precision) {
			return false
		}
		b.Append(d)
		return true
	}
}

func lists(b *array.ListBuilder, elem arrow.DataType) (func(any) error, error) {
	put, err := appender(b.ValueBuilder(), elem)
	if err != nil {
		return nil, err
	}
	return func(v any) error {
		if v == nil {
			b.AppendNull()
			return nil
		}
		items, ok := v.([]any)
		if !ok {
			return misfit(v, arrow.ListOf(elem))
		}
		b.Append(true)
		for _, item := range items {
			if err := put(item); err != nil {
				return err
			}
		}
		return nil
	}, nil
}
