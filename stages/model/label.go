package model

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Labels can be text, whole numbers and booleans. A label is handled as text
// and keeps its type for what comes out.

// LabelType tells whether a column can hold labels.
func LabelType(t arrow.DataType) bool {
	return t.ID() == arrow.STRING || t.ID() == arrow.BOOL || arrow.IsInteger(t.ID())
}

// NumberType tells whether a column can be the target of a regression.
func NumberType(t arrow.DataType) bool {
	return arrow.IsInteger(t.ID()) || t.ID() == arrow.FLOAT32 || t.ID() == arrow.FLOAT64
}

// Label gives a value of a label column as text; ok is false for null.
func Label(a arrow.Array, i int) (label string, ok bool) {
	if a.IsNull(i) {
		return "", false
	}
	if s, text := a.(*array.String); text {
		return s.Value(i), true
	}
	return a.ValueStr(i), true
}

// Number gives a value of a number column; ok is false for null.
func Number(a arrow.Array, i int) (v float64, ok bool) {
	if a.IsNull(i) {
		return 0, false
	}
	switch a := a.(type) {
	case *array.Float64:
		return a.Value(i), true
	case *array.Float32:
		return float64(a.Value(i)), true
	}
	v, err := strconv.ParseFloat(a.ValueStr(i), 64)
	return v, err == nil
}

// classValue turns a class back into a value of the target's type.
func classValue(target, class string) (v any, err error) {
	switch target {
	case "utf8":
		return class, nil
	case "bool":
		v, err = strconv.ParseBool(class)
	case "uint64":
		v, err = strconv.ParseUint(class, 10, 64)
	case "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32":
		v, err = strconv.ParseInt(class, 10, 64)
	default:
		return nil, fmt.Errorf("labels are text, whole numbers or booleans, not %s", target)
	}
	if err != nil {
		return nil, fmt.Errorf("the class %q is no %s", class, target)
	}
	return v, nil
}

// SortClasses orders labels by value: text by its bytes, numbers by size,
// false before true.
func SortClasses(target string, classes []string) {
	slices.SortFunc(classes, func(a, b string) int {
		x, errX := strconv.ParseInt(a, 10, 64)
		y, errY := strconv.ParseInt(b, 10, 64)
		if target != "utf8" && errX == nil && errY == nil {
			return cmp.Compare(x, y)
		}
		if target == "uint64" { // beyond the range of int64 the longer is the larger
			return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
		}
		return cmp.Compare(a, b)
	})
}
