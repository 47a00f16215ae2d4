package table

import (
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
)

// NewWriter writes in the given format.
func NewWriter(w io.Writer, f Format, s *arrow.Schema) (Writer, error) {
	switch f {
	case CSV:
		return NewCSVWriter(w, s)
	case TSV:
		return NewTSVWriter(w, s)
	case JSONL:
		return NewJSONLWriter(w, s)
	case Parquet:
		return NewParquetWriter(w, s)
	case Arrow:
		return NewArrowWriter(w, s)
	}
	return nil, fmt.Errorf("%q is no table format (known: %s %s %s %s %s)", f, CSV, TSV, JSONL, Parquet, Arrow)
}
