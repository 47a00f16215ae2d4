package table

import (
	"bytes"
	"io"
	"runtime/debug"
	"runtime/metrics"
	"testing"
)

// endless is a file of any size that takes no memory: its rows are a few, repeated.
type endless struct {
	header, rows []byte
	size         int64
}

func (e *endless) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) && off < e.size {
		from := e.header
		at := off
		if off >= int64(len(e.header)) {
			from = e.rows
			at = (off - int64(len(e.header))) % int64(len(e.rows))
		}
		m := copy(p[n:], from[at:])
		m = int(min(int64(m), e.size-off))
		n += m
		off += int64(m)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// resize makes the file as long as size allows, of whole rows.
func (e *endless) resize(size int64) {
	n := int64(len(e.rows))
	e.size = int64(len(e.header)) + size/n*n
}

// 200 MB of CSV go through with a heap that is bounded by batches and row groups.
func TestMemoryIsBoundedByTheBatch(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: -short, and this reads 300 MB")
	}
	if raceDetector {
		t.Skip("skipped: with the race detector it takes minutes, and the heap is another")
	}
	data := sampleCSV(20_000)
	cut := bytes.IndexByte(data, '\n') + 1
	file := &endless{header: data[:cut], rows: data[cut:]}
	file.resize(200 << 20)

	defer debug.SetMemoryLimit(debug.SetMemoryLimit(48 << 20))
	read := func(w Writer) (rows int64, peak uint64) {
		r, err := NewReader(file, file.size, "endless.csv", Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for b, err := range All(r) {
			if err != nil {
				t.Fatal(err)
			}
			rows += b.NumRows()
			if w != nil {
				if err := w.Write(b); err != nil {
					t.Fatal(err)
				}
			}
			peak = max(peak, heap())
		}
		return rows, peak
	}
	rows, peak := read(nil)
	t.Logf("reading %d rows: heap of at most %d MB", rows, peak>>20)
	if limit := uint64(64 << 20); peak > limit {
		t.Errorf("reading takes a heap of %d bytes, the limit is %d", peak, limit)
	}
	file.resize(100 << 20)
	r, err := NewReader(file, file.size, "endless.csv", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w, err := NewParquetWriter(io.Discard, r.Schema())
	if err != nil {
		t.Fatal(err)
	}
	again, peak := read(w)
	if err := w.Close(); err != nil || again > rows/2+10 || again < rows/2-20_000 {
		t.Fatalf("%d rows of the whole file, %d of its half: %v", rows, again, err)
	}
	t.Logf("writing them as Parquet: heap of at most %d MB", peak>>20)
	if limit := uint64(160 << 20); peak > limit {
		t.Errorf("writing Parquet takes a heap of %d bytes, the limit is %d", peak, limit)
	}
}

func heap() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
