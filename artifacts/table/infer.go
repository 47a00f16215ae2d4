package table

import (
	"fmt"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
)

// shape is the set of kinds of value that the sample of a column holds.
type shape uint16

const (
	shapeInt    shape = 1 << iota
	shapeBigInt       // an integer beyond 64 bits
	shapeFloat
	shapeBool
	shapeDate
	shapeInstant // date and time without zone
	shapeZoned   // date and time with zone
	shapeNanos   // an instant finer than microseconds
	shapeText
	shapeList
)

// shapeOf classifies one value of text.
func shapeOf(v []byte) shape {
	if len(v) == 0 {
		return 0
	}
	switch c := v[0]; {
	case c-'0' <= 9 || c == '-' || c == '.':
		if s := shapeOfNumber(v); s != shapeText {
			return s
		}
		return shapeOfInstant(v)
	case c == 't' || c == 'T' || c == 'f' || c == 'F':
		if _, ok := parseBool(v); ok {
			return shapeBool
		}
	case c == 'n' || c == 'N' || c == 'i' || c == 'I':
		if _, ok := parseSpecialFloat(v); ok {
			return shapeFloat
		}
	}
	return shapeText
}

func shapeOfNumber(v []byte) shape {
	if hasLeadingZero(v) {
		return shapeText
	}
	if _, ok := parseInt64(v); ok {
		return shapeInt
	}
	if _, exp, digits, _, ok := splitDecimal(v); ok && exp == 0 && digits == len(v)-signs(v) {
		return shapeBigInt
	}
	if _, ok := parseFloat64(v); ok {
		return shapeFloat
	}
	return shapeText
}

func signs(v []byte) int {
	if v[0] == '-' || v[0] == '+' {
		return 1
	}
	return 0
}

func shapeOfInstant(v []byte) shape {
	t, ok := parseInstant(v)
	switch {
	case !ok:
		return shapeText
	case !t.hasTime:
		return shapeDate
	}
	s := shapeInstant
	if t.zoned {
		s = shapeZoned
	}
	if t.digits > 6 {
		s |= shapeNanos
	}
	if _, fits := t.in(arrow.Nanosecond); !fits && t.digits > 6 {
		return shapeText
	}
	return s
}

// typ is the narrowest type that holds all values of a shape without loss. A column
// without any value is utf8, since that fits whatever comes later.
func (s shape) typ() arrow.DataType {
	unit := arrow.Microsecond
	if s&shapeNanos != 0 {
		unit = arrow.Nanosecond
		s &^= shapeNanos
	}
	switch {
	case s == shapeInt:
		return arrow.PrimitiveTypes.Int64
	case s&shapeFloat != 0 && s&^(shapeInt|shapeBigInt|shapeFloat) == 0:
		return arrow.PrimitiveTypes.Float64
	case s == shapeBool:
		return arrow.FixedWidthTypes.Boolean
	case s == shapeDate:
		return arrow.FixedWidthTypes.Date32
	case s == shapeInstant || s == shapeInstant|shapeDate:
		return &arrow.TimestampType{Unit: unit}
	case s == shapeZoned:
		return &arrow.TimestampType{Unit: unit, TimeZone: "UTC"}
	}
	// Integers of 20 digits are here, too: as float64 they would no longer differ.
	return arrow.BinaryTypes.String
}

// inferCSV gives the type of a column from the cells of the sample. Quotation marks do
// not make text of a number, since many writers quote everything.
func inferCSV(b *block, col int) arrow.DataType {
	var s shape
	for row := range b.rows {
		if c := b.at(row, col); c.kind != cellNull {
			s |= shapeOf(b.text(c))
		}
		if s&shapeText != 0 {
			break
		}
	}
	return s.typ()
}

// inferJSON gives the type of a column from the cells of the sample, whether it is text
// that holds numbers, and the first row whose value has no common type with those
// before it.
func inferJSON(b *block, col int, name string) (t arrow.DataType, numbers bool, row int, wrong string) {
	var s, elem shape
	for row := range b.rows {
		c := b.at(row, col)
		one := shapeOfJSON(b, c)
		if clash := jsonClash(s, one); clash != "" {
			return nil, false, row, fmt.Sprintf("%s after %s; declare a type, as in %s", clash, jsonKind(s), declaration(name, "string"))
		}
		s |= one
		if one != shapeList {
			continue
		}
		raw := b.buf[c.off:c.end]
		inner := block{buf: raw, cells: listElements(nil, raw), cols: 1, unescape: b.unescape}
		inner.rows = len(inner.cells)
		for i := range inner.rows {
			e := shapeOfJSON(&inner, inner.at(i, 0))
			if e == shapeList {
				return nil, false, row, "a list of lists; declare its type, as in " + declaration(name, "list<list<float64>>")
			}
			if clash := jsonClash(elem, e); clash != "" {
				return nil, false, row, fmt.Sprintf("a list with %s after %s; its elements need one type", clash, jsonKind(elem))
			}
			elem |= e
		}
	}
	if s == shapeList {
		return arrow.ListOfField(arrow.Field{Name: "item", Type: elem.typ(), Nullable: true}), elem.longNumbers(), 0, ""
	}
	return s.typ(), s.longNumbers(), 0, ""
}

// longNumbers tells whether values are numbers that only text holds without loss.
func (s shape) longNumbers() bool {
	return s&shapeBigInt != 0 && jsonKind(s) == "a number" && s.typ() == arrow.BinaryTypes.String
}

func shapeOfJSON(b *block, c cell) shape {
	raw := b.buf[c.off:c.end]
	switch c.kind {
	case cellNull:
		return 0
	case cellList:
		return shapeList
	case cellBare:
		if raw[0] == 't' || raw[0] == 'f' {
			return shapeBool
		}
		if s := shapeOfNumber(raw); s != shapeText {
			return s
		}
		return shapeFloat // valid JSON beyond float64, which the column will refuse
	}
	if s := shapeOfInstant(b.text(c)); s != shapeText {
		return s
	}
	return shapeText
}

// jsonKind names the kind of JSON value that a shape stands for.
func jsonKind(s shape) string {
	switch {
	case s == 0:
		return ""
	case s&shapeList != 0:
		return "a list"
	case s&shapeBool != 0:
		return "a boolean"
	case s&(shapeInt|shapeBigInt|shapeFloat) != 0:
		return "a number"
	}
	return "a string"
}

func jsonClash(before, now shape) string {
	a, b := jsonKind(before), jsonKind(now)
	if a == b || a == "" {
		return ""
	}
	return b
}

// columnNames are the names of a file without header where none are given.
func columnNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = "column_" + strconv.Itoa(i+1)
	}
	return names
}
