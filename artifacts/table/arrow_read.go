package table

import (
	"bufio"
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
	r, err := openArrow(ra, size, name)
	if err != nil {
		return nil, err
	}
	return newAhead(r), nil
}

func openArrow(ra io.ReaderAt, size int64, name string) (*arrowReader, error) {
	magic := make([]byte, len(arrowMagic))
	if n, err := ra.ReadAt(magic, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: cannot be read: %w", name, err)
	} else if n == 0 || size == 0 {
		return nil, fmt.Errorf("%s: is empty: it is no Arrow file", name)
	}
	if string(magic) == arrowMagic {
		return openArrowFile(ra, size, name)
	}
	return openArrowStream(io.NewSectionReader(ra, 0, size), size, name, "Arrow stream")
}

func openArrowFile(ra io.ReaderAt, size int64, name string) (_ *arrowReader, err error) {
	const what = "Arrow file"
	defer recovered(name, what, &err)
	f, err := newArrowFile(ra, size)
	if err != nil {
		return nil, damaged(name, what, err)
	}
	return newArrowReader(f, f.file.Schema(), name, what)
}

func openArrowStream(src io.Reader, size int64, name, what string) (_ *arrowReader, err error) {
	defer recovered(name, what, &err)
	s, err := ipc.NewReaderFromMessageReader(&messages{r: bufio.NewReader(src), left: size})
	if err != nil {
		return nil, damaged(name, what, err)
	}
	return newArrowReader(s, s.Schema(), name, what)
}

func newArrowReader(src batchSource, s *arrow.Schema, name, what string) (*arrowReader, error) {
	schema, err := canonicalSchema(s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &arrowReader{src: src, name: name, what: what, schema: schema, most: int64(Options{}.withDefaults().BatchRows)}, nil
}

// batchSource is what Arrow files and streams have in common.
type batchSource interface {
	Read() (arrow.RecordBatch, error)
	Release()
}

// arrowReader checks each batch of an Arrow file and makes it canonical.
type arrowReader struct {
	src    batchSource
	name   string
	what   string
	schema *arrow.Schema
	most   int64
	whole  arrow.RecordBatch // batch of the file, handed out up to row at
	at     int64
	read   int64 // rows before whole
	batch  arrow.RecordBatch
	err    error
}

func (r *arrowReader) Schema() *arrow.Schema { return r.schema }
func (r *arrowReader) Rows() int64           { return -1 }

// Next hands out the batches of the file in slices of at most most rows: some writers
// put a whole table into one batch.
func (r *arrowReader) Next() (arrow.RecordBatch, error) {
	r.release()
	for r.err == nil {
		if r.whole != nil {
			if from := r.at; from < r.whole.NumRows() {
				r.at = min(from+r.most, r.whole.NumRows())
				r.batch = r.whole.NewSlice(from, r.at)
				return r.batch, nil
			}
			r.read += r.whole.NumRows()
			r.whole.Release()
			r.whole = nil
		}
		if r.whole, r.err = r.next(); r.err != nil {
			r.whole = nil
		}
		r.at = 0
	}
	return nil, r.err
}

func (r *arrowReader) next() (b arrow.RecordBatch, err error) {
	defer recovered(r.name, r.what, &err)
	raw, err := r.src.Read()
	if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, io.EOF
	}
	if err != nil {
		return nil, damaged(r.name, r.what, err)
	}
	for i, f := range r.schema.Fields() {
		c := raw.Column(i)
		if int64(c.Len()) != raw.NumRows() {
			return nil, damaged(r.name, r.what, fmt.Errorf("column %q has %d rows in a batch of %d", f.Name, c.Len(), raw.NumRows()))
		}
		if err := checkArray(c); err != nil {
			return nil, damaged(r.name, r.what, fmt.Errorf("column %q in the batch after row %d: %w", f.Name, r.read, err))
		}
		if !f.Nullable && c.NullN() > 0 {
			return nil, damaged(r.name, r.what, fmt.Errorf("column %q has nulls in the batch after row %d and is declared to have none", f.Name, r.read))
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
	if r.whole != nil {
		r.whole.Release()
		r.whole = nil
	}
	if r.err == nil {
		r.err = errClosed
	}
	if r.src != nil {
		r.src.Release()
		r.src = nil
	}
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
