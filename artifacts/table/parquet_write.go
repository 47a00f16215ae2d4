package table

import (
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// The borders of row groups and the writer's name in Parquet files. They decide the
// bytes: changing one changes the digest of every table.
const (
	parquetRows    = 1 << 17
	parquetBytes   = 32 << 20
	parquetCreator = "pipe"
	parquetVersion = "1"
	// parquetDictionary is the size at which a dictionary is given up for the rest of a
	// row group.
	parquetDictionary = 1 << 20
)

// NewParquetWriter writes Parquet: zstd, dictionary-encoded strings, row groups
// bounded in rows and bytes. Equal rows give equal bytes, however they were batched.
func NewParquetWriter(w io.Writer, s *arrow.Schema) (Writer, error) {
	chunks, err := newRechunker(s, parquetRows, parquetBytes)
	if err != nil {
		return nil, err
	}
	p := &parquetWriter{w: w, chunks: chunks}
	chunks.emit = p.emit
	return p, nil
}

type parquetWriter struct {
	w      io.Writer
	chunks *rechunker
	out    *parquet.GenericWriter[any] // made with the first group
	leaves []leaf
	err    error
	closed bool
}

func (w *parquetWriter) Write(b arrow.RecordBatch) error {
	if w.closed && w.err == nil {
		w.err = errClosed
	}
	if w.err == nil {
		w.err = w.chunks.write(b)
	}
	return w.err
}

func (w *parquetWriter) Close() error {
	if w.closed {
		return w.err
	}
	w.closed = true
	if w.err == nil {
		w.err = w.chunks.flush()
	}
	if w.err == nil && w.out == nil {
		w.err = w.start(make([]bool, w.chunks.schema.NumFields()))
	}
	if w.err == nil {
		w.err = w.out.Close()
	}
	return w.err
}

func (w *parquetWriter) start(plain []bool) error {
	hint, err := encodeArrowSchema(w.chunks.schema)
	if err != nil {
		return err
	}
	w.leaves = leavesOf(w.chunks.schema)
	w.out = parquet.NewGenericWriter[any](w.w,
		parquetSchema(w.chunks.schema, plain),
		parquet.CreatedBy(parquetCreator, parquetVersion, ""),
		parquet.KeyValueMetadata(arrowSchemaKey, hint),
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest}),
		parquet.DictionaryMaxBytes(parquetDictionary),
		// The page index has the bounds of the pages; a copy in each page header would
		// hold whole texts.
		parquet.DataPageStatistics(false),
	)
	return nil
}

// emit writes one row group. Columns are independent of each other until the group is
// put together, so they are encoded in parallel and the bytes are the same.
func (w *parquetWriter) emit(group []arrow.RecordBatch, rows int) error {
	if w.out == nil {
		plain := make([]bool, w.chunks.schema.NumFields())
		for i := range plain {
			plain[i] = repeatsLittle(group, i)
		}
		if err := w.start(plain); err != nil {
			return err
		}
	}
	writers := w.out.ColumnWriters()
	err := eachColumn(w.chunks.schema.NumFields(), func(i int) error { return w.column(group, i, writers) })
	if err != nil {
		return err
	}
	return w.out.Flush()
}

// column encodes one column. It runs in a goroutine of its own, where a panic would end
// the process instead of the stage.
func (w *parquetWriter) column(group []arrow.RecordBatch, i int, writers []*parquet.ColumnWriter) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("column %q cannot be encoded: %v", w.chunks.schema.Field(i).Name, p)
		}
	}()
	a := w.chunks.column(group, i)
	defer a.Release()
	for _, l := range w.leaves {
		if l.path[0] != i {
			continue
		}
		if err := l.write(writers[l.index], a); err != nil {
			return fmt.Errorf("column %q: %w", w.chunks.schema.Field(i).Name, err)
		}
	}
	return nil
}

// repeatsLittle reports whether a column of text has so many different values among
// the first rows that a dictionary would only cost time.
func repeatsLittle(group []arrow.RecordBatch, col int) bool {
	const sample = 4096
	rows := 0
	seen := make(map[string]struct{}, sample)
	for _, b := range group {
		texts, ok := b.Column(col).(*array.String)
		if !ok {
			return false
		}
		for i := 0; i < texts.Len() && rows < sample; i++ {
			rows++
			if texts.IsValid(i) {
				seen[texts.Value(i)] = struct{}{}
			}
		}
	}
	return len(seen) > 64 && len(seen) > rows/2
}
