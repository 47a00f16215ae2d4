package stages

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/stages/transform"
)

// checkTextColumn wants a column of text on a port that may be open.
func checkTextColumn(c *dag.Check, port, field, column string) {
	if f, ok := c.Column(port, field, column); ok && f.Type.ID() != arrow.STRING {
		c.Errorf(field, "must be text; %q is %s", column, table.TypeName(f.Type))
	}
}

// eachColumns calls f with the batches of some columns of an input, in order; first is
// the number of the batch's first row, from 1.
func eachColumns(ctx context.Context, env *dag.Env, port string, columns []string, f func(batch arrow.RecordBatch, first int64) error) (err error) {
	r, err := openColumns(env, port, columns...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	done := int64(0)
	for batch, err := range table.All(r) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = f(batch, done+1)
		}
		if err != nil {
			return err
		}
		done += batch.NumRows()
		env.Progress(done, max(r.Rows(), 0), "rows")
	}
	return nil
}

// eachTexts calls f with the texts of some columns of an input, row by row. The texts
// stay valid; a null is an error.
func eachTexts(ctx context.Context, env *dag.Env, port string, columns []string, f func(texts []string) error) error {
	return eachColumns(ctx, env, port, columns, func(batch arrow.RecordBatch, first int64) error {
		all := make([]*array.String, len(columns))
		for c, name := range columns {
			col, ok := batch.Column(c).(*array.String)
			if !ok {
				return fmt.Errorf("%s: column %q must be text, is %s", port, name, table.TypeName(batch.Column(c).DataType()))
			}
			all[c] = col
		}
		for i := range int(batch.NumRows()) {
			texts := make([]string, len(columns))
			for c, col := range all {
				if col.IsNull(i) {
					return nullText(port, first+int64(i), columns[c])
				}
				texts[c] = strings.Clone(col.Value(i))
			}
			if err := f(texts); err != nil {
				return err
			}
		}
		return nil
	})
}

// columnTexts gives the texts of a column.
func columnTexts(ctx context.Context, env *dag.Env, port, column string) (all []string, err error) {
	err = eachTexts(ctx, env, port, []string{column}, func(texts []string) error {
		all = append(all, texts[0])
		return nil
	})
	return all, err
}

func nullText(port string, row int64, column string) error {
	return fmt.Errorf("%s: %w", port, &transform.RowError{Row: row, Column: column, Msg: "the text is null; drop such rows with clean's drop_null"})
}
