package table

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
)

// nullable is a schema as text formats give it back.
func nullable(s *arrow.Schema) *arrow.Schema {
	fields := s.Fields()
	for i := range fields {
		fields[i].Nullable = true
	}
	return arrow.NewSchema(fields, nil)
}

func TestRoundTrip(t *testing.T) {
	for _, f := range []struct {
		format Format
		types  []arrow.DataType
		text   bool
	}{
		{CSV, plainTypes, true},
		{JSONL, jsonTypes(), true},
		{Parquet, allTypes(), false},
		{Arrow, allTypes(), false},
	} {
		t.Run(string(f.format), func(t *testing.T) {
			for seed := range uint64(150) {
				r := newRandom(seed)
				r.text = f.text
				s := r.schema(f.types)
				if f.text {
					s = nullable(s)
				}
				want := r.batch(s, r.IntN(300))
				data := encode(t, f.format, s, r.split(want)...)
				o := Options{Format: f.format, BatchRows: 1 + r.IntN(100)}
				if f.text {
					o.Schema = s
				}
				have, err := decode(data, o)
				if err != nil {
					t.Fatalf("seed %d: %v\n%s", seed, err, s)
				}
				same(t, want, have)
			}
		})
	}
}

func TestBytesDoNotDependOnBatches(t *testing.T) {
	for _, f := range []Format{CSV, TSV, JSONL, Parquet, Arrow} {
		t.Run(string(f), func(t *testing.T) {
			for seed := range uint64(30) {
				r := newRandom(seed)
				types := allTypes()
				if f == CSV || f == TSV || f == JSONL {
					r.text, types = true, plainTypes[:11]
				}
				s := r.schema(types)
				b := r.batch(s, 1+r.IntN(200))
				once := encode(t, f, s, b)
				if again := encode(t, f, s, r.split(b)...); !bytes.Equal(once, again) {
					t.Fatalf("seed %d: %d bytes in one batch, %d other bytes in many", seed, len(once), len(again))
				}
			}
		})
	}
}

// Row groups and record batches end at rows and at bytes, and both borders hold
// wherever the batches end.
func TestGroupsEndWhereTheRowsSay(t *testing.T) {
	s := arrow.NewSchema([]arrow.Field{{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true}, {Name: "list", Type: list(arrow.PrimitiveTypes.Int16)}}, nil)
	r := newRandom(7)
	b := r.batch(s, 500)
	groups := func(batches []arrow.RecordBatch) string {
		c, err := newRechunker(s, 60, 4000)
		if err != nil {
			t.Fatal(err)
		}
		var sizes []int
		c.emit = func(_ []arrow.RecordBatch, rows int) error { sizes = append(sizes, rows); return nil }
		for _, b := range batches {
			if err := c.write(b); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.flush(); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(sizes)
	}
	want := groups([]arrow.RecordBatch{b})
	for range 20 {
		if have := groups(r.split(b)); have != want {
			t.Fatalf("groups of %s rows, in one batch of %s", have, want)
		}
	}
}
