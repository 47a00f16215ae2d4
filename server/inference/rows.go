package inference

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"pipe/dag/text"
)

// byteOrderMark is what some programs write before UTF-8.
var byteOrderMark = []byte("\ufeff")

// decodeJSON reads one JSON value and nothing after it. Numbers stay as they are
// written. What is not UTF-8, is nested very deep or has a key twice is refused, not
// mended.
func decodeJSON(body []byte, into any) error {
	body = bytes.TrimPrefix(body, byteOrderMark)
	if !utf8.Valid(body) {
		return badRequest("", "the body is not UTF-8 (byte %d)", invalidAt(body))
	}
	if at := tooDeep(body); at >= 0 {
		return badRequest("", "the JSON is nested deeper than %d levels (byte %d)", maxDepth, at)
	}
	if at := halfCharacter(body); at >= 0 {
		return badRequest("", "the escape at byte %d is half of a surrogate pair, which is no character", at)
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return badJSON(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return badRequest("", "there is more than one JSON value in the body (byte %d)", d.InputOffset())
	}
	if name, at := twice(body); at >= 0 {
		return badRequest(name, "the key %q is there twice (byte %d)", name, at)
	}
	return nil
}

func badJSON(err error) *problem {
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return badRequest("", "the body is not JSON: %v (byte %d)", err, syntax.Offset)
	case errors.As(err, &typ):
		field := strings.TrimPrefix(typ.Field, "writing.") // of an embedded struct
		return badRequest(field, "%q must be %s, is %s (byte %d)", field, jsonName(typ.Type.Kind().String()), typ.Value, typ.Offset)
	case errors.Is(err, io.EOF):
		return badRequest("", "the body is empty")
	}
	return badRequest("", "the body is not JSON: %v", err)
}

func jsonName(kind string) string {
	switch kind {
	case "slice", "array":
		return "a list"
	case "map", "struct":
		return "an object"
	case "string":
		return "text"
	case "bool":
		return "true or false"
	}
	return "a number"
}

func invalidAt(b []byte) int {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n < 2 {
			return i
		}
		i += n
	}
	return len(b)
}

// maxDepth is how deep the JSON of a request may be nested. Rows are two or three
// deep; a tensor has a level for each dimension.
const maxDepth = 64

// tooDeep returns where the nesting passes the limit, or -1.
func tooDeep(b []byte) int {
	depth, inside := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case inside && c == '\\':
			i++
		case c == '"':
			inside = !inside
		case inside:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return i
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return -1
}

// halfCharacter returns where a \u escape stands that is half of a surrogate pair
// without the other half, or -1. The decoder would put U+FFFD in its place.
func halfCharacter(b []byte) int {
	for i := 0; ; {
		next := bytes.IndexByte(b[i:], '\\')
		if next < 0 {
			return -1
		}
		i += next
		r := escaped(b[i:])
		switch {
		case !utf16.IsSurrogate(r):
			i += 2 // of what follows a u nothing is a backslash
		case utf16.DecodeRune(r, escaped(b[i+6:])) == utf8.RuneError:
			return i
		default:
			i += 12
		}
		if i >= len(b) {
			return -1
		}
	}
}

// escaped gives what the \u escape at the start of b stands for, or 0.
func escaped(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0
	}
	v, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(v)
}

// maxRows bounds the rows of one request.
const maxRows = 100_000

// checkRow turns a row as it came into one for the model, in place. n is its
// number in the request, from 1.
func checkRow(columns []column, row map[string]any, n int) error {
	for i := range columns {
		c := &columns[i]
		v, ok := row[c.name]
		if !ok {
			return badRequest(c.name, "row %d: the column %q is missing; the model reads %s", n, c.name, columnList(columns))
		}
		if s, isText := v.(string); isText && c.isText() {
			_ = s // the usual case is as it should be
			continue
		}
		x, err := c.value(v)
		if err != nil {
			return badRequest(c.name, "row %d, column %q: %v", n, c.name, err)
		}
		row[c.name] = x
	}
	if len(row) > len(columns) {
		for name := range row {
			if !has(columns, name) {
				return unknownColumn(columns, name)
			}
		}
	}
	return nil
}

func unknownColumn(columns []column, name string) error {
	names := make([]string, len(columns))
	for i := range columns {
		names[i] = columns[i].name
	}
	hint := text.DidYouMean(name, names)
	if hint == "" {
		hint = "the model reads " + columnList(columns)
	}
	return badRequest(name, "the model reads no column %q: %s", name, hint)
}

func has(columns []column, name string) bool {
	for i := range columns {
		if columns[i].name == name {
			return true
		}
	}
	return false
}

func columnList(columns []column) string {
	parts := make([]string, len(columns))
	for i := range columns {
		parts[i] = fmt.Sprintf("%q (%s)", columns[i].name, columns[i].typ)
	}
	return strings.Join(parts, ", ")
}

// checkRows checks all rows of a request.
func checkRows(columns []column, rows []map[string]any) error {
	if len(rows) == 0 {
		return badRequest("", "there are no rows to answer")
	}
	if len(rows) > maxRows {
		return badRequest("", "a request has at most %d rows, this one %d", maxRows, len(rows))
	}
	for i, row := range rows {
		if row == nil {
			return badRequest("", "row %d is null; a row is an object with the columns", i+1)
		}
		if err := checkRow(columns, row, i+1); err != nil {
			return err
		}
	}
	return nil
}

// single returns the only column of a model that reads one, where it holds text
// or files.
func single(columns []column) (*column, bool) {
	if len(columns) == 1 && (columns[0].isText() || columns[0].isBytes()) {
		return &columns[0], true
	}
	return nil, false
}

// csvRows reads a CSV body, whose first line names the columns.
func csvRows(columns []column, body []byte) ([]map[string]any, error) {
	if !utf8.Valid(body) {
		return nil, badRequest("", "the body is not UTF-8 (byte %d)", invalidAt(body))
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(body, byteOrderMark)))
	r.ReuseRecord = true
	head, err := r.Read()
	if err != nil {
		return nil, badRequest("", "the body is no CSV with a line of column names: %v", err)
	}
	at := make([]*column, len(head))
	for i, name := range head {
		for k := range columns {
			if columns[k].name == name {
				at[i] = &columns[k]
			}
		}
		if at[i] == nil {
			return nil, unknownColumn(columns, strings.Clone(name))
		}
		if slices.Contains(at[:i], at[i]) {
			return nil, badRequest(at[i].name, "the column %q is there twice", at[i].name)
		}
	}
	var rows []map[string]any
	for n := 1; ; n++ {
		record, err := r.Read()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return nil, badRequest("", "the body is no CSV: %v", err)
		}
		row := make(map[string]any, len(columns))
		for i, cell := range record {
			v, err := at[i].parse(strings.Clone(cell))
			if err != nil {
				return nil, badRequest(at[i].name, "row %d, column %q: %v", n, at[i].name, err)
			}
			row[at[i].name] = v
		}
		rows = append(rows, row)
		if len(rows) > maxRows {
			return nil, badRequest("", "a request has at most %d rows", maxRows)
		}
	}
}
