// Package table owns tables: streams of Arrow record batches that are read from
// and written to files. It knows CSV and TSV (RFC 4180), JSON Lines, Parquet and
// Arrow IPC (files, streams and Feather version 2), each also as a whole
// compressed file, and keeps memory bounded by the batch and not by the file.
//
// Whatever the file, a Reader yields one closed set of column types, so that a
// consumer needs one case for each kind of value:
//
//	bool · int8…int64 · uint8…uint64 · float32 · float64 · utf8 · binary · date32 ·
//	timestamp[s|ms|us|ns] with or without time zone · decimal128 ·
//	list and fixed_size_list of these · struct of these
//
// Encodings are no types: dictionary, large and view strings arrive as utf8. See
// Canonical for the whole mapping. Anything else is an error that names the column.
package table

import (
	"errors"
	"io"
	"iter"

	"github.com/apache/arrow-go/v18/arrow"
)

// Reader is a table that is read from front to back.
type Reader interface {
	// Schema is known before the first batch and equal to the schema of each batch.
	Schema() *arrow.Schema
	// Next returns the next batch, which has at least one row, or io.EOF after the
	// last one. The batch belongs to the reader and is valid until the next call of
	// Next or Close; a caller that keeps it calls Retain. After an error every
	// further call returns the same error.
	Next() (arrow.RecordBatch, error)
	// Rows is the number of rows of the whole table, or -1 where only reading to the
	// end can tell.
	Rows() int64
	// Close releases the last batch and whatever the reader opened itself.
	Close() error
}

// Writer is a table that is written from front to back.
type Writer interface {
	// Write appends the rows of a batch whose schema has the names and types that the
	// writer was made with. The batch stays the caller's; the writer retains what it
	// keeps for later.
	Write(arrow.RecordBatch) error
	// Close writes what is buffered and the footer. It does not close the underlying
	// io.Writer. A second call does nothing.
	Close() error
}

// All ranges over the batches of r and ends after the first error, which is
// yielded with a nil batch. Each batch is valid during its iteration.
func All(r Reader) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		for {
			b, err := r.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(b, err) || err != nil {
				return
			}
		}
	}
}

// Copy writes all batches of r to w and returns the number of rows written. It
// closes neither.
func Copy(w Writer, r Reader) (rows int64, err error) {
	for b, err := range All(r) {
		if err != nil {
			return rows, err
		}
		if err := w.Write(b); err != nil {
			return rows, err
		}
		rows += b.NumRows()
	}
	return rows, nil
}
