package table

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Format names a file format, apart from compression.
type Format string

// The formats.
const (
	CSV     Format = "csv"
	TSV     Format = "tsv"
	JSONL   Format = "jsonl"
	Parquet Format = "parquet"
	Arrow   Format = "arrow" // IPC file or stream; Feather version 2 is the file
)

// extensions is a list and not a map so that the error names them in a fixed order.
var extensions = []struct {
	ext    string
	format Format
}{
	{".csv", CSV}, {".tsv", TSV}, {".tab", TSV}, {".jsonl", JSONL}, {".ndjson", JSONL},
	{".parquet", Parquet}, {".pq", Parquet}, {".arrow", Arrow}, {".arrows", Arrow}, {".ipc", Arrow}, {".feather", Arrow},
}

// FormatOf tells the format from the extension of path, below the extension of a
// compression (reviews.csv.gz is CSV). Case does not matter. The error lists the
// extensions that are known.
func FormatOf(path string) (Format, error) {
	base, _ := stripCompression(filepath.Base(path))
	ext := strings.ToLower(filepath.Ext(base))
	known := make([]string, len(extensions))
	for i, e := range extensions {
		if e.ext == ext {
			return e.format, nil
		}
		known[i] = e.ext
	}
	return "", fmt.Errorf("%s: no table format has the extension %q (known: %s, each also with %s)",
		path, ext, strings.Join(known, " "), strings.Join(compressionExtensions(), " "))
}
