package table

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
)

var errClosed = errors.New("the table is closed")

const (
	arrowMagic   = "ARROW1"
	parquetMagic = "PAR1"
)

// OpenArrow reads an Arrow IPC file or stream of size bytes, batch by batch. The name
// stands for it in errors. ra stays the caller's.
func OpenArrow(ra io.ReaderAt, size int64, name string) (Reader, error) {
	magic := make([]byte, len(arrowMagic))
	if n, err := ra.ReadAt(magic, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: cannot be read: %w", name, err)
	} else if n == 0 || size == 0 {
		return nil, fmt.Errorf("%s: is empty: it is no Arrow file", name)
	}
	section := io.NewSectionReader(ra, 0, size)
	if bytes.Equal(magic, []byte(arrowMagic)) {
		return openArrowFile(section, name)
	}
	return openArrowStream(section, name)
}

// batchSource is what the two kinds of Arrow IPC have in common.
type batchSource interface {
	Schema() *arrow.Schema
	Read() (arrow.RecordBatch, error)
}

func openArrowFile(section *io.SectionReader, name string) (r Reader, err error) {
	defer recovered(name, "Arrow file", &err)
	f, err := ipc.NewFileReader(section)
	if err != nil {
		return nil, damaged(name, "Arrow file", err)
	}
	rows := int64(0)
	if f.NumRecords() > 0 {
		rows = -1 // only the batches know
	}
	return newArrowReader(f, name, rows)
}

func openArrowStream(section io.Reader, name string) (r Reader, err error) {
	defer recovered(name, "Arrow stream", &err)
	s, err := ipc.NewReader(section)
	if err != nil {
		return nil, damaged(name, "Arrow stream", err)
	}
	return newArrowReader(s, name, -1)
}

func newArrowReader(src batchSource, name string, rows int64) (Reader, error) {
	schema, err := canonicalSchema(src.Schema())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &arrowReader{src: src, name: name, schema: schema, rows: rows}, nil
}

// arrowReader checks each batch of an Arrow file and makes it canonical.
type arrowReader struct {
	src    batchSource
	name   string
	schema *arrow.Schema
	rows   int64
	read   int64
	batch  arrow.RecordBatch
	err    error
}

func (r *arrowReader) Schema() *arrow.Schema { return r.schema }
func (r *arrowReader) Rows() int64           { return r.rows }

func (r *arrowReader) Next() (arrow.RecordBatch, error) {
	r.release()
	for r.err == nil {
		b, err := r.next()
		if err != nil {
			r.err = err
			break
		}
		if b.NumRows() > 0 {
			r.batch = b
			r.read += b.NumRows()
			return b, nil
		}
		b.Release()
	}
	return nil, r.err
}

func (r *arrowReader) next() (b arrow.RecordBatch, err error) {
	defer recovered(r.name, "Arrow file", &err)
	raw, err := r.src.Read()
	if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, io.EOF
	}
	if err != nil {
		return nil, damaged(r.name, "Arrow file", err)
	}
	for i, f := range r.schema.Fields() {
		c := raw.Column(i)
		if int64(c.Len()) != raw.NumRows() {
			return nil, damaged(r.name, "Arrow file", fmt.Errorf("column %q has %d rows in a batch of %d", f.Name, c.Len(), raw.NumRows()))
		}
		if err := checkArray(c); err != nil {
			return nil, damaged(r.name, "Arrow file", fmt.Errorf("column %q in the batch after row %d: %w", f.Name, r.read, err))
		}
		if !f.Nullable && c.NullN() > 0 {
			return nil, damaged(r.name, "Arrow file", fmt.Errorf("column %q has nulls in the batch after row %d and is declared to have none", f.Name, r.read))
		}
	}
	b, err = canonicalBatch(raw, r.schema)
	if err != nil {
		return nil, fmt.Errorf("%s: in the batch after row %d: %w", r.name, r.read, err)
	}
	return b, nil
}

func (r *arrowReader) release() {
	if r.batch != nil {
		r.batch.Release()
		r.batch = nil
	}
}

func (r *arrowReader) Close() error {
	r.release()
	if r.err == nil {
		r.err = errClosed
	}
	switch src := r.src.(type) {
	case *ipc.FileReader:
		return src.Close()
	case *ipc.Reader:
		src.Release()
	}
	r.src = nil
	return nil
}

func damaged(name, what string, err error) error {
	return fmt.Errorf("%s: is no %s, or is damaged or cut short: %w", name, what, err)
}

// recovered makes an error of a panic, for the libraries panic on some damaged files.
// An error of the runtime is one as well: it is an index that the file has wrong.
func recovered(name, what string, err *error) {
	if p := recover(); p != nil {
		*err = damaged(name, what, fmt.Errorf("%v", p))
	}
}
