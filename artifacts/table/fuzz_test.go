package table

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// fuzzed reads a file to its end, which must give rows that are sound or an error, and
// the same twice.
func fuzzed(t *testing.T, data []byte, o Options) {
	first := outcome(t, data, o)
	if second := outcome(t, data, o); first != second {
		t.Fatalf("read twice:\n%s\n%s", first, second)
	}
}

func outcome(t *testing.T, data []byte, o Options) string {
	r, err := NewReader(bytes.NewReader(data), int64(len(data)), "fuzz", o)
	if err != nil {
		return err.Error()
	}
	defer r.Close()
	var rows int64
	for {
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			if n := r.Rows(); n >= 0 && n != rows {
				t.Fatalf("there were %d rows, announced were %d", rows, n)
			}
			return fmt.Sprint(rows, r.Schema())
		}
		if err != nil {
			return fmt.Sprint(rows, err)
		}
		if b.NumRows() == 0 || !b.Schema().Equal(r.Schema()) {
			t.Fatalf("a batch of %d rows has the schema %v, the table %v", b.NumRows(), b.Schema(), r.Schema())
		}
		for i, c := range b.Columns() {
			if err := errors.Join(array.ValidateFull(c), checkUTF8(c)); err != nil {
				t.Fatalf("column %d: %v", i, err)
			}
		}
		rows += b.NumRows()
	}
}

func FuzzCSV(f *testing.F) {
	for _, m := range csvMistakes {
		if len(m.data) < 1000 {
			f.Add([]byte(m.data), byte(3), true)
		}
	}
	f.Add([]byte("a,b\r\n1,\"x\"\"\r\ny\"\r\n,\r\n"), byte(1), true)
	f.Fuzz(func(t *testing.T, data []byte, sample byte, quoted bool) {
		o := Options{Format: CSV, SampleRows: int(sample), BatchRows: 3, Nulls: []string{"NA"}}
		if !quoted {
			o.Quote = QuoteNone
		}
		fuzzed(t, data, o)
	})
}

func FuzzJSONL(f *testing.F) {
	for _, m := range jsonMistakes {
		if len(m.data) < 1000 {
			f.Add([]byte(m.data), byte(3))
		}
	}
	f.Add([]byte("{\"a\":1,\"b\":\"x\\u00e9\\ud83d\\ude00\",\"c\":[1,2.5,null],\"d\":\"2026-01-02\"}\n{}"), byte(1))
	f.Fuzz(func(t *testing.T, data []byte, sample byte) {
		fuzzed(t, data, Options{Format: JSONL, SampleRows: int(sample), BatchRows: 3})
	})
}

// seeds are small files of all types, which the fuzzer damages.
func seeds(f *testing.F, format Format) {
	r := newRandom(1)
	for _, t := range allTypes() {
		s := arrow.NewSchema([]arrow.Field{{Name: "c", Type: t, Nullable: true}}, nil)
		b := r.batch(s, 12)
		var out bytes.Buffer
		w, err := NewWriter(&out, format, s)
		if err := errors.Join(err, w.Write(b), w.Close()); err != nil {
			f.Fatal(err)
		}
		f.Add(out.Bytes())
	}
}

func FuzzParquet(f *testing.F) {
	seeds(f, Parquet)
	f.Fuzz(func(t *testing.T, data []byte) { fuzzed(t, data, Options{Format: Parquet, BatchRows: 5}) })
}

func FuzzArrow(f *testing.F) {
	seeds(f, Arrow)
	f.Fuzz(func(t *testing.T, data []byte) { fuzzed(t, data, Options{Format: Arrow}) })
}

// Every cut and many flipped bits of sound files: an error, or rows that are sound.
func TestDamagedFiles(t *testing.T) {
	r := newRandom(5)
	types := allTypes()
	for _, f := range []Format{Parquet, Arrow} {
		for i, typ := range types {
			s := arrow.NewSchema([]arrow.Field{{Name: "c", Type: typ, Nullable: i%2 == 0}}, nil)
			data := encode(t, f, s, r.batch(s, 20))
			for range 10 {
				cut := data[:r.IntN(len(data))]
				if _, err := decode(cut, Options{Format: f}); err == nil {
					t.Fatalf("%s of %s is accepted after %d of %d bytes", f, typ, len(cut), len(data))
				}
			}
			for range 60 {
				flipped := bytes.Clone(data)
				flipped[r.IntN(len(data))] ^= 1 << r.IntN(8)
				outcome(t, flipped, Options{Format: f, BatchRows: 7})
			}
		}
	}
}
