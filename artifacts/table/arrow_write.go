package table

import (
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
)

// The borders of record batches in Arrow files.
const (
	arrowRows  = 1 << 16
	arrowBytes = 16 << 20
)

// NewArrowWriter writes an Arrow IPC file, uncompressed so that it can be mapped, in
// batches bounded in rows and bytes. Equal rows give equal bytes, however they were
// batched.
func NewArrowWriter(w io.Writer, s *arrow.Schema) (Writer, error) {
	chunks, err := newRechunker(s, arrowRows, arrowBytes)
	if err != nil {
		return nil, err
	}
	out, err := ipc.NewFileWriter(w, ipc.WithSchema(chunks.schema))
	if err != nil {
		return nil, err
	}
	a := &arrowWriter{chunks: chunks, out: out}
	chunks.emit = a.emit
	return a, nil
}

type arrowWriter struct {
	chunks *rechunker
	out    *ipc.FileWriter
	err    error
	closed bool
}

func (w *arrowWriter) Write(b arrow.RecordBatch) error {
	if w.closed && w.err == nil {
		w.err = errClosed
	}
	if w.err == nil {
		w.err = w.chunks.write(b)
	}
	return w.err
}

func (w *arrowWriter) emit(group []arrow.RecordBatch, rows int) error {
	columns := make([]arrow.Array, w.chunks.schema.NumFields())
	for i := range columns {
		columns[i] = w.chunks.column(group, i)
		defer columns[i].Release()
	}
	b := array.NewRecordBatch(w.chunks.schema, columns, int64(rows))
	defer b.Release()
	return w.out.Write(b)
}

func (w *arrowWriter) Close() error {
	if w.closed {
		return w.err
	}
	w.closed = true
	if w.err == nil {
		w.err = w.chunks.flush()
	}
	if w.err == nil {
		w.err = w.out.Close()
	}
	return w.err
}
