package inference

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/stages/model"
)

// column is an input of a model: a name, and how a value of a request becomes one
// that the transforms take.
type column struct {
	name string
	typ  string // as the signature spells it
	id   arrow.Type
	list bool // of text: a list of texts will do as well
}

func columnsOf(s dag.Signature) ([]column, error) {
	columns := make([]column, len(s.Inputs))
	for i, c := range s.Inputs {
		t, err := table.ParseType(c.Type)
		if err != nil {
			return nil, fmt.Errorf("input %q: %w", c.Name, err)
		}
		columns[i] = column{c.Name, c.Type, t.ID(), t.ID() == arrow.STRING && model.ReadsLists(s.Task)}
	}
	return columns, nil
}

// isText tells whether the column holds text.
func (c *column) isText() bool { return c.id == arrow.STRING }

// isBytes tells whether the column holds the bytes of files.
func (c *column) isBytes() bool { return c.id == arrow.BINARY }

// value checks a value that JSON gave (with numbers as json.Number) and turns it
// into what transforms read: string, int64, float64, bool, []byte, nil, or a list
// of them.
func (c *column) value(v any) (any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		return c.text(v)
	case []byte:
		if c.isBytes() {
			return v, nil
		}
	case bool:
		if c.id == arrow.BOOL {
			return v, nil
		}
	case json.Number:
		return c.number(string(v))
	case float64:
		return c.number(strconv.FormatFloat(v, 'g', -1, 64))
	case int64:
		return c.number(strconv.FormatInt(v, 10))
	case []any:
		if c.id == arrow.LIST || c.id == arrow.FIXED_SIZE_LIST {
			return plain(v), nil
		}
		if c.list {
			return texts(v)
		}
	case map[string]any:
		if c.id == arrow.STRUCT {
			return plain(v), nil
		}
	}
	return nil, fmt.Errorf("must be %s, is %s", c.describe(), found(v))
}

// texts wants a list of texts.
func texts(list []any) (any, error) {
	for i, v := range list {
		if _, ok := v.(string); !ok {
			return nil, fmt.Errorf("must be text or a list of texts, and item %d is %s", i+1, found(v))
		}
	}
	return list, nil
}

// text is a value that came as text. A table's cell is text before it is
// anything else, but in JSON a number in quotation marks is a mistake; parse is
// for the former.
func (c *column) text(s string) (any, error) {
	switch c.id {
	case arrow.STRING, arrow.DATE32, arrow.TIMESTAMP, arrow.DECIMAL128:
		return s, nil
	case arrow.BINARY:
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return nil, fmt.Errorf("must be the bytes of a file in base64: %v", err)
		}
		return b, nil
	}
	return nil, fmt.Errorf("must be %s, is the text %s", c.describe(), quote(s))
}

// parse reads a cell of a CSV file or a field of a form.
func (c *column) parse(s string) (any, error) {
	switch c.id {
	case arrow.BOOL:
		v, err := strconv.ParseBool(s)
		if err != nil {
			return nil, fmt.Errorf("must be true or false, is %s", quote(s))
		}
		return v, nil
	case arrow.BINARY, arrow.STRING, arrow.DATE32, arrow.TIMESTAMP, arrow.DECIMAL128:
		return c.text(s)
	case arrow.LIST, arrow.FIXED_SIZE_LIST, arrow.STRUCT:
		return nil, fmt.Errorf("is %s, which only JSON can hold", c.describe())
	}
	if s == "" {
		return nil, nil
	}
	return c.number(s)
}

func (c *column) number(s string) (any, error) {
	switch c.id {
	case arrow.FLOAT32, arrow.FLOAT64:
		v, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || c.id == arrow.FLOAT32 && math.Abs(v) > math.MaxFloat32 {
			return nil, fmt.Errorf("must be a finite number that fits into %s, is %s", c.typ, quote(s))
		}
		return v, nil
	case arrow.UINT64:
		if v, err := strconv.ParseUint(s, 10, 64); err == nil {
			return v, nil
		}
		return nil, fmt.Errorf("must be %s, is %s", c.describe(), quote(s))
	case arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64, arrow.UINT8, arrow.UINT16, arrow.UINT32:
		v, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			// 3.0 is how some clients write 3.
			f, ferr := strconv.ParseFloat(s, 64)
			if ferr != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
				return nil, fmt.Errorf("must be %s, is %s", c.describe(), quote(s))
			}
			v = int64(f)
		}
		low, high := bounds(c.id)
		if v < low || v > high {
			return nil, fmt.Errorf("must be %s, between %d and %d, is %s", c.describe(), low, high, quote(s))
		}
		return v, nil
	}
	return nil, fmt.Errorf("must be %s, is the number %s", c.describe(), quote(s))
}

func bounds(id arrow.Type) (low, high int64) {
	switch id {
	case arrow.INT8:
		return math.MinInt8, math.MaxInt8
	case arrow.INT16:
		return math.MinInt16, math.MaxInt16
	case arrow.INT32:
		return math.MinInt32, math.MaxInt32
	case arrow.UINT8:
		return 0, math.MaxUint8
	case arrow.UINT16:
		return 0, math.MaxUint16
	case arrow.UINT32:
		return 0, math.MaxUint32
	}
	return math.MinInt64, math.MaxInt64
}

// describe names the type for people.
func (c *column) describe() string {
	switch {
	case c.list:
		return "text or a list of texts"
	case c.isText():
		return "text"
	case c.isBytes():
		return "the bytes of a file"
	case c.id == arrow.BOOL:
		return "true or false"
	case arrow.IsInteger(c.id):
		return "a whole number (" + c.typ + ")"
	case c.id == arrow.FLOAT32 || c.id == arrow.FLOAT64:
		return "a number (" + c.typ + ")"
	}
	return c.typ
}

// plain turns json.Number inside lists and maps into float64.
func plain(v any) any {
	switch v := v.(type) {
	case json.Number:
		f, _ := v.Float64() // ±Inf beyond the range, which transforms refuse
		return f
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = plain(v[k])
		}
	}
	return v
}

// found names what came for a message.
func found(v any) string {
	switch v := v.(type) {
	case bool:
		return fmt.Sprint(v)
	case []any:
		return fmt.Sprintf("a list of %d", len(v))
	case map[string]any:
		return "an object"
	case []byte:
		return "a file"
	}
	return fmt.Sprint(v)
}

// quote bounds what a message repeats.
func quote(s string) string {
	const most = 60
	if len(s) > most {
		return strconv.Quote(strings.ToValidUTF8(s[:most], "")) + "…"
	}
	return strconv.Quote(s)
}
