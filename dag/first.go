package dag

import (
	"fmt"
	"slices"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// FirstRows gives the first rows that an input will have; nil where they are not
// known.
func (c *Check) FirstRows(port string) arrow.RecordBatch {
	if first := c.In[port].First; first != nil {
		return first()
	}
	return nil
}

// Through says what becomes of the first rows of an input in a stage: nil where
// they are not known, or step cannot be taken.
func (c *Check) Through(port string, step func(rows arrow.RecordBatch) (arrow.RecordBatch, error)) func() arrow.RecordBatch {
	first := c.In[port].First
	if first == nil {
		return nil
	}
	return sync.OnceValue(func() arrow.RecordBatch {
		rows := first()
		if rows == nil {
			return nil
		}
		out, err := step(rows)
		if err != nil {
			return nil // the run says it, with the row
		}
		return out
	})
}

// RefusesNull reports a null among the first rows of a column that a field names,
// for a stage that would fail of it.
func (c *Check) RefusesNull(port, field, name, hint string) {
	rows := c.FirstRows(port)
	if rows == nil {
		return
	}
	at := rows.Schema().FieldIndices(name)
	if len(at) == 0 {
		return
	}
	column := rows.Column(at[0])
	for i := range column.Len() {
		if column.IsNull(i) {
			c.port = port
			c.report("null", field, fmt.Sprintf("column %q of %s has nulls, which are refused: row %d is the first", name, c.In[port].Origin, i+1), hint)
			c.port = ""
			return
		}
	}
}

// Distinct counts the different values among the first rows of a column that are
// not null; 0 where they are not known.
func (c *Check) Distinct(port, name string) int {
	rows := c.FirstRows(port)
	if rows == nil {
		return 0
	}
	at := rows.Schema().FieldIndices(name)
	if len(at) == 0 {
		return 0
	}
	seen := map[string]bool{}
	for i := range rows.Column(at[0]).Len() {
		if column := rows.Column(at[0]); column.IsValid(i) {
			seen[column.ValueStr(i)] = true
		}
	}
	return len(seen)
}

// Without leaves columns out of some rows: those of which nothing is known.
func Without(rows arrow.RecordBatch, names []string) arrow.RecordBatch {
	var fields []arrow.Field
	var columns []arrow.Array
	for i, f := range rows.Schema().Fields() {
		if !slices.Contains(names, f.Name) {
			fields, columns = append(fields, f), append(columns, rows.Column(i))
		}
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, rows.NumRows())
}
