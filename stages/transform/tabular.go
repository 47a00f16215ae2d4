package transform

import (
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/dag"
)

// Tabular turns columns of numbers and of categories into one row of numbers:
// gaps are filled, categories become columns of zeros and ones, and numbers are
// scaled. It is fitted step by step; each step gives a new Tabular.
type Tabular struct {
	columns []TabularColumn // in the order in which they were first named
}

// TabularColumn is what is done with one raw column, in this order: a null is
// filled, and then the value is encoded or scaled.
type TabularColumn struct {
	Name string `json:"name"`
	Type string `json:"type"` // of the raw column, as Arrow names it
	// Fill stands for a null: a number as text, or a category; nil where a null is
	// an error.
	Fill *string `json:"fill,omitempty"`
	// OneHot is there for categories.
	OneHot *OneHot `json:"one_hot,omitempty"`
	// Scale is there for numbers that are scaled.
	Scale *Scale `json:"scale,omitempty"`

	fill float64 // Fill of a column of numbers
}

// OneHot makes a number of each category: 1 in the rows that have it, else 0.
type OneHot struct {
	Categories []string `json:"categories"` // sorted
	// Unknown is what another category is: "zeros" in all places, or "error".
	Unknown string `json:"unknown"`

	index map[string]int
}

// Scale makes (x - Center) / Width of a number x.
type Scale struct {
	Center float64 `json:"center"`
	Width  float64 `json:"width"`
}

// NewTabular begins with no column.
func NewTabular() *Tabular { return &Tabular{} }

// Columns lists what is done with each column.
func (t *Tabular) Columns() []TabularColumn { return slices.Clone(t.columns) }

// column looks a column up, and is the raw column itself where no step has named
// it yet.
func (t *Tabular) column(name string, d arrow.DataType) (TabularColumn, error) {
	for _, c := range t.columns {
		if c.Name == name {
			if c.Type != d.String() {
				return c, fmt.Errorf("column %q is %s here and was %s where the transform was fitted", name, d, c.Type)
			}
			return c, nil
		}
	}
	if TabularForm(d) == "" {
		return TabularColumn{}, fmt.Errorf("column %q is %s, and only numbers, text and true/false can be transformed", name, d)
	}
	return TabularColumn{Name: name, Type: d.String()}, nil
}

// with gives a Tabular that knows c.
func (t *Tabular) with(c TabularColumn) *Tabular {
	out := &Tabular{columns: slices.Clone(t.columns)}
	for i := range out.columns {
		if out.columns[i].Name == c.Name {
			out.columns[i] = c
			return out
		}
	}
	out.columns = append(out.columns, c)
	return out
}

// TabularForm says what a column of a type holds: "numbers", "categories" (text
// or true/false), or "" where it cannot be transformed.
func TabularForm(d arrow.DataType) string {
	switch id := d.ID(); {
	case arrow.IsInteger(id), id == arrow.FLOAT32, id == arrow.FLOAT64:
		return "numbers"
	case id == arrow.STRING, id == arrow.BOOL:
		return "categories"
	}
	return ""
}

// width is how many numbers come of the column.
func (c *TabularColumn) width() int {
	if c.OneHot != nil {
		return len(c.OneHot.Categories)
	}
	return 1
}

// text tells that the raw column holds text, which is no number before it is
// encoded.
func (c *TabularColumn) text() bool { return c.Type == arrow.BinaryTypes.String.String() }

// Signature implements Transform.
func (t *Tabular) Signature() dag.Signature {
	width := 0
	s := dag.Signature{}
	for i := range t.columns {
		c := &t.columns[i]
		width += c.width()
		s.Inputs = append(s.Inputs, dag.Column{Name: c.Name, Type: c.Type})
	}
	s.Shape = []int{width}
	s.Outputs = []dag.Column{{Name: "features", Doc: "numbers, and categories as zeros and ones", Type: arrow.FixedSizeListOfNonNullable(int32(width), arrow.PrimitiveTypes.Float32).String()}}
	return s
}

// Apply implements Transform.
func (t *Tabular) Apply(dst *Input, batch arrow.RecordBatch, first int64) error {
	rows, width := int(batch.NumRows()), t.Signature().Shape[0]
	from := len(dst.Values)
	dst.Values = append(dst.Values, make([]float32, rows*width)...)
	bad, err := rows, error(nil)
	at := 0
	for i := range t.columns {
		c := &t.columns[i]
		n, failed := c.apply(dst.Values[from+at:], width, batch, first)
		if failed != nil && n < bad { // the first bad row counts, whatever its column
			bad, err = n, failed
		}
		at += c.width()
	}
	dst.Values = dst.Values[:from+bad*width]
	dst.Rows += bad
	return err
}

// apply fills the column's places of each row of dst. After an error n is the
// number of rows before the bad one.
func (c *TabularColumn) apply(dst []float32, width int, batch arrow.RecordBatch, first int64) (n int, err error) {
	values, err := c.array(batch)
	if err != nil {
		return 0, err
	}
	for row := range values.Len() {
		if err := c.put(dst[row*width:], cell(values, row)); err != "" {
			return row, &RowError{first + int64(row), c.Name, err}
		}
	}
	return values.Len(), nil
}

// ApplyRow implements Transform.
func (t *Tabular) ApplyRow(dst *Input, row map[string]any) error {
	from := len(dst.Values)
	dst.Values = append(dst.Values, make([]float32, t.Signature().Shape[0])...)
	at := from
	for i := range t.columns {
		c := &t.columns[i]
		v, problem := c.given(row)
		if problem == "" {
			problem = c.put(dst.Values[at:], v)
		}
		if problem != "" {
			dst.Values = dst.Values[:from]
			return &RowError{1, c.Name, problem}
		}
		at += c.width()
	}
	dst.Rows++
	return nil
}

// put writes what comes of one value to the begin of dst, which holds zeros.
func (c *TabularColumn) put(dst []float32, v value) (problem string) {
	if c.OneHot != nil {
		name, problem := c.category(v)
		if problem != "" {
			return problem
		}
		k, known := c.OneHot.index[name]
		switch {
		case known:
			dst[k] = 1
		case c.OneHot.Unknown == "error":
			return fmt.Sprintf("%q is none of the categories that were learnt; with `unknown: zeros` it would count as none of them", short(name))
		}
		return ""
	}
	x, problem := c.number(v)
	if problem != "" {
		return problem
	}
	if c.Scale != nil {
		x = (x - c.Scale.Center) / c.Scale.Width
	}
	dst[0] = float32(x)
	return ""
}
