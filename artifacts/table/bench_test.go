package table

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
)

// sampleCSV makes rows of the usual kinds of column: a key, numbers, a category, a
// text with quoted commas, and a time.
func sampleCSV(rows int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	b.WriteString("id,price,count,category,review,at\n")
	categories := []string{"books", "music", "garden", "kitchen", "toys"}
	for i := range rows {
		review := "would buy again"
		if i%4 == 0 {
			review = `"good, but ""late"" by a week"`
		}
		fmt.Fprintf(&b, "%d,%.2f,%d,%s,%s,2026-%02d-%02dT%02d:00:00\n", i, r.Float64()*1000, r.IntN(100),
			categories[r.IntN(5)], review, 1+r.IntN(12), 1+r.IntN(28), r.IntN(24))
	}
	return b.Bytes()
}

func drain(b *testing.B, r Reader, err error) (rows int64) {
	if err != nil {
		b.Fatal(err)
	}
	for batch, err := range All(r) {
		if err != nil {
			b.Fatal(err)
		}
		rows += batch.NumRows()
	}
	if err := r.Close(); err != nil {
		b.Fatal(err)
	}
	return rows
}

// sampleBatches is sampleCSV as batches.
func sampleBatches(b *testing.B, rows int) (*arrow.Schema, []arrow.RecordBatch) {
	data := sampleCSV(rows)
	r, err := NewReader(bytes.NewReader(data), int64(len(data)), "x.csv", Options{})
	if err != nil {
		b.Fatal(err)
	}
	var batches []arrow.RecordBatch
	for batch, err := range All(r) {
		if err != nil {
			b.Fatal(err)
		}
		batch.Retain()
		batches = append(batches, batch)
	}
	return r.Schema(), batches
}

const benchRows = 200_000

func BenchmarkRead(b *testing.B) {
	s, batches := sampleBatches(b, benchRows)
	for _, f := range []Format{CSV, JSONL, Parquet, Arrow} {
		var out bytes.Buffer
		writeAll(b, &out, f, s, batches)
		data := out.Bytes()
		b.Run(string(f), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				r, err := NewReader(bytes.NewReader(data), int64(len(data)), "x", Options{Format: f})
				drain(b, r, err)
			}
			b.ReportMetric(float64(benchRows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}

func BenchmarkWrite(b *testing.B) {
	s, batches := sampleBatches(b, benchRows)
	for _, f := range []Format{CSV, JSONL, Parquet, Arrow} {
		b.Run(string(f), func(b *testing.B) {
			for b.Loop() {
				writeAll(b, io.Discard, f, s, batches)
			}
			b.ReportMetric(float64(benchRows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}

func writeAll(b *testing.B, out io.Writer, f Format, s *arrow.Schema, batches []arrow.RecordBatch) {
	w, err := NewWriter(out, f, s)
	if err != nil {
		b.Fatal(err)
	}
	for _, batch := range batches {
		if err := w.Write(batch); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
}
