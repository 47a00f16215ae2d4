package stages

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/dag"
	"pipe/dag/text"
)

// checkColumns reports names in a list that are no columns of an input.
func checkColumns(c *dag.Check, port, field string, names []string) {
	for i, name := range names {
		c.Column(port, fmt.Sprintf("%s[%d]", field, i), name)
	}
}

// columnsOf gives the places of columns in a table.
func columnsOf(s *arrow.Schema, names []string) ([]int, error) {
	out := make([]int, len(names))
	for i, n := range names {
		at := s.FieldIndices(n)
		if len(at) == 0 {
			return nil, fmt.Errorf("the table has no column %q (%s)", n, nearColumns(s, n))
		}
		out[i] = at[0]
	}
	return out, nil
}

// nearColumns says which column may have been meant, or which there are.
func nearColumns(s *arrow.Schema, name string) string {
	names := dag.ColumnNames(s)
	if hint := text.DidYouMean(name, names); hint != "" {
		return hint
	}
	return "its columns: " + text.List(names)
}

// withoutNulls marks columns as having no nulls.
func withoutNulls(s *arrow.Schema, names []string) *arrow.Schema {
	fields := s.Fields()
	for _, n := range names {
		for _, i := range s.FieldIndices(n) {
			fields[i].Nullable = false
		}
	}
	return arrow.NewSchema(fields, nil)
}
