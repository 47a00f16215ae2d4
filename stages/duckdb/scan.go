package duckdb

// #include <stdlib.h>
// #include "duck.h"
import "C"

import (
	"errors"
	"io"
	"runtime/cgo"
	"sync/atomic"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/cdata"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"pipe/artifacts/table"
)

// pipeDuckOpen begins to read some columns of an input, for duck.c.
//
//export pipeDuckOpen
func pipeDuckOpen(handle C.uintptr_t, columns *C.int, n C.int, out *C.struct_ArrowArrayStream) *C.char {
	in := cgo.Handle(handle).Value().(*Input)
	var names []string
	for _, c := range unsafe.Slice(columns, n) {
		names = append(names, in.Schema.Field(int(c)).Name)
	}
	if len(names) == 0 && in.Schema.NumFields() > 0 {
		names = []string{in.Schema.Field(0).Name} // the rows are only counted
	}
	r, err := in.Open(names)
	if err != nil {
		return C.CString(err.Error())
	}
	cdata.ExportRecordReader(newScan(r), (*cdata.CArrowArrayStream)(unsafe.Pointer(out)))
	return nil
}

// pipeDuckEmpty gives no rows with all columns of an input, for duck.c.
//
//export pipeDuckEmpty
func pipeDuckEmpty(handle C.uintptr_t, out *C.struct_ArrowArray) {
	in := cgo.Handle(handle).Value().(*Input)
	b := array.NewRecordBuilder(memory.DefaultAllocator, in.Schema)
	defer b.Release()
	none := b.NewRecordBatch()
	defer none.Release()
	cdata.ExportArrowRecordBatch(none, (*cdata.CArrowArray)(unsafe.Pointer(out)), nil)
}

// chunkRows is how many rows DuckDB takes at once.
const chunkRows = 2048

// scan gives a table in the pieces that DuckDB takes.
type scan struct {
	refs  atomic.Int64
	r     table.Reader
	batch arrow.RecordBatch // the reader's
	at    int64
	piece arrow.RecordBatch
	err   error
}

func newScan(r table.Reader) *scan {
	s := &scan{r: r}
	s.refs.Store(1)
	return s
}

// Retain implements array.RecordReader.
func (s *scan) Retain() { s.refs.Add(1) }

// Release implements array.RecordReader.
func (s *scan) Release() {
	if s.refs.Add(-1) == 0 {
		s.drop()
		_ = s.r.Close() // what was read was whole, or err says why not
	}
}

func (s *scan) drop() {
	if s.piece != nil {
		s.piece.Release()
		s.piece = nil
	}
}

// Schema implements array.RecordReader.
func (s *scan) Schema() *arrow.Schema { return s.r.Schema() }

// Next implements array.RecordReader.
func (s *scan) Next() bool {
	s.drop()
	if s.batch == nil || s.at == s.batch.NumRows() {
		if s.batch, s.err = s.r.Next(); s.err != nil {
			s.batch = nil
			if errors.Is(s.err, io.EOF) {
				s.err = nil
			}
			return false
		}
		s.at = 0
	}
	to := min(s.at+chunkRows, s.batch.NumRows())
	s.piece = s.batch.NewSlice(s.at, to)
	s.at = to
	return true
}

// RecordBatch implements array.RecordReader.
func (s *scan) RecordBatch() arrow.RecordBatch { return s.piece }

// Record implements array.RecordReader.
func (s *scan) Record() arrow.RecordBatch { return s.piece }

// Err implements array.RecordReader.
func (s *scan) Err() error { return s.err }
