package table

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// rechunker cuts the rows that come in batches of any size into groups whose borders
// depend on the rows alone: a group ends when it has maxRows rows, or with the row
// that brings its values to maxBytes.
type rechunker struct {
	schema   *arrow.Schema // canonical
	maxRows  int
	maxBytes int64
	emit     func(group []arrow.RecordBatch, rows int) error

	group []arrow.RecordBatch
	rows  int
	bytes int64
	total int64
}

func newRechunker(s *arrow.Schema, maxRows int, maxBytes int64) (*rechunker, error) {
	canonical, err := canonicalSchema(s)
	if err != nil {
		return nil, fmt.Errorf("a table %w", err)
	}
	return &rechunker{schema: canonical, maxRows: maxRows, maxBytes: maxBytes}, nil
}

// write takes the rows of b, which it retains as long as it needs them.
func (r *rechunker) write(b arrow.RecordBatch) error {
	b, err := conform(b, r.schema, r.total)
	if err != nil {
		return err
	}
	defer b.Release()
	r.total += b.NumRows()
	for from := int64(0); from < b.NumRows(); {
		part := b.NewSlice(from, min(b.NumRows(), from+int64(r.maxRows-r.rows)))
		size := bytesOfRows(part)
		if r.bytes+size >= r.maxBytes { // the group may end within the part
			var rows int64
			rows, size = r.until(part)
			part.Release()
			part = b.NewSlice(from, from+rows)
		}
		from += part.NumRows()
		r.group = append(r.group, part)
		r.rows += int(part.NumRows())
		r.bytes += size
		if r.rows == r.maxRows || r.bytes >= r.maxBytes {
			if err := r.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// until gives how many rows of b the group still takes, and their bytes.
func (r *rechunker) until(b arrow.RecordBatch) (rows, size int64) {
	for i, s := range rowSizes(b) {
		if size += s; r.bytes+size >= r.maxBytes {
			return int64(i + 1), size
		}
	}
	return b.NumRows(), size
}

// flush emits the rows that are left.
func (r *rechunker) flush() error {
	if r.rows == 0 {
		return nil
	}
	err := r.emit(r.group, r.rows)
	for _, b := range r.group {
		b.Release()
	}
	r.group, r.rows, r.bytes = r.group[:0], 0, 0
	return err
}

// column gathers one column of a group. One that already is what gather would make
// of it is shared.
func (r *rechunker) column(group []arrow.RecordBatch, col int) arrow.Array {
	if a := group[0].Column(col); len(group) == 1 && isGathered(a) {
		a.Retain()
		return a
	}
	pieces := make([]piece, len(group))
	for i, b := range group {
		pieces[i] = piece{a: b.Column(col), to: int(b.NumRows())}
	}
	data := gather(r.schema.Field(col).Type, pieces)
	defer data.Release()
	return array.MakeFromData(data)
}

// conform checks a batch against the schema of a writer and makes it canonical.
func conform(b arrow.RecordBatch, s *arrow.Schema, before int64) (arrow.RecordBatch, error) {
	if int(b.NumCols()) != s.NumFields() {
		return nil, fmt.Errorf("a batch has %s, the table has %d", plural(int(b.NumCols()), "column"), s.NumFields())
	}
	for i, want := range s.Fields() {
		have := b.Schema().Field(i)
		t, err := Canonical(have.Type)
		switch {
		case have.Name != want.Name:
			return nil, fmt.Errorf("column %d of a batch is %q, that of the table is %q", i+1, have.Name, want.Name)
		case err != nil:
			return nil, fmt.Errorf("column %q: %w", want.Name, err)
		case !arrow.TypeEqual(t, want.Type):
			return nil, fmt.Errorf("column %q of a batch is %s, that of the table is %s", want.Name, TypeName(t), TypeName(want.Type))
		case !want.Nullable && b.Column(i).NullN() > 0:
			return nil, fmt.Errorf("column %q has nulls after row %d, and its field says that it has none", want.Name, before)
		}
	}
	return canonicalBatch(b, s)
}

// bytesOfRows is the sum of rowSizes, which it mostly finds without a look at each row.
func bytesOfRows(b arrow.RecordBatch) (n int64) {
	for _, a := range b.Columns() {
		switch a.DataType().ID() {
		case arrow.STRING, arrow.BINARY:
			if a.Len() == 0 {
				continue
			}
			offsets, _ := bytesAt(a)
			n += 4*int64(a.Len()) + int64(offsets[a.Len()]-offsets[0])
			for i := range nullsOf(a, 0, a.Len()) {
				n -= int64(offsets[i+1] - offsets[i])
			}
		case arrow.BOOL:
			n += int64(a.Len())
		case arrow.LIST, arrow.FIXED_SIZE_LIST, arrow.STRUCT:
			sizes := make([]int64, a.Len())
			addSizes(sizes, a)
			for _, s := range sizes {
				n += s
			}
		default:
			n += int64(a.Len() * a.DataType().(arrow.FixedWidthDataType).Bytes())
		}
	}
	return n
}

// rowSizes gives the bytes of the values of each row. Nulls count as empty.
func rowSizes(b arrow.RecordBatch) []int64 {
	sizes := make([]int64, b.NumRows())
	for i := range int(b.NumCols()) {
		addSizes(sizes, b.Column(i))
	}
	return sizes
}

func addSizes(sizes []int64, a arrow.Array) {
	switch a := a.(type) {
	case *array.String, *array.Binary:
		if a.Len() == 0 {
			return
		}
		offsets, _ := bytesAt(a)
		for i := range sizes {
			if a.NullN() == 0 || a.IsValid(i) {
				sizes[i] += int64(offsets[i+1] - offsets[i])
			}
			sizes[i] += 4
		}
	case array.ListLike:
		elements := make([]int64, a.ListValues().Len())
		addSizes(elements, a.ListValues())
		for i := range sizes {
			sizes[i] += 4
			if a.IsValid(i) {
				from, to := a.ValueOffsets(i)
				for _, s := range elements[from:to] {
					sizes[i] += s
				}
			}
		}
	case *array.Struct:
		fields := make([]int64, a.Len())
		for i := range a.NumField() {
			addSizes(fields, a.Field(i))
		}
		for i := range sizes {
			if a.IsValid(i) {
				sizes[i] += fields[i]
			}
		}
	case *array.Boolean:
		for i := range sizes {
			sizes[i]++
		}
	default:
		width := int64(a.DataType().(arrow.FixedWidthDataType).Bytes())
		for i := range sizes {
			sizes[i] += width
		}
	}
}
