package dag

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/dag/expr"
	"pipe/dag/text"
)

// Check is what a kind sees before anything runs: the schemas of its inputs.
// It fills in the schemas of its outputs and reports what does not fit.
type Check struct {
	// In holds the connected inputs. A port with Many has one entry for each
	// artifact in InMany instead.
	In     map[string]Schema
	InMany map[string][]Schema
	// Labels tell of each artifact of a port with Many which variant it is from.
	Labels map[string][][]Label
	// Out is filled by the kind; a port left out keeps its type only.
	Out map[string]Schema
	// Summary is left by a kind that has more to tell of what it would do than
	// schemas, such as the layers of a network. It is called when somebody asks.
	Summary func() string

	report func(code, field, message, hint string)
	cache  *expr.Cache
	shared map[string]io.Closer // nil outside of a pipeline
	// port and column are what the problem is about that is being reported.
	port, column string
}

// NewCheck prepares a check outside a pipeline, for tests and tools; report
// receives each problem.
func NewCheck(in map[string]Schema, report func(code, field, message, hint string)) *Check {
	return &Check{In: in, InMany: map[string][]Schema{}, Labels: map[string][][]Label{}, Out: map[string]Schema{}, report: report, cache: &expr.Cache{}}
}

// Errorf reports a problem at a field under `with:`, such as "layers[1].lstm"
// ("" for the stage itself, "in.train" for an input).
func (c *Check) Errorf(field, format string, args ...any) {
	c.report("config", field, fmt.Sprintf(format, args...), "")
}

// Hintf reports a problem with a code and with what to do.
func (c *Check) Hintf(code, field, hint, format string, args ...any) {
	c.report(code, field, fmt.Sprintf(format, args...), hint)
}

// Shared gives what the checks of one pipeline share because it is dear to make,
// such as a database in which queries are bound. Who asked calls release when it
// is done with it; it is closed when the last stage has been checked.
func (c *Check) Shared(name string, open func() (io.Closer, error)) (v io.Closer, release func(), err error) {
	if v, ok := c.shared[name]; ok {
		return v, func() {}, nil
	}
	if v, err = open(); err != nil {
		return nil, nil, err
	}
	if c.shared == nil {
		return v, func() { _ = v.Close() }, nil
	}
	c.shared[name] = v
	return v, func() {}, nil
}

// Columns gives the schema of a table input, or nil where it is not known.
func (c *Check) Columns(port string) *arrow.Schema { return c.In[port].Table }

// Column finds the column that a field names. Where the table's schema is
// known and lacks it, that is reported; ok tells that it was found.
func (c *Check) Column(port, field, name string) (f arrow.Field, ok bool) {
	s := c.In[port]
	if s.Table == nil {
		return f, false
	}
	if fields, found := s.Table.FieldsByName(name); found {
		return fields[0], true
	}
	names := ColumnNames(s.Table)
	hint := separatorHint(names)
	if hint == "" {
		hint = text.DidYouMean(name, names)
	}
	if hint == "" {
		hint = "its columns: " + text.List(names)
	}
	c.port, c.column = port, name
	c.report("missing-column", field, fmt.Sprintf("%s has no column %q", s.Origin, name), hint)
	c.port, c.column = "", ""
	return f, false
}

// separatorHint recognises a file whose header was not cut into columns.
func separatorHint(names []string) string {
	if len(names) != 1 {
		return ""
	}
	i := strings.IndexAny(names[0], ";\t|")
	if i < 0 {
		return ""
	}
	return fmt.Sprintf("its only column is %q: if %q separates the values, say so at the source with delimiter: %q", names[0], names[0][i], names[0][i:i+1])
}

// ColumnNames lists the columns of a table in order.
func ColumnNames(s *arrow.Schema) []string {
	out := make([]string, s.NumFields())
	for i, f := range s.Fields() {
		out[i] = f.Name
	}
	return out
}

// Expr compiles the expression in a field, reports what is wrong with it, and
// returns nil then.
func (c *Check) Expr(field, source string, vars expr.Vars, want ...expr.Type) *expr.Program {
	p, err := c.cache.Compile(vars, source, want...)
	if err != nil {
		var e *expr.Error
		if errors.As(err, &e) {
			c.report("cel", atColumn(field, e), e.Text, e.Hint)
		} else {
			c.Errorf(field, "%v", err)
		}
		return nil
	}
	return p
}

// atColumn appends the place inside an expression to a field's path; the
// checker moves the caret there.
func atColumn(field string, e *expr.Error) string {
	return fmt.Sprintf("%s@%d:%d", field, e.Line, e.Col)
}

// RowVars declares the columns of a table for an expression over one row:
// each by its name where that is an identifier, and all under `row`.
func RowVars(s *arrow.Schema) expr.Vars {
	v := expr.Vars{}
	fields := expr.Vars{}
	for _, f := range s.Fields() {
		v[f.Name] = exprType(f.Type)
		fields[f.Name] = v[f.Name]
	}
	v["row"] = expr.Record(fields)
	return v
}

func exprType(t arrow.DataType) expr.Type {
	switch t.ID() {
	case arrow.STRING, arrow.LARGE_STRING, arrow.STRING_VIEW:
		return expr.String
	case arrow.DICTIONARY:
		return exprType(t.(*arrow.DictionaryType).ValueType)
	case arrow.BOOL:
		return expr.Bool
	case arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64, arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.UINT64:
		return expr.Int
	case arrow.FLOAT16, arrow.FLOAT32, arrow.FLOAT64:
		return expr.Double
	case arrow.TIMESTAMP, arrow.DATE32, arrow.DATE64:
		return expr.Timestamp
	case arrow.BINARY, arrow.LARGE_BINARY:
		return expr.Bytes
	case arrow.LIST, arrow.LARGE_LIST, arrow.FIXED_SIZE_LIST:
		return expr.List(exprType(t.(arrow.ListLikeType).Elem()))
	}
	return expr.Any
}

// HasMetric tells whether metrics of an input will have a name; true where
// that is not known.
func (s Schema) HasMetric(name string) bool {
	return s.Metrics == nil || slices.Contains(s.Metrics, name)
}
