package stages

import (
	"errors"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/stages/rows"
)

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
