package table

import (
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/parquet-go/parquet-go"
)

// leaf is one Parquet column: the path to it through the columns of a table and the
// fields of structs.
type leaf struct {
	index    int   // among all leaves
	path     []int // column, then fields; lists take no step
	nullable bool  // the column
	typ      arrow.DataType
}

func leavesOf(s *arrow.Schema) []leaf {
	var leaves []leaf
	var walk func(t arrow.DataType, l leaf)
	walk = func(t arrow.DataType, l leaf) {
		switch t := t.(type) {
		case *arrow.StructType:
			for i, f := range t.Fields() {
				next := l
				next.path = append(append([]int(nil), l.path...), i)
				walk(f.Type, next)
			}
		case arrow.ListLikeType:
			walk(t.Elem(), l)
		default:
			l.index = len(leaves)
			leaves = append(leaves, l)
		}
	}
	for i, f := range s.Fields() {
		walk(f.Type, leaf{path: []int{i}, nullable: f.Nullable, typ: f.Type})
	}
	return leaves
}

// levels are the entries of a nested Parquet column as Dremel (Melnik et al., 2010)
// has them: repetition level, definition level, and the value's index in its array, or
// -1 where there is none.
type levels struct {
	rep, def []byte
	at       []int32
}

func (l *levels) add(rep, def byte, at int32) {
	l.rep = append(l.rep, rep)
	l.def = append(l.def, def)
	l.at = append(l.at, at)
}

// write appends the leaf's values of a column to its writer.
func (l leaf) write(w *parquet.ColumnWriter, a arrow.Array) error {
	out := &valueWriter{w: w, column: l.index}
	if !arrow.IsNested(l.typ.ID()) {
		if err := checkMilliseconds(a); err != nil {
			return err
		}
		return out.flat(a, l.nullable)
	}
	entries := &levels{}
	for i := range a.Len() {
		entries.add(0, 0, int32(i))
	}
	values, entries, depth := shred(a, entries, l.nullable, 0, 0, l.path[1:])
	if err := checkMilliseconds(values); err != nil {
		return err
	}
	return out.nested(values, entries, depth)
}

// checkMilliseconds refuses seconds that are too many for the milliseconds in which
// Parquet keeps them.
func checkMilliseconds(a arrow.Array) error {
	t, ok := a.(*array.Timestamp)
	if !ok || t.DataType().(*arrow.TimestampType).Unit != arrow.Second {
		return nil
	}
	for i, v := range t.Values() {
		if v > math.MaxInt64/1000 || v < math.MinInt64/1000 {
			return fmt.Errorf("value %d is %d seconds, which Parquet cannot hold as milliseconds", i+1, v)
		}
	}
	return nil
}

// shred follows a path down from a, whose entries are given, to the leaf's values.
func shred(a arrow.Array, in *levels, nullable bool, rep, def byte, path []int) (arrow.Array, *levels, byte) {
	if nullable {
		def++
		for i, at := range in.at {
			if at < 0 {
				continue
			}
			if a.IsNull(int(at)) {
				in.at[i] = -1
			} else {
				in.def[i] = def
			}
		}
	}
	switch a := a.(type) {
	case *array.Struct:
		return shred(a.Field(path[0]), in, true, rep, def, path[1:])
	case array.ListLike:
		rep, def = rep+1, def+1
		out := &levels{}
		for i, at := range in.at {
			if at < 0 {
				out.add(in.rep[i], in.def[i], -1)
				continue
			}
			from, to := a.ValueOffsets(int(at))
			if from == to {
				out.add(in.rep[i], def-1, -1)
			}
			for j := from; j < to; j++ {
				r := rep
				if j == from {
					r = in.rep[i]
				}
				out.add(r, def, int32(j))
			}
		}
		return shred(a.ListValues(), out, true, rep, def, path)
	}
	return a, in, def
}

// valueWriter hands values to Parquet in runs whose borders depend on the values alone,
// since pages end between runs.
type valueWriter struct {
	w      *parquet.ColumnWriter
	column int
}

const (
	runValues = 1024
	runBytes  = 256 << 10
)
