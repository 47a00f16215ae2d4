package table

import (
	"io"

	"github.com/apache/arrow-go/v18/arrow"
)

// NewParquetWriter writes Parquet: zstd, dictionary-encoded strings, row groups
// bounded in rows and bytes. Equal rows give equal bytes, however they were batched.
func NewParquetWriter(w io.Writer, s *arrow.Schema) (Writer, error) { return nil, errPending }

// NewArrowWriter writes an Arrow IPC file, uncompressed so that it can be mapped, in
// batches bounded in rows and bytes. Equal rows give equal bytes, however they were
// batched.
func NewArrowWriter(w io.Writer, s *arrow.Schema) (Writer, error) { return nil, errPending }

// NewCSVWriter writes CSV (RFC 4180, LF) with a header. Null is the empty field, the
// empty string is "", and a float always has a point or an exponent, so that reading
// it back infers the same types.
func NewCSVWriter(w io.Writer, s *arrow.Schema) (Writer, error) { return nil, errPending }

// NewTSVWriter is NewCSVWriter with tabs.
func NewTSVWriter(w io.Writer, s *arrow.Schema) (Writer, error) { return nil, errPending }

// NewJSONLWriter writes JSON Lines: one object per row, keys in schema order, null
// written as null.
func NewJSONLWriter(w io.Writer, s *arrow.Schema) (Writer, error) { return nil, errPending }

// NewWriter writes in the given format.
func NewWriter(w io.Writer, f Format, s *arrow.Schema) (Writer, error) { return nil, errPending }

// File is a table being written next to its final path.
type File struct{}

// Create starts a table at path in the format and compression (.gz or .zst) that the
// extension tells. The rows go to a temporary file in the same folder; only Commit
// puts it in place.
func Create(path string, s *arrow.Schema) (*File, error) { return nil, errPending }

// Write appends the rows of a batch.
func (f *File) Write(b arrow.RecordBatch) error { return errPending }

// Commit writes the footer, syncs and renames the file to its path.
func (f *File) Commit() error { return errPending }

// Discard removes the temporary file. After Commit it does nothing, so that it can be
// deferred.
func (f *File) Discard() error { return errPending }
