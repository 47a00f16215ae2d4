package transform

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"pipe/dag"
)

// textColumn is a column of text that a transform reads.
type textColumn struct {
	name  string
	nulls string // "empty": a null is the empty text; else it is an error
}

// each calls f with the texts of a batch; first is the number of its first row,
// from 1. It stops at a null that may not be.
func (c textColumn) each(batch arrow.RecordBatch, first int64, f func(text string)) error {
	at := batch.Schema().FieldIndices(c.name)
	if len(at) == 0 {
		return fmt.Errorf("the table has no column %q; its columns: %v", c.name, dag.ColumnNames(batch.Schema()))
	}
	col, ok := batch.Column(at[0]).(*array.String)
	if !ok {
		return fmt.Errorf("column %q must be utf8, is %s", c.name, batch.Column(at[0]).DataType())
	}
	for i := range col.Len() {
		if col.IsNull(i) && c.nulls != "empty" {
			return c.null(first + int64(i))
		}
		f(col.Value(i))
	}
	return nil
}

// one gives the text of a row of a request.
func (c textColumn) one(row map[string]any) (string, error) {
	x, ok := row[c.name]
	switch s := x.(type) {
	case string:
		return s, nil
	case nil:
		if !ok {
			return "", &RowError{1, c.name, "it is missing"}
		}
		if c.nulls != "empty" {
			return "", c.null(1)
		}
		return "", nil
	default:
		return "", &RowError{1, c.name, fmt.Sprintf("it must be text, is %v (%T)", x, x)}
	}
}

func (c textColumn) null(row int64) error {
	return &RowError{row, c.name, `the text is null; drop such rows with clean's drop_null, or set "nulls: empty"`}
}
