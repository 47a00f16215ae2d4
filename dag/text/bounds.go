package text

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
)

// bounds checks what a field's tags demand of its value: min, max, above,
// below and enum.
func (d *Decoder) bounds(n *Node, v reflect.Value, f *Field, name string) {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return
		}
		v = v.Elem()
	}
	if x, noun, ok := measure(v); ok {
		for _, rule := range []struct {
			tag, words string
			holds      func(x, bound float64) bool
		}{
			{f.Min, "must be at least", func(x, b float64) bool { return x >= b }},
			{f.Max, "must be at most", func(x, b float64) bool { return x <= b }},
			{f.Above, "must be above", func(x, b float64) bool { return x > b }},
			{f.Below, "must be below", func(x, b float64) bool { return x < b }},
		} {
			if rule.tag == "" {
				continue
			}
			bound, err := strconv.ParseFloat(rule.tag, 64)
			if err != nil {
				panic("text: bound of " + name + " is not a number: " + rule.tag)
			}
			if !rule.holds(x, bound) {
				d.Problems.Add(&Problem{Code: "bounds", Pos: n.Pos, Text: fmt.Sprintf("%s%s %s %s, is %s", name, noun, rule.words, rule.tag, Number(x))})
				return
			}
		}
	}
	d.words(n, v, f, name)
}

// measure gives what the bounds of a value are about: a number itself, or the
// length of a list.
func measure(v reflect.Value) (x float64, noun string, ok bool) {
	switch {
	case v.CanInt():
		return float64(v.Int()), "", true
	case v.CanUint():
		return float64(v.Uint()), "", true
	case v.CanFloat():
		return v.Float(), "", true
	case v.Kind() == reflect.Slice:
		return float64(v.Len()), "'s length", true
	}
	return 0, "", false
}

// Number writes a number for a message: a whole one with all its digits.
func Number(x float64) string {
	if x == math.Trunc(x) && math.Abs(x) < 1e15 {
		return strconv.FormatFloat(x, 'f', -1, 64)
	}
	return FormatScalar(x)
}

func (d *Decoder) words(n *Node, v reflect.Value, f *Field, name string) {
	if len(f.Enum) == 0 {
		return
	}
	check := func(n *Node, s string) {
		if slices.Contains(f.Enum, s) {
			return
		}
		hint := DidYouMean(s, f.Enum)
		d.Problems.Add(&Problem{Code: "enum", Pos: n.Pos, Text: fmt.Sprintf("%s must be one of %s, is %q", name, List(f.Enum), shorten(s)), Hint: hint})
	}
	switch v.Kind() {
	case reflect.String:
		check(n, v.String())
	case reflect.Slice:
		for i := range v.Len() {
			at := n
			if n.Kind == Sequence {
				at = n.Items[i]
			}
			if v.Index(i).Kind() == reflect.String {
				check(at, v.Index(i).String())
			}
		}
	}
}
