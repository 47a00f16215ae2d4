package table

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
)

var update = flag.Bool("update", false, "write the golden files anew")

// mistake is a file that must be refused; what is said about it is in a golden file.
type mistake struct {
	name, data string
	o          Options
}

func long(n int) string { return strings.Repeat("x", n) }

var no = false

var csvMistakes = []mistake{
	{name: "empty file"},
	{name: "only a byte order mark", data: "\ufeff"},
	{name: "only blank lines", data: "\n\r\n\n"},
	{name: "no header and empty", o: Options{Header: &no}},
	{name: "UTF-16", data: "\xff\xfea\x00,\x00"},
	{name: "duplicate header name", data: "a,b,a\n1,2,3\n"},
	{name: "empty header name", data: "a,,c\n1,2,3\n"},
	{name: "header that is not UTF-8", data: "a,b\xe9\n"},
	{name: "lines that end in CR alone", data: "a,b\r1,2\r3,4\r"},
	{name: "header and columns", data: "a\n1\n", o: Options{Header: new(true), Columns: []string{"x"}}},
	{name: "quotation mark never closed in the header", data: "a,\"b\nc,d\n"},
	{name: "row too long", data: "a,b,c,d\n" + strings.Repeat("1,2,3,4\n", 16) + "1,2,3,4,5\n"},
	{name: "row too short", data: "a,b\n1\n"},
	{name: "row too long for given columns", data: "1,2\n1,2,3\n", o: Options{Columns: []string{"x", "y"}}},
	{name: "row too long for the first", data: "1,2\n1,2,3\n", o: Options{Header: &no}},
	{name: "row with a quotation mark inside a field", data: "a,b\nx,5\" disk, used\n"},
	{name: "TSV that quotes", data: "a\tb\n1\t\"x\ty\"\n", o: Options{Format: TSV}},
	{name: "quotation mark never closed", data: "a,b\n1,\"x\ny\n2,z\n"},
	{name: "quotation mark never closed after quoted line ends", data: "a,b\n1,\"x\n\ny\"\n2,z\n3,\"z\n"},
	{name: "text after a closing quotation mark", data: "a,b\n1,\"x\"yz\n2,z\n"},
	{name: "invalid UTF-8", data: "a,b\n1,naïve\n2,na\xefve and much more text that follows here\n"},
	{name: "NUL byte", data: "a,b\n1,x\x00y\n"},
	{name: "field over the limit", data: "a,b\n1,x\n2," + long(300<<10) + "\n", o: Options{FieldBytes: 100 << 10}},
	{name: "endless quoted field", data: "a,b\n1,x\n2,\"" + long(900<<10), o: Options{FieldBytes: 100 << 10}},
	{name: "value that does not fit integers", data: "a,n\nx,1\ny,2\nz,3.5\n", o: Options{SampleRows: 2}},
	{name: "text among integers", data: "a,n\nx,1\ny,2\nz,many\n", o: Options{SampleRows: 2}},
	{name: "leading zero among integers", data: "a,n\nx,1\ny,2\nz,007\n", o: Options{SampleRows: 2}},
	{name: "integer beyond 64 bits", data: "n\n1\n99999999999999999999\n", o: Options{SampleRows: 1}},
	{name: "no date", data: "d\n2026-02-28\n2026-02-29\n", o: Options{SampleRows: 1}},
	{name: "no boolean", data: "b\ntrue\nyes\n", o: Options{SampleRows: 1}},
	{name: "time with zone among times without", data: "t\n2026-01-01T00:00:00\n2026-01-01T00:00:00Z\n", o: Options{SampleRows: 1}},
	{name: "long value", data: "n\n1\n" + long(100) + "\n", o: Options{SampleRows: 1}},
	{name: "not the declared type", data: "n\n300\n", o: Options{Schema: declared("n", "uint8")}},
	{name: "not the declared decimal", data: "n\n1.005\n", o: Options{Schema: declared("n", "decimal(5, 2)")}},
	{name: "declared column is missing", data: "a,b\n1,2\n", o: Options{Schema: declared("c", "int64")}},
	{name: "declared list", data: "a\n1\n", o: Options{Schema: declared("a", "list<int64>")}},
	{name: "delimiter of two bytes", data: "a\n", o: Options{Delimiter: '→'}},
	{name: "unknown quoting", data: "a\n", o: Options{Quote: "single"}},
	{name: "Parquet called CSV", data: "PAR1xxxxxxxxxxxxxxxx"},
}

func declared(name, typ string) *arrow.Schema {
	t, err := ParseType(typ)
	if err != nil {
		panic(err)
	}
	return arrow.NewSchema([]arrow.Field{{Name: name, Type: t}}, nil)
}

func TestCSVErrors(t *testing.T) {
	golden(t, "csv_errors.txt", CSV, csvMistakes)
}

func golden(t *testing.T, file string, f Format, mistakes []mistake) {
	t.Helper()
	var out strings.Builder
	for _, m := range mistakes {
		o := m.o
		if o.Format == "" {
			o.Format = f
		}
		r, err := NewReader(strings.NewReader(m.data), int64(len(m.data)), "data."+string(o.Format), o)
		if err == nil {
			for _, err = r.Next(); err == nil; {
				_, err = r.Next()
			}
			if _, again := r.Next(); again != err {
				t.Errorf("%s: after %v comes %v", m.name, err, again)
			}
		}
		if err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%s: is accepted", m.name)
			continue
		}
		fmt.Fprintf(&out, "%s\n\t%v\n", m.name, err)
	}
	path := filepath.Join("testdata", file)
	if *update {
		write(t, path, []byte(out.String()))
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != string(want) {
		t.Errorf("%s differs (go test -update writes it anew):\n%s", path, out.String())
	}
}
