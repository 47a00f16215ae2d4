package table

import (
	"fmt"
	"math"
	"strconv"
	"unicode"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// origin says where the type of a column comes from, and from which kind of file; it
// decides which spellings the column takes.
type origin struct {
	column   string
	json     bool
	declared bool // by the schema; an inferred column takes only what inference would
	numbers  bool // of JSON, inferred: text, because the numbers of the sample fit no type without loss
}

// newColumn makes the column of a text file for a canonical type.
func newColumn(t arrow.DataType, from origin) (column, error) {
	number, stringy := anyScalar, anyScalar
	if from.json {
		number, stringy = jsonNumber, jsonString
	}
	fault := func(v []byte) string { return misfit(v, t, from) }
	switch t := t.(type) {
	case *arrow.StringType:
		switch {
		case from.declared:
			stringy = anyScalar | jsonListing // a number or a list as it is spelled
		case from.numbers:
			stringy = jsonNumber
		}
		return &stringColumn{kinds: stringy, fault: fault}, nil
	case *arrow.BooleanType:
		return &boolColumn{fixedColumn[bool]{typ: t, kinds: number, parse: parseBool, fault: fault}}, nil
	case *arrow.Int64Type:
		return newFixed(t, number, fault, numeral(parseInt64, from)), nil
	case *arrow.Int32Type:
		return newFixed(t, number, fault, narrow[int32](math.MinInt32, math.MaxInt32)), nil
	case *arrow.Int16Type:
		return newFixed(t, number, fault, narrow[int16](math.MinInt16, math.MaxInt16)), nil
	case *arrow.Int8Type:
		return newFixed(t, number, fault, narrow[int8](math.MinInt8, math.MaxInt8)), nil
	case *arrow.Uint64Type:
		return newFixed(t, number, fault, parseUint64), nil
	case *arrow.Uint32Type:
		return newFixed(t, number, fault, narrow[uint32](0, math.MaxUint32)), nil
	case *arrow.Uint16Type:
		return newFixed(t, number, fault, narrow[uint16](0, math.MaxUint16)), nil
	case *arrow.Uint8Type:
		return newFixed(t, number, fault, narrow[uint8](0, math.MaxUint8)), nil
	case *arrow.Float64Type:
		return newFixed(t, number|stringy, fault, numeral(parseFloat64, from)), nil
	case *arrow.Float32Type:
		return newFixed(t, number|stringy, fault, parseFloat32), nil
	case *arrow.Date32Type:
		return newFixed(t, stringy, fault, parseDate), nil
	case *arrow.TimestampType:
		return newFixed(t, stringy, fault, func(b []byte) (int64, bool) {
			at, ok := parseInstant(b)
			v, fits := at.in(t.Unit)
			return v, ok && fits && at.zoned == (t.TimeZone != "")
		}), nil
	case *arrow.Decimal128Type:
		return newFixed(t, number|stringy, fault, func(b []byte) (decimal128.Num, bool) {
			hi, lo, ok := parseDecimal(b, t.Precision, t.Scale)
			return decimal128.New(hi, lo), ok
		}), nil
	case *arrow.ListType:
		return newListColumn(t, t.Elem(), -1, from)
	case *arrow.FixedSizeListType:
		return newListColumn(t, t.Elem(), int(t.Len()), from)
	}
	return nil, fmt.Errorf("text files hold no %s: declare another type, or use Parquet or Arrow", TypeName(t))
}

func newFixed[T any](t arrow.DataType, k kinds, fault func([]byte) string, parse func([]byte) (T, bool)) column {
	return &fixedColumn[T]{typ: t, kinds: k, parse: parse, fault: fault}
}

func newListColumn(t, elem arrow.DataType, length int, from origin) (column, error) {
	if !from.json {
		return nil, fmt.Errorf("CSV holds no lists: declare string instead of %s, or use JSON Lines, Parquet or Arrow", TypeName(t))
	}
	c, err := newColumn(elem, from)
	if err != nil {
		return nil, err
	}
	return &listColumn{typ: t, length: length, elem: c}, nil
}

// numeral refuses leading zeros in a column that was inferred to hold numbers: the
// same value in the sample would have made it a string column.
func numeral[T any](parse func([]byte) (T, bool), from origin) func([]byte) (T, bool) {
	if from.declared {
		return parse
	}
	return func(b []byte) (T, bool) {
		v, ok := parse(b)
		return v, ok && (b[0] != '0' && b[0] != '-' || !hasLeadingZero(b)) && b[0] != '+'
	}
}

func narrow[T int8 | int16 | int32 | uint8 | uint16 | uint32](least, most int64) func([]byte) (T, bool) {
	return func(b []byte) (T, bool) {
		v, ok := parseInt64(b)
		return T(v), ok && v >= least && v <= most
	}
}

// parseFloat32 rounds once: where the nearest float64 lies just between two float32,
// or below the normal ones, the digits decide and not the float64.
func parseFloat32(b []byte) (float32, bool) {
	v, ok := parseFloat64(b)
	if !ok {
		return 0, false
	}
	const halfway, lost = 1 << 28, 1<<29 - 1
	if math.Float64bits(v)&lost == halfway || v != 0 && math.Abs(v) < 0x1p-126 {
		f, err := strconv.ParseFloat(text(b), 32)
		return float32(f), err == nil
	}
	f := float32(v)
	return f, !math.IsInf(float64(f), 0) || math.IsInf(v, 0)
}

func parseDate(b []byte) (arrow.Date32, bool) {
	at, ok := parseInstant(b)
	return arrow.Date32(at.seconds / 86400), ok && !at.hasTime
}

// misfit says that a value does not fit its column, and what to declare so that all
// values do.
func misfit(v []byte, t arrow.DataType, from origin) string {
	if from.declared {
		return fmt.Sprintf("%s is no %s, the declared type", shorten(v), TypeName(t))
	}
	return fmt.Sprintf("%s is no %s, the type of the first rows; declare a type that fits all rows, as in %s",
		shorten(v), TypeName(t), declaration(from.column, wider(v, t)))
}

func wider(v []byte, t arrow.DataType) string {
	if arrow.IsInteger(t.ID()) && shapeOf(v) == shapeFloat {
		return "float64"
	}
	return "string"
}

// declaration spells the YAML that declares a column.
func declaration(column, typ string) string {
	for i, c := range column {
		if !unicode.IsLetter(c) && c != '_' && (i == 0 || !unicode.IsDigit(c)) {
			column = strconv.Quote(column)
			break
		}
	}
	return fmt.Sprintf("schema: {%s: %s}", column, typ)
}
