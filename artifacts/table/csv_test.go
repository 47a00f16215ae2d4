package table

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// show spells the values of a small table, row by row.
func show(b arrow.RecordBatch) string {
	var out bytes.Buffer
	for row := range int(b.NumRows()) {
		for i, c := range b.Columns() {
			if i > 0 {
				out.WriteByte('|')
			}
			switch c := c.(type) {
			case *array.String:
				if c.IsValid(row) {
					fmt.Fprintf(&out, "%q", c.Value(row))
					continue
				}
			case *array.Decimal128:
				out.Write(appendDecimal(nil, c.Value(row), int(c.DataType().(*arrow.Decimal128Type).Scale)))
				continue
			}
			out.WriteString(c.ValueStr(row))
		}
		out.WriteByte(';')
	}
	return out.String()
}

func TestCSVValues(t *testing.T) {
	for _, c := range []struct {
		name, data, want string
		o                Options
	}{
		{"line ends", "a,b\r\n1,x\r\n2,y\n3,z", `1|"x";2|"y";3|"z";`, Options{}},
		{"byte order mark", "\ufeffa\n1\n", "1;", Options{}},
		{"quoting", "a,b\n\"x, y\",\"say \"\"hi\"\"\"\n\"two\r\nlines\",\"\"\n", `"x, y"|"say \"hi\"";"two\r\nlines"|"";`, Options{}},
		{"quotation mark inside a field", "a,b\n5\" disk,it's \"so\"\n", `"5\" disk"|"it's \"so\"";`, Options{}},
		{"no quoting", "a,b\n\"x,y\"\n", `"\"x"|"y\"";`, Options{Quote: QuoteNone}},
		{"spaces are kept", "a,b\n x , y\n", `" x "|" y";`, Options{}},
		{"blank lines", "\na,b\n\n1,2\n\r\n3,4\n\n", "1|2;3|4;", Options{}},
		{"blank lines of one column are nulls", "a\n1\n\n2\n", "1;(null);2;", Options{}},
		{"delimiter", "a;b\n1,5;2\n", `"1,5"|2;`, Options{Delimiter: ';'}},
		{"no header", "1,x\n2,y\n", `1|"x";2|"y";`, Options{Columns: []string{"a", "b"}}},
		{"quoted header over two lines", "\"a\nb\",\"c\"\"d\"\n1,2\n", "1|2;", Options{}},
		{"a carriage return in the data stays", "a,b\nx\ry,z\n", `"x\ry"|"z";`, Options{}},
		{"a last row without line end", "a,b\n1,\"x\"", `1|"x";`, Options{}},
		{"a last field that is empty", "a,b\n1,", "1|(null);", Options{}},
		{"TSV", "a\tb\n1\t\"x\"\n", `1|"\"x\"";`, Options{Format: TSV}},
		{"all null", "a,b\n,x\n,y\n", `(null)|"x";(null)|"y";`, Options{}},
		{"declared", "a,b\n007,1.5\n", "7|1.50;", Options{Schema: arrow.NewSchema(append(declared("a", "int32").Fields(), declared("b", "decimal(9, 2)").Fields()...), nil)}},
		{"declared as text", "a\n1\n2.50\n", `"1";"2.50";`, Options{Schema: declared("a", "string")}},
		{"header only", "a,b\n", "", Options{}},
	} {
		if c.o.Format == "" {
			c.o.Format = CSV
		}
		b, err := decode([]byte(c.data), c.o)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if have := show(b); have != c.want {
			t.Errorf("%s is %s, want %s", c.name, have, c.want)
		}
	}
}

// Files of many blocks, with quoted fields across every border, read as the standard
// library reads them.
func TestCSVAgreesWithTheStandardLibrary(t *testing.T) {
	r := newRandom(11)
	r.text = true
	out := bytes.NewBufferString("a,b,c\n")
	w := csv.NewWriter(out)
	records := [][]string{{"a", "b", "c"}}
	for out.Len() < 3*blockBytes {
		record := make([]string, 3)
		for i := range record {
			record[i] = "t" + r.string() + r.string() + r.string()
		}
		records = append(records, record)
		if err := w.Write(record); err != nil {
			t.Fatal(err)
		}
		w.Flush()
	}
	for _, sample := range []int{1, 100, 100_000} {
		b, err := decode(out.Bytes(), Options{Format: CSV, SampleRows: sample, SampleBytes: 1000, BatchRows: 777})
		if err != nil {
			t.Fatal(err)
		}
		if int(b.NumRows()) != len(records)-1 {
			t.Fatalf("there are %d rows, want %d", b.NumRows(), len(records)-1)
		}
		for row, record := range records[1:] {
			for col, want := range record {
				if have := b.Column(col).(*array.String).Value(row); have != want {
					t.Fatalf("row %d, column %d is %q, want %q", row+1, col+1, have, want)
				}
			}
		}
	}
}
