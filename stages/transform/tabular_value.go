package transform

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"pipe/dag"
)

// value is a cell of a table or a value of a request.
type value struct {
	null   bool
	text   string
	isText bool
	number float64 // of true 1, of false 0
	isBool bool
	whole  bool // the number is an integer of the exact value that int says
	int    int64
}

// array gives the raw column in a batch.
func (c *TabularColumn) array(batch arrow.RecordBatch) (arrow.Array, error) {
	at := batch.Schema().FieldIndices(c.Name)
	if len(at) == 0 {
		return nil, fmt.Errorf("the table has no column %q; its columns: %v", c.Name, dag.ColumnNames(batch.Schema()))
	}
	col := batch.Column(at[0])
	numbers := !c.text() && c.Type != "bool" && TabularForm(col.DataType()) == "numbers" // whatever their width
	if got := col.DataType().String(); got != c.Type && !numbers {
		return nil, fmt.Errorf("column %q must be %s, is %s", c.Name, c.Type, got)
	}
	return col, nil
}

func wholeValue(v int64) value { return value{number: float64(v), whole: true, int: v} }

func boolValue(v bool) value {
	out := value{isBool: true}
	if v {
		out.number = 1
	}
	return out
}

// floatValue takes NaN for null: programs without nulls write that.
func floatValue(v float64) value { return value{number: v, null: v != v} }

// cell reads a cell.
func cell(col arrow.Array, i int) value {
	if col.IsNull(i) {
		return value{null: true}
	}
	switch a := col.(type) {
	case *array.String:
		return value{text: a.Value(i), isText: true}
	case *array.Float64:
		return floatValue(a.Value(i))
	case *array.Int64:
		return wholeValue(a.Value(i))
	case *array.Boolean:
		return boolValue(a.Value(i))
	case *array.Float32:
		return floatValue(float64(a.Value(i)))
	case *array.Int32:
		return wholeValue(int64(a.Value(i)))
	case *array.Int16:
		return wholeValue(int64(a.Value(i)))
	case *array.Int8:
		return wholeValue(int64(a.Value(i)))
	case *array.Uint32:
		return wholeValue(int64(a.Value(i)))
	case *array.Uint16:
		return wholeValue(int64(a.Value(i)))
	case *array.Uint8:
		return wholeValue(int64(a.Value(i)))
	case *array.Uint64:
		return value{number: float64(a.Value(i))}
	}
	panic(fmt.Sprintf("transform: a column of %s cannot be transformed", col.DataType())) // TabularForm lets none through
}

// given reads a value of a request.
func (c *TabularColumn) given(row map[string]any) (v value, problem string) {
	x, ok := row[c.Name]
	if !ok && c.Fill == nil {
		return v, "it is missing"
	}
	switch x := x.(type) {
	case nil:
		v.null = true
	case string:
		v = value{text: x, isText: true}
	case bool:
		v = boolValue(x)
	case float64:
		v = value{number: x}
		// JSON has one kind of number; a code such as 7 is to be found as such.
		if i := int64(x); x == math.Trunc(x) && math.Abs(x) < 1<<53 {
			v = wholeValue(i)
		}
	case int64:
		v = wholeValue(x)
	case int:
		v = wholeValue(int64(x))
	case json.Number:
		f, err := x.Float64()
		if err != nil {
			return v, fmt.Sprintf("it must be a number, is %s", x)
		}
		v = value{number: f}
		if i, err := x.Int64(); err == nil {
			v = wholeValue(i)
		}
	default:
		return v, fmt.Sprintf("it must be %s, is %v (%T)", c.what(), x, x)
	}
	if !v.null && (v.isText != c.text() || v.isBool && c.Type != "bool" || c.Type == "bool" && !v.isBool) {
		return v, fmt.Sprintf("it must be %s, is %v", c.what(), x)
	}
	return v, ""
}

// what names the column's values for people.
func (c *TabularColumn) what() string {
	switch c.Type {
	case "utf8":
		return "text"
	case "bool":
		return "true or false"
	}
	return "a number"
}

const nullProblem = "it is null; fill such gaps with impute, or drop such rows with clean's drop_null"

// number gives a value as a number, after its gap is filled.
func (c *TabularColumn) number(v value) (x float64, problem string) {
	switch {
	case v.null && c.Fill == nil:
		return 0, nullProblem
	case c.text():
		return 0, "it is text, and nothing has made a number of it; use one_hot"
	case v.null:
		return c.fill, ""
	case math.IsInf(v.number, 0):
		return 0, fmt.Sprintf("it is %v, which is no number to compute with", v.number)
	}
	return v.number, ""
}

// category gives a value as a category, after its gap is filled.
func (c *TabularColumn) category(v value) (name, problem string) {
	switch {
	case v.null && c.Fill == nil:
		return "", nullProblem
	case v.null:
		return *c.Fill, ""
	case v.isText:
		return v.text, ""
	case v.isBool:
		return strconv.FormatBool(v.number == 1), ""
	case v.whole:
		return strconv.FormatInt(v.int, 10), ""
	}
	return strconv.FormatFloat(v.number, 'g', -1, 64), ""
}

// short cuts a value for a message.
func short(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
