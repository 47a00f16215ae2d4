package table

import (
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
)

// appender writes value i of a column, which is not null.
type appender func(dst []byte, i int) ([]byte, error)

// textFormat is what CSV and JSON Lines differ in when they are written.
type textFormat interface {
	header(dst []byte, s *arrow.Schema) []byte
	// bind gives the appender of a column, and check whether a type can be written.
	bind(a arrow.Array) appender
	check(t arrow.DataType) error
	row(dst []byte, cols []boundColumn, i int) ([]byte, error)
}

type boundColumn struct {
	name string
	a    arrow.Array
	put  appender
}

// textWriter writes rows as text, through a buffer of its own.
type textWriter struct {
	w      io.Writer
	f      textFormat
	schema *arrow.Schema
	buf    []byte
	rows   int64
	err    error
	closed bool
}

const flushBytes = 64 << 10

func newTextWriter(w io.Writer, s *arrow.Schema, f textFormat) (Writer, error) {
	canonical, err := canonicalSchema(s)
	if err != nil {
		return nil, fmt.Errorf("a table %w", err)
	}
	for _, field := range canonical.Fields() {
		if err := f.check(field.Type); err != nil {
			return nil, fmt.Errorf("column %q: %w", field.Name, err)
		}
	}
	return &textWriter{w: w, f: f, schema: canonical, buf: f.header(nil, canonical)}, nil
}

func (w *textWriter) Write(b arrow.RecordBatch) error {
	if w.closed && w.err == nil {
		w.err = errClosed
	}
	if w.err == nil {
		w.err = w.write(b)
	}
	return w.err
}

func (w *textWriter) write(b arrow.RecordBatch) error {
	b, err := conform(b, w.schema, w.rows)
	if err != nil {
		return err
	}
	defer b.Release()
	cols := make([]boundColumn, b.NumCols())
	for i := range cols {
		cols[i] = boundColumn{name: w.schema.Field(i).Name, a: b.Column(i), put: w.f.bind(b.Column(i))}
	}
	for i := range int(b.NumRows()) {
		if w.buf, err = w.f.row(w.buf, cols, i); err != nil {
			return fmt.Errorf("row %d, %w", w.rows+int64(i)+1, err)
		}
		if len(w.buf) >= flushBytes {
			if err := w.flush(); err != nil {
				return err
			}
		}
	}
	w.rows += b.NumRows()
	return nil
}

func (w *textWriter) flush() error {
	_, err := w.w.Write(w.buf)
	w.buf = w.buf[:0]
	return err
}

func (w *textWriter) Close() error {
	if !w.closed {
		w.closed = true
		if w.err == nil {
			w.err = w.flush()
		}
	}
	return w.err
}
