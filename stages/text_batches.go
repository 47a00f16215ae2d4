package stages

import (
	"context"
	"errors"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts/table"
	"pipe/dag"
)

// eachTextBatch calls f with the batches of one column of the input, in order;
// first is the number of the batch's first row, from 1.
func eachTextBatch(ctx context.Context, env *dag.Env, column string, f func(batch arrow.RecordBatch, first int64) error) (err error) {
	r, err := openColumns(env, "in", column)
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
