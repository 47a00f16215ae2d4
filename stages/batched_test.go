package stages

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
)

// batched stores the rows of a table once more, in batches of size rows, as the
// input "in". Our own writer makes batches of its own size, so Arrow's writes it.
func batched(t *testing.T, s *artifacts.Store, ref artifacts.Ref, size int) map[string]artifacts.Ref {
	t.Helper()
	r, err := dag.OpenTable(s, ref, "table")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	d, err := s.Create(artifacts.Table, string(table.Arrow))
	if err != nil {
		t.Fatal(err)
	}
	w := ipc.NewWriter(d, ipc.WithSchema(r.Schema()))
	for batch, err := range table.All(r) {
		if err != nil {
			t.Fatal(err)
		}
		for from := int64(0); from < batch.NumRows(); from += int64(size) {
			part := batch.NewSlice(from, min(from+int64(size), batch.NumRows()))
			copied := array.NewRecordBatch(r.Schema(), part.Columns(), part.NumRows())
			if err := w.Write(copied); err != nil {
				t.Fatal(err)
			}
			copied.Release()
			part.Release()
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	d.SetRows(ref.Rows)
	stored, err := d.Commit()
	if err != nil {
		t.Fatal(err)
	}
	return map[string]artifacts.Ref{"in": stored}
}
