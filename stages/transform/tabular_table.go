package transform

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Schema says what a table becomes: columns that the transform does not name
// stay as they are; numbers that are scaled or filled become float64, categories
// that are encoded become a column for each, NAME_CATEGORY, of true and false.
func (t *Tabular) Schema(in *arrow.Schema) (*arrow.Schema, error) {
	var fields []arrow.Field
	seen := map[string]bool{}
	for _, f := range in.Fields() {
		made := []arrow.Field{f}
		if c := t.find(f.Name); c != nil {
			made = c.fields(f)
		}
		for _, m := range made {
			if seen[m.Name] {
				return nil, fmt.Errorf("two columns would be named %q", m.Name)
			}
			seen[m.Name] = true
		}
		fields = append(fields, made...)
	}
	return arrow.NewSchema(fields, nil), nil
}

func (t *Tabular) find(name string) *TabularColumn {
	for i := range t.columns {
		if t.columns[i].Name == name {
			return &t.columns[i]
		}
	}
	return nil
}

func (c *TabularColumn) fields(f arrow.Field) []arrow.Field {
	switch {
	case c.OneHot != nil:
		var out []arrow.Field
		for _, name := range c.OneHot.Categories {
			out = append(out, arrow.Field{Name: c.Name + "_" + name, Type: arrow.FixedWidthTypes.Boolean})
		}
		return out
	case TabularForm(f.Type) == "numbers":
		return []arrow.Field{{Name: f.Name, Type: arrow.PrimitiveTypes.Float64, Nullable: f.Nullable && c.Fill == nil && c.Scale == nil}}
	case c.Scale != nil:
		return []arrow.Field{{Name: f.Name, Type: arrow.PrimitiveTypes.Float64}}
	}
	return []arrow.Field{{Name: f.Name, Type: f.Type}}
}

// Rewrite makes of a batch what Schema says; first is the number of its first
// row, from 1. The batch must be released.
func (t *Tabular) Rewrite(schema *arrow.Schema, batch arrow.RecordBatch, first int64) (arrow.RecordBatch, error) {
	var columns []arrow.Array
	defer func() {
		for _, c := range columns {
			c.Release()
		}
	}()
	for i, f := range batch.Schema().Fields() {
		c := t.find(f.Name)
		if c == nil {
			batch.Column(i).Retain()
			columns = append(columns, batch.Column(i))
			continue
		}
		made, err := c.rewrite(batch, f, first)
		if err != nil {
			return nil, err
		}
		columns = append(columns, made...)
	}
	return array.NewRecordBatch(schema, columns, batch.NumRows()), nil
}

func (c *TabularColumn) rewrite(batch arrow.RecordBatch, f arrow.Field, first int64) ([]arrow.Array, error) {
	fields := c.fields(f)
	builders := make([]array.Builder, len(fields))
	for i, f := range fields {
		builders[i] = array.NewBuilder(memory.DefaultAllocator, f.Type)
		builders[i].Reserve(int(batch.NumRows()))
		defer builders[i].Release()
	}
	numbers := make([]float32, c.width())
	err := c.each(batch, first, func(v value) string {
		switch b := builders[0].(type) {
		case *array.Float64Builder:
			if v.null && c.Fill == nil && c.Scale == nil {
				b.AppendNull()
				return ""
			}
			x, problem := c.number(v)
			if c.Scale != nil {
				x = (x - c.Scale.Center) / c.Scale.Width
			}
			b.Append(x)
			return problem
		case *array.StringBuilder:
			name, problem := c.category(v)
			b.Append(name)
			return problem
		}
		if c.OneHot == nil {
			x, problem := c.number(v)
			builders[0].(*array.BooleanBuilder).Append(x == 1)
			return problem
		}
		clear(numbers)
		problem := c.put(numbers, v)
		for k, x := range numbers {
			builders[k].(*array.BooleanBuilder).Append(x == 1)
		}
		return problem
	})
	if err != nil {
		return nil, err
	}
	out := make([]arrow.Array, len(builders))
	for i, b := range builders {
		out[i] = b.NewArray()
	}
	return out, nil
}
