package table

import (
	"fmt"
	"io"
	"math"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// NewJSONLWriter writes JSON Lines: one object (RFC 8259) per row, keys in schema
// order, null written as null, dates and times as ISO 8601. NaN and the infinities,
// which JSON does not have, are errors.
func NewJSONLWriter(w io.Writer, s *arrow.Schema) (Writer, error) {
	return newTextWriter(w, s, jsonFormat{})
}

type jsonFormat struct{}

func (jsonFormat) check(t arrow.DataType) error {
	if l, ok := t.(arrow.ListLikeType); ok {
		t = l.Elem()
	}
	return checkPlain(t, "JSON Lines")
}

func (jsonFormat) header(dst []byte, _ *arrow.Schema) []byte { return dst }

func (jsonFormat) row(dst []byte, cols []boundColumn, i int) ([]byte, error) {
	for j, c := range cols {
		if j == 0 {
			dst = append(dst, '{')
		} else {
			dst = append(dst, ',')
		}
		dst = append(appendJSONString(dst, c.name), ':')
		var err error
		if dst, err = appendJSON(dst, c.a, c.put, i); err != nil {
			return dst, fmt.Errorf("column %q: %w", c.name, err)
		}
	}
	return append(dst, '}', '\n'), nil
}

func appendJSON(dst []byte, a arrow.Array, put appender, i int) ([]byte, error) {
	if a.IsNull(i) {
		return append(dst, "null"...), nil
	}
	return put(dst, i)
}

func (f jsonFormat) bind(a arrow.Array) appender {
	switch a := a.(type) {
	case *array.String:
		return func(dst []byte, i int) ([]byte, error) {
			v := a.Value(i)
			if !utf8.ValidString(v) {
				return dst, fmt.Errorf("%s is not valid UTF-8", shorten([]byte(v)))
			}
			return appendJSONString(dst, v), nil
		}
	case *array.Float32:
		return finite(bindPlain(a), func(i int) float64 { return float64(a.Value(i)) })
	case *array.Float64:
		return finite(bindPlain(a), a.Value)
	case *array.Date32, *array.Timestamp:
		put := bindPlain(a)
		return func(dst []byte, i int) ([]byte, error) {
			dst, err := put(append(dst, '"'), i)
			return append(dst, '"'), err
		}
	case array.ListLike:
		return bindJSONList(a, f.bind(a.ListValues()))
	}
	return bindPlain(a)
}

func bindJSONList(a array.ListLike, put appender) appender {
	values := a.ListValues()
	return func(dst []byte, i int) ([]byte, error) {
		dst = append(dst, '[')
		from, to := a.ValueOffsets(i)
		for j := from; j < to; j++ {
			if j > from {
				dst = append(dst, ',')
			}
			var err error
			if dst, err = appendJSON(dst, values, put, int(j)); err != nil {
				return dst, fmt.Errorf("element %d: %w", j-from+1, err)
			}
		}
		return append(dst, ']'), nil
	}
}

func finite(put appender, value func(int) float64) appender {
	return func(dst []byte, i int) ([]byte, error) {
		if v := value(i); math.IsNaN(v) || math.IsInf(v, 0) {
			return dst, fmt.Errorf("%v has no spelling in JSON; write CSV, Parquet or Arrow, or replace it", v)
		}
		return put(dst, i)
	}
}

const hexDigits = "0123456789abcdef"

// appendJSONString escapes what RFC 8259 demands and no more.
func appendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(append(dst, s[from:]...), '"')
}
