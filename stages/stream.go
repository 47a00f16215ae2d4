package stages

import (
	"context"
	"errors"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/stages/rows"
)

// stream is a stage's work on one table, from the input "in" to the output
// "out", a batch at a time.
type stream struct {
	table.Reader
	env     *dag.Env
	in, out int64 // rows so far
}

// batch is a batch of a stream; first is the number of its first row, from 1.
type batch struct {
	arrow.RecordBatch
	first int64
}

// all lists the places of the batch's rows.
func (b batch) all() []int {
	out := make([]int, b.NumRows())
	for i := range out {
		out[i] = i
	}
	return out
}

// openStream opens the input "in".
func openStream(env *dag.Env) (*stream, error) {
	r, err := env.Table("in")
	if err != nil {
		return nil, err
	}
	return &stream{Reader: r, env: env}, nil
}

// close is deferred; an error of closing joins that of the stage.
func (s *stream) close(err *error) { *err = errors.Join(*err, s.Close()) }

// each calls f with each batch and reports progress.
func (s *stream) each(ctx context.Context, f func(b batch) error) error {
	for b, err := range table.All(s.Reader) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = f(batch{b, s.in + 1})
		}
		if err != nil {
			return err
		}
		s.in += b.NumRows()
		s.env.Progress(s.in, max(s.Rows(), 0), "rows")
	}
	return nil
}

// pick writes those rows of each batch that choose gives, in rising order,
// under a schema with the same types.
func (s *stream) pick(ctx context.Context, schema *arrow.Schema, choose func(b batch) ([]int, error)) error {
	w, err := s.env.CreateTable(dag.Out, schema, table.Arrow)
	if err != nil {
		return err
	}
	err = s.each(ctx, func(b batch) error {
		kept, err := choose(b)
		if err != nil {
			return err
		}
		s.out += int64(len(kept))
		return writeRows(w, schema, b.RecordBatch, kept)
	})
	if err == nil {
		s.report()
	}
	return err
}

// rewrite writes what f makes of each batch; f's batch is released here.
func (s *stream) rewrite(ctx context.Context, schema *arrow.Schema, f func(b batch) (arrow.RecordBatch, error)) error {
	w, err := s.env.CreateTable(dag.Out, schema, table.Arrow)
	if err != nil {
		return err
	}
	err = s.each(ctx, func(b batch) error {
		made, err := f(b)
		if err != nil {
			return err
		}
		defer made.Release()
		s.out += made.NumRows()
		return w.Write(made)
	})
	if err == nil {
		s.report()
	}
	return err
}

// report tells how many rows came and went.
func (s *stream) report() {
	switch {
	case s.in == s.out:
		s.env.Logf("%d rows", s.in)
	case s.out > s.in:
		s.env.Logf("%d rows became %d", s.in, s.out)
	default:
		s.env.Logf("%d of %d rows remain", s.out, s.in)
	}
	s.env.Metric("rows_in", float64(s.in), 0)
	s.env.Metric("rows_out", float64(s.out), 0)
}

// project leaves all but the named columns out; with no names, all stay. The
// result owns r, and after an error r is closed.
func project(r table.Reader, columns []string) (table.Reader, error) {
	if len(columns) == 0 {
		return r, nil
	}
	p, err := table.Project(r, columns)
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return p, nil
}

// openColumns opens a table input with the named columns only; with no names,
// with all.
func openColumns(env *dag.Env, port string, columns ...string) (table.Reader, error) {
	r, err := env.Table(port)
	if err != nil {
		return nil, err
	}
	return project(r, columns)
}

// writeAs writes a batch under a schema with the same types.
func writeAs(w table.Writer, s *arrow.Schema, batch arrow.RecordBatch) error {
	if batch.Schema().Equal(s) {
		return w.Write(batch)
	}
	b := array.NewRecordBatch(s, batch.Columns(), batch.NumRows())
	defer b.Release()
	return w.Write(b)
}

// writeRows writes the rows of a batch at indices that rise, under a schema
// with the same types.
func writeRows(w table.Writer, s *arrow.Schema, batch arrow.RecordBatch, indices []int) error {
	switch int64(len(indices)) {
	case 0:
		return nil
	case batch.NumRows():
		return writeAs(w, s, batch)
	}
	part := rows.Take(batch, indices)
	defer part.Release()
	return writeAs(w, s, part)
}
