package table

import (
	"errors"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
)

var errPending = errors.New("table: the signatures are here, the bodies follow")

// OpenFile opens the table at path. For text formats it reads the header and the
// sample from which types are inferred, so Schema is final when it returns.
func OpenFile(path string, o Options) (Reader, error) { return nil, errPending }

// NewReader reads the table in the first size bytes of f. The name stands for the
// file in errors and, where o.Format is empty and the first bytes do not tell, gives
// the format. f stays the caller's.
func NewReader(f io.ReaderAt, size int64, name string, o Options) (Reader, error) {
	return nil, errPending
}

// Sniff returns what OpenFile's Schema would be, and reads no more than the header
// and the sample.
func Sniff(path string, o Options) (*arrow.Schema, error) { return nil, errPending }

// OpenParquet reads a Parquet file of size bytes, row group by row group. The name
// stands for it in errors. ra stays the caller's.
func OpenParquet(ra io.ReaderAt, size int64, name string) (Reader, error) { return nil, errPending }

// OpenArrow reads an Arrow IPC file or stream of size bytes, batch by batch. The
// name stands for it in errors. ra stays the caller's.
func OpenArrow(ra io.ReaderAt, size int64, name string) (Reader, error) { return nil, errPending }

// Project returns r with only the named columns, in that order. Parquet and Arrow
// readers do not even read the others. A name that is missing is an error that lists
// the columns. The result owns r: closing it closes r. Call it before the first Next.
func Project(r Reader, columns []string) (Reader, error) { return nil, errPending }

// Canonical returns the type in which a Reader yields columns of type t: dictionary,
// large and view strings are utf8, large and view binaries and fixed-size binaries
// are binary, large lists are lists, float16 is float32, date64 is date32, null is
// utf8, and an extension is its storage. Types that tables do not hold are an error.
func Canonical(t arrow.DataType) (arrow.DataType, error) { return nil, errPending }

// ParseType reads the spelling of a column type as people write it in a schema, like
// "string", "int64", "timestamp[us, UTC]", "decimal(10, 2)" or "list<float32>".
func ParseType(s string) (arrow.DataType, error) { return nil, errPending }

// TypeName is the spelling that ParseType reads back.
func TypeName(t arrow.DataType) string { return "" }
