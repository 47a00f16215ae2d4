package table

import (
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// NewCSVWriter writes CSV (RFC 4180, but lines end in LF) with a header. Null is the
// empty field, the empty string is "", and a float always has a point or an exponent,
// so that reading it back infers the same types.
func NewCSVWriter(w io.Writer, s *arrow.Schema) (Writer, error) {
	return newTextWriter(w, s, csvFormat{delimiter: ',', quoting: true})
}

// NewTSVWriter writes TSV (IANA text/tab-separated-values) with a header. The format
// has no quoting, so a text with a tab or a line end is an error, and the empty string
// cannot be told from null.
func NewTSVWriter(w io.Writer, s *arrow.Schema) (Writer, error) {
	return newTextWriter(w, s, csvFormat{delimiter: '\t'})
}

type csvFormat struct {
	delimiter byte
	quoting   bool
}

func (f csvFormat) check(t arrow.DataType) error {
	if f.quoting {
		return checkPlain(t, "CSV")
	}
	return checkPlain(t, "TSV")
}

func (f csvFormat) header(dst []byte, s *arrow.Schema) []byte {
	for i, field := range s.Fields() {
		if i > 0 {
			dst = append(dst, f.delimiter)
		}
		dst = f.quote(dst, []byte(field.Name))
	}
	return append(dst, '\n')
}

func (f csvFormat) row(dst []byte, cols []boundColumn, i int) ([]byte, error) {
	for j, c := range cols {
		if j > 0 {
			dst = append(dst, f.delimiter)
		}
		if c.a.IsNull(i) {
			continue
		}
		var err error
		if dst, err = c.put(dst, i); err != nil {
			return dst, fmt.Errorf("column %q: %w", c.name, err)
		}
	}
	return append(dst, '\n'), nil
}

func (f csvFormat) bind(a arrow.Array) appender {
	if put := bindPlain(a); put != nil {
		return put
	}
	texts := a.(*array.String)
	return func(dst []byte, i int) ([]byte, error) {
		v := texts.Value(i)
		if err := f.checkText(v); err != nil {
			return dst, err
		}
		return f.quote(dst, []byte(v)), nil
	}
}

func (f csvFormat) checkText(v string) error {
	switch {
	case !utf8.ValidString(v):
		return fmt.Errorf("%s is not valid UTF-8", shorten([]byte(v)))
	case !f.quoting && bytes.ContainsAny([]byte(v), "\t\r\n\x00"):
		return fmt.Errorf("%s has a tab, a line end or a NUL byte, which TSV cannot hold; write CSV", shorten([]byte(v)))
	case bytes.IndexByte([]byte(v), 0) >= 0:
		return fmt.Errorf("%s has a NUL byte, which CSV cannot hold; write Parquet or Arrow", shorten([]byte(v)))
	}
	return nil
}

// quote puts a text between quotation marks where it must be.
func (f csvFormat) quote(dst, v []byte) []byte {
	if !f.quoting || len(v) > 0 && v[0] != ' ' && v[len(v)-1] != ' ' && !f.special(v) {
		return append(dst, v...)
	}
	dst = append(dst, '"')
	for {
		i := bytes.IndexByte(v, '"')
		if i < 0 {
			break
		}
		dst = append(append(dst, v[:i+1]...), '"')
		v = v[i+1:]
	}
	return append(append(dst, v...), '"')
}

func (f csvFormat) special(v []byte) bool {
	for _, c := range v {
		if c == '"' || c == '\n' || c == '\r' || c == f.delimiter {
			return true
		}
	}
	return false
}
