package table

import "github.com/apache/arrow-go/v18/arrow"

// Options say how a file is to be read. The zero value reads any file that this
// package knows: the format comes from the name or the first bytes, the compression
// from the first bytes, and the types of a text format from a sample.
//
// In CSV an unquoted empty field is null and a quoted one ("") is the empty string; in
// a column that is no text both are null, and in TSV, which has no quoting, every empty
// field is null. Inference never loses anything: integers that begin with a zero or a
// plus or exceed 64 bits stay text, as do columns whose values have no common type. A
// later value that inference would not have accepted is an Error with its place.
type Options struct {
	Format    Format        // "" means by the magic bytes, else by the name's extension
	Delimiter rune          // of CSV and TSV; 0 means ',' for CSV and tab for TSV
	Quote     Quote         // of CSV and TSV; "" means QuoteDouble for CSV and QuoteNone for TSV
	Header    *bool         // of CSV and TSV; nil means true, unless Columns are given
	Columns   []string      // names where there is no header
	Nulls     []string      // spellings of null in CSV and TSV beside the empty field, as "NA"
	Schema    *arrow.Schema // declared columns by name, which override inference; the others are inferred

	BatchRows   int   // rows of a batch at most; 0 means 65,536
	BatchBytes  int64 // bytes after which a batch ends early; 0 means 32 MiB
	SampleRows  int   // rows from which types are inferred; 0 means 10,000
	SampleBytes int64 // bytes from which types are inferred, at least one row; 0 means 4 MiB
	FieldBytes  int64 // a longer field, or JSON line, is an error; 0 means 64 MiB
}

// Quote names a quoting convention of CSV and TSV files.
type Quote string

// The quoting conventions.
const (
	QuoteDouble Quote = "double" // RFC 4180: "a ""b"" c"
	QuoteNone   Quote = "none"   // a quotation mark is a character like any other (IANA text/tab-separated-values)
)

func (o Options) withDefaults() Options {
	if o.BatchRows <= 0 {
		o.BatchRows = 1 << 16
	}
	if o.BatchBytes <= 0 {
		o.BatchBytes = 32 << 20
	}
	if o.SampleRows <= 0 {
		o.SampleRows = 10_000
	}
	if o.SampleBytes <= 0 {
		o.SampleBytes = 4 << 20
	}
	if o.FieldBytes <= 0 {
		o.FieldBytes = 64 << 20
	}
	return o
}

// header reports whether the first row names the columns.
func (o Options) header() bool {
	if o.Header != nil {
		return *o.Header
	}
	return len(o.Columns) == 0
}
