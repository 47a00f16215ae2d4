package table

import (
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/parquet-go/parquet-go"
	"golang.org/x/sync/errgroup"
)

// OpenParquet reads a Parquet file of size bytes, row group by row group. The name
// stands for it in errors. ra stays the caller's.
func OpenParquet(ra io.ReaderAt, size int64, name string) (Reader, error) {
	r, err := openParquet(ra, size, name, Options{})
	if err != nil {
		return nil, err
	}
	return newAhead(r), nil
}

func openParquet(ra io.ReaderAt, size int64, name string, o Options) (_ Reader, err error) {
	defer recovered(name, "Parquet file", &err)
	if size == 0 {
		return nil, fmt.Errorf("%s: is empty: it is no Parquet file", name)
	}
	if err := checkFooter(ra, size); err != nil {
		return nil, damaged(name, "Parquet file", err)
	}
	f, err := parquet.OpenFile(ra, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(64<<10))
	if err != nil {
		return nil, damaged(name, "Parquet file", err)
	}
	var hint *arrow.Schema
	if text, ok := f.Lookup(arrowSchemaKey); ok {
		hint = decodeArrowSchema(text)
	}
	nodes, err := fileTree(f.Root(), hint)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	fields := make([]arrow.Field, len(nodes))
	for i, n := range nodes {
		fields[i] = arrow.Field{Name: n.name, Type: n.typ, Nullable: n.nullable}
	}
	schema, err := canonicalSchema(arrow.NewSchema(fields, nil))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	r := &parquetReader{name: name, ra: ra, file: f, o: o.withDefaults(), nodes: nodes, schema: schema}
	for _, g := range f.RowGroups() {
		if n := g.NumRows(); n < 0 || n > f.NumRows()-r.rows {
			return nil, damaged(name, "Parquet file", fmt.Errorf("its row groups do not have the %d rows of the file", f.NumRows()))
		}
		r.rows += g.NumRows()
	}
	if r.rows != f.NumRows() {
		return nil, damaged(name, "Parquet file", fmt.Errorf("its row groups have %d of the %d rows of the file", r.rows, f.NumRows()))
	}
	return r, nil
}

// parquetReader assembles batches from the column chunks of one row group after the
// other.
type parquetReader struct {
	name   string
	ra     io.ReaderAt
	file   *parquet.File
	o      Options
	nodes  []*fileNode
	schema *arrow.Schema
	rows   int64

	group  int // the next row group
	chunks []*chunkReader
	byNode map[*fileNode]*chunkReader
	left   int64 // rows of the current row group
	want   int64 // rows of the next batch
	done   int64
	batch  arrow.RecordBatch
	err    error
}

func (r *parquetReader) Schema() *arrow.Schema { return r.schema }
func (r *parquetReader) Rows() int64           { return r.rows }

func (r *parquetReader) project(columns []string) (Reader, error) {
	schema, picked, err := pick(r.schema, columns)
	if err != nil {
		return nil, err
	}
	nodes := make([]*fileNode, len(picked))
	for i, at := range picked {
		nodes[i] = r.nodes[at]
	}
	r.nodes, r.schema = nodes, schema
	return r, nil
}

func (r *parquetReader) Next() (arrow.RecordBatch, error) {
	r.release()
	if r.err == nil {
		if err := r.next(); err != nil {
			r.err = err
			r.closeChunks()
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	return r.batch, nil
}

func (r *parquetReader) next() (err error) {
	defer recovered(r.name, "Parquet file", &err)
	for r.left == 0 {
		if r.group == len(r.file.RowGroups()) {
			return io.EOF
		}
		if err := r.openGroup(r.file.RowGroups()[r.group]); err != nil {
			return damaged(r.name, "Parquet file", fmt.Errorf("row group %d: %w", r.group+1, err))
		}
		r.group++
	}
	n := min(r.left, r.want)
	if err := r.readChunks(int(n)); err != nil {
		return damaged(r.name, "Parquet file", fmt.Errorf("row group %d: %w", r.group, err))
	}
	if r.batch, err = r.assemble(n); err != nil {
		return damaged(r.name, "Parquet file", fmt.Errorf("row group %d: %w", r.group, err))
	}
	var size int64
	for _, c := range r.chunks {
		size += c.out.size()
		c.reset()
	}
	// The next batch is as long as BatchBytes allows if its rows are like these.
	r.want = max(1, min(int64(r.o.BatchRows), r.o.BatchBytes*n/max(size, 1)))
	r.left -= n
	r.done += n
	return nil
}

func (r *parquetReader) openGroup(g parquet.RowGroup) error {
	r.closeChunks()
	r.byNode = map[*fileNode]*chunkReader{}
	metadata := r.file.Metadata().RowGroups[r.group].Columns
	var size int64
	var open func(n *fileNode) error
	open = func(n *fileNode) error {
		for _, c := range n.children {
			if err := open(c); err != nil {
				return err
			}
		}
		if n.leaf == nil {
			return nil
		}
		index := n.leaf.column.Index()
		m := &metadata[index].MetaData
		if err := checkChunk(r.ra, r.file.Size(), m); err != nil {
			return fmt.Errorf("column %q: %w", n.name, err)
		}
		size += m.TotalUncompressedSize
		chunk := g.ColumnChunks()[index].(*parquet.FileColumnChunk)
		c := &chunkReader{leaf: n.leaf, name: n.name, pages: chunk.Pages(), total: chunk.NumValues(), out: newSink(n)}
		r.chunks = append(r.chunks, c)
		r.byNode[n] = c
		return nil
	}
	for _, n := range r.nodes {
		if err := open(n); err != nil {
			return err
		}
	}
	r.left = g.NumRows()
	if r.want == 0 {
		r.want = max(1, min(int64(r.o.BatchRows), r.o.BatchBytes*r.left/max(size, 1)))
	}
	return nil
}

// readChunks reads n rows of every column, in parallel since they are independent. Of
// several damaged columns the first is told, whichever was found out first.
func (r *parquetReader) readChunks(n int) error {
	return eachColumn(len(r.chunks), func(i int) (err error) {
		c := r.chunks[i]
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("column %q: %v", c.name, p)
			}
		}()
		if err := c.read(n); err != nil {
			return fmt.Errorf("column %q: %w", c.name, err)
		}
		return nil
	})
}

// eachColumn calls do for each column, on all cores, and returns the error of the first
// column that has one.
func eachColumn(columns int, do func(i int) error) error {
	errs := make([]error, columns)
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range errs {
		g.Go(func() error {
			errs[i] = do(i)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *parquetReader) assemble(n int64) (arrow.RecordBatch, error) {
	columns := make([]arrow.Array, 0, len(r.nodes))
	defer func() {
		for _, c := range columns {
			c.Release()
		}
	}()
	for _, node := range r.nodes {
		data, err := r.assembleNode(node)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", node.name, err)
		}
		a := array.MakeFromData(data)
		data.Release()
		columns = append(columns, a)
		if int64(a.Len()) != n {
			return nil, fmt.Errorf("column %q has %d rows where %d are expected", node.name, a.Len(), n)
		}
		if err := checkUTF8(a); err != nil {
			return nil, fmt.Errorf("column %q, after row %d: %w", node.name, r.done, err)
		}
	}
	return array.NewRecordBatch(r.schema, columns, n), nil
}

func (r *parquetReader) release() {
	if r.batch != nil {
		r.batch.Release()
		r.batch = nil
	}
}

func (r *parquetReader) closeChunks() {
	for _, c := range r.chunks {
		c.pages.Close() // they read through the file, which is not theirs
	}
	r.chunks = nil
}

func (r *parquetReader) Close() error {
	r.release()
	r.closeChunks()
	if r.err == nil || errors.Is(r.err, io.EOF) {
		r.err = errClosed
	}
	return nil
}
