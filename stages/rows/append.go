package rows

import (
	"fmt"
	"reflect"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"pipe/dag/expr"
)

// ArrowType gives the type of a column that holds the values of an expression.
// The error says what to do where only running the expression could tell.
func ArrowType(t expr.Type) (arrow.DataType, error) {
	for _, c := range []struct {
		expr  expr.Type
		arrow arrow.DataType
	}{
		{expr.String, arrow.BinaryTypes.String},
		{expr.Int, arrow.PrimitiveTypes.Int64},
		{expr.Double, arrow.PrimitiveTypes.Float64},
		{expr.Bool, arrow.FixedWidthTypes.Boolean},
		{expr.Bytes, arrow.BinaryTypes.Binary},
		{expr.Timestamp, &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}},
	} {
		if t.Is(c.expr) {
			return c.arrow, nil
		}
		if t.Is(expr.List(c.expr)) {
			return arrow.ListOf(c.arrow), nil
		}
	}
	return nil, fmt.Errorf("the expression gives %s, which is no type of a column; make it one with string(), int(), double() or bool()", t)
}

// Append appends the value of an expression to a column of its ArrowType.
func Append(b array.Builder, v any) error {
	if v == nil {
		b.AppendNull()
		return nil
	}
	ok := true
	switch b := b.(type) {
	case *array.StringBuilder:
		ok = appendTo(b, v)
	case *array.Int64Builder:
		ok = appendTo(b, v)
	case *array.Float64Builder:
		ok = appendTo(b, v)
	case *array.BooleanBuilder:
		ok = appendTo(b, v)
	case *array.BinaryBuilder:
		ok = appendTo(b, v)
	case *array.TimestampBuilder:
		var at time.Time
		if at, ok = v.(time.Time); ok {
			b.Append(arrow.Timestamp(at.UnixMicro()))
		}
	case *array.ListBuilder:
		// CEL's own functions give typed lists, such as split a []string.
		list := reflect.ValueOf(v)
		if ok = list.Kind() == reflect.Slice; ok {
			b.Append(true)
			for i := range list.Len() {
				if err := Append(b.ValueBuilder(), list.Index(i).Interface()); err != nil {
					return err
				}
			}
		}
	default:
		ok = false
	}
	if !ok {
		return fmt.Errorf("the expression gave %v (%T), which does not fit into a column of %s", v, v, b.Type())
	}
	return nil
}

func appendTo[T any](b interface{ Append(T) }, v any) bool {
	x, ok := v.(T)
	if ok {
		b.Append(x)
	}
	return ok
}
