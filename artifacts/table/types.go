package table

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// scalarNames lists the spellings of types without parameters. The first spelling of
// a type is the one that TypeName gives.
var scalarNames = []struct {
	name string
	typ  arrow.DataType
}{
	{"bool", arrow.FixedWidthTypes.Boolean}, {"boolean", arrow.FixedWidthTypes.Boolean},
	{"int8", arrow.PrimitiveTypes.Int8}, {"int16", arrow.PrimitiveTypes.Int16},
	{"int32", arrow.PrimitiveTypes.Int32}, {"int64", arrow.PrimitiveTypes.Int64}, {"int", arrow.PrimitiveTypes.Int64},
	{"uint8", arrow.PrimitiveTypes.Uint8}, {"uint16", arrow.PrimitiveTypes.Uint16},
	{"uint32", arrow.PrimitiveTypes.Uint32}, {"uint64", arrow.PrimitiveTypes.Uint64},
	{"float32", arrow.PrimitiveTypes.Float32}, {"float64", arrow.PrimitiveTypes.Float64}, {"float", arrow.PrimitiveTypes.Float64},
	{"string", arrow.BinaryTypes.String}, {"utf8", arrow.BinaryTypes.String}, {"text", arrow.BinaryTypes.String},
	{"binary", arrow.BinaryTypes.Binary}, {"bytes", arrow.BinaryTypes.Binary},
	{"date", arrow.FixedWidthTypes.Date32}, {"date32", arrow.FixedWidthTypes.Date32},
	{"timestamp", &arrow.TimestampType{Unit: arrow.Microsecond}},
}

var timeUnits = []struct {
	name string
	unit arrow.TimeUnit
}{{"s", arrow.Second}, {"ms", arrow.Millisecond}, {"us", arrow.Microsecond}, {"ns", arrow.Nanosecond}}

// ParseType reads the spelling of a column type as people write it in a schema:
// "string", "int64", "date", "timestamp" (microseconds), "timestamp[ms, UTC]",
// "decimal(10, 2)", "list<float32>", "list<float32>[384]" (of that fixed length) or
// "struct<a: int64, b: string>". Spaces do not matter. The error lists the spellings.
func ParseType(s string) (arrow.DataType, error) {
	t, ok := parseType(strings.TrimSpace(s))
	if !ok {
		return nil, fmt.Errorf("%q is no column type (known: %s, timestamp[s|ms|us|ns], timestamp[us, ZONE], decimal(PRECISION, SCALE), list<T>, list<T>[LENGTH], struct<NAME: T, …>)",
			s, strings.Join(typeSpellings(), ", "))
	}
	return t, nil
}

func typeSpellings() []string {
	var names []string
	for i, n := range scalarNames {
		if i == 0 || !arrow.TypeEqual(n.typ, scalarNames[i-1].typ) {
			names = append(names, n.name)
		}
	}
	return names
}

func parseType(s string) (arrow.DataType, bool) {
	for _, n := range scalarNames {
		if strings.EqualFold(s, n.name) {
			return n.typ, true
		}
	}
	name, args, length, ok := splitType(s)
	if !ok {
		return nil, false
	}
	switch name {
	case "timestamp":
		return parseTimestampType(args)
	case "decimal":
		p, scale, _ := strings.Cut(args, ",")
		precision, err1 := strconv.Atoi(strings.TrimSpace(p))
		digits, err2 := strconv.Atoi(strings.TrimSpace(scale))
		if err1 != nil || err2 != nil || precision < 1 || precision > 38 || digits < 0 || digits > precision {
			return nil, false
		}
		return &arrow.Decimal128Type{Precision: int32(precision), Scale: int32(digits)}, true
	case "list":
		elem, ok := parseType(strings.TrimSpace(args))
		if !ok {
			return nil, false
		}
		if length == "" {
			return arrow.ListOf(elem), true
		}
		n, err := strconv.ParseInt(length, 10, 32)
		if err != nil || n < 1 {
			return nil, false
		}
		return arrow.FixedSizeListOf(int32(n), elem), true
	case "struct":
		return parseStructType(args)
	}
	return nil, false
}

// splitType takes name[args], name(args), name<args> and name<args>[length] apart.
func splitType(s string) (name, args, length string, ok bool) {
	open := strings.IndexAny(s, "[(<")
	if open <= 0 {
		return "", "", "", false
	}
	name = strings.ToLower(strings.TrimSpace(s[:open]))
	closing := map[byte]byte{'[': ']', '(': ')', '<': '>'}[s[open]]
	end := strings.LastIndexByte(s, closing)
	if end < open {
		return "", "", "", false
	}
	args = s[open+1 : end]
	rest := strings.TrimSpace(s[end+1:])
	if rest == "" {
		return name, args, "", true
	}
	if name != "list" || rest[0] != '[' || rest[len(rest)-1] != ']' {
		return "", "", "", false
	}
	length = strings.TrimSpace(rest[1 : len(rest)-1])
	return name, args, length, length != ""
}

func parseTimestampType(args string) (arrow.DataType, bool) {
	unit, zone, _ := strings.Cut(args, ",")
	for _, u := range timeUnits {
		if u.name == strings.TrimSpace(unit) {
			return &arrow.TimestampType{Unit: u.unit, TimeZone: strings.TrimSpace(zone)}, true
		}
	}
	return nil, false
}

func parseStructType(args string) (arrow.DataType, bool) {
	var fields []arrow.Field
	for _, part := range splitTopLevel(args) {
		name, typ, found := strings.Cut(part, ":")
		t, ok := parseType(strings.TrimSpace(typ))
		name = strings.TrimSpace(name)
		if !found || !ok || name == "" {
			return nil, false
		}
		fields = append(fields, arrow.Field{Name: name, Type: t, Nullable: true})
	}
	return arrow.StructOf(fields...), len(fields) > 0
}

// splitTopLevel splits at the commas that are inside no bracket.
func splitTopLevel(s string) []string {
	var parts []string
	depth, from := 0, 0
	for i := range len(s) {
		switch s[i] {
		case '<', '(', '[':
			depth++
		case '>', ')', ']':
			depth--
		case ',':
			if depth == 0 {
				parts = append(parts, s[from:i])
				from = i + 1
			}
		}
	}
	return append(parts, s[from:])
}

// TypeName is the spelling of a canonical type that ParseType reads back.
func TypeName(t arrow.DataType) string {
	for _, n := range scalarNames {
		if arrow.TypeEqual(n.typ, t) {
			return n.name
		}
	}
	switch t := t.(type) {
	case *arrow.TimestampType:
		if t.TimeZone == "" {
			return "timestamp[" + t.Unit.String() + "]"
		}
		return "timestamp[" + t.Unit.String() + ", " + t.TimeZone + "]"
	case *arrow.Decimal128Type:
		return fmt.Sprintf("decimal(%d, %d)", t.Precision, t.Scale)
	case *arrow.ListType:
		return "list<" + TypeName(t.Elem()) + ">"
	case *arrow.FixedSizeListType:
		return fmt.Sprintf("list<%s>[%d]", TypeName(t.Elem()), t.Len())
	case *arrow.StructType:
		parts := make([]string, t.NumFields())
		for i, f := range t.Fields() {
			parts[i] = f.Name + ": " + TypeName(f.Type)
		}
		return "struct<" + strings.Join(parts, ", ") + ">"
	}
	return t.String()
}
