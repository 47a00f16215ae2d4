package table

import (
	"encoding/binary"
	"errors"
)

// The metadata of Arrow files are FlatBuffers, which the Arrow library follows without
// looking: a hostile length makes it ask for more memory than there is, which no
// recover catches. So every buffer is verified against the schemas of the Arrow
// columnar format (Schema.fbs, Message.fbs) before the library sees it.

// fbTable describes the fields of a table by their slots.
type fbTable []fbField

// fbField describes a field: size bytes in the table itself, or an offset to what of
// the pointers says. A zero fbField is checked by its slot alone.
type fbField struct {
	size   int        // of a scalar, or of the elements of a vector of scalars or structs
	vector bool       // of elements of the size, or of tables
	text   bool       // a string
	table  *fbTable   // of a table, or of the elements of a vector
	union  []*fbTable // by the value of the slot before, which is one byte
}

var (
	fbKeyValue = fbTable{{text: true}, {text: true}}
	fbMetadata = fbField{vector: true, table: &fbKeyValue}
	fbEmpty    = fbTable{}
	fbInt      = fbTable{{size: 4}, {size: 1}}
	fbUnit     = fbTable{{size: 2}}
	fbWidth    = fbTable{{size: 4}}
	// fbTypes is the union Type of Schema.fbs.
	fbTypes = []*fbTable{
		nil, &fbEmpty, &fbInt, &fbUnit, &fbEmpty, &fbEmpty, &fbEmpty, // to Bool
		{{size: 4}, {size: 4}, {size: 4}}, &fbUnit, {{size: 2}, {size: 4}}, {{size: 2}, {text: true}}, // to Timestamp
		&fbUnit, &fbEmpty, &fbEmpty, {{size: 2}, {size: 4, vector: true}}, &fbWidth, &fbWidth, // to FixedSizeList
		{{size: 1}}, &fbUnit, &fbEmpty, &fbEmpty, &fbEmpty, &fbEmpty, &fbEmpty, &fbEmpty, &fbEmpty, &fbEmpty,
	}
	fbDictionaryEncoding = fbTable{{size: 8}, {table: &fbInt}, {size: 1}, {size: 2}}
	fbFieldTable         = fbTable{{text: true}, {size: 1}, {size: 1}, {union: fbTypes}, {table: &fbDictionaryEncoding}, {}, fbMetadata}
	fbSchema             = fbTable{{size: 2}, {vector: true, table: &fbFieldTable}, fbMetadata, {size: 8, vector: true}}
	fbRecordBatch        = fbTable{{size: 8}, {size: 16, vector: true}, {size: 16, vector: true}, {table: &fbTable{{size: 1}, {size: 1}}}, {size: 8, vector: true}}
	fbDictionaryBatch    = fbTable{{size: 8}, {table: &fbRecordBatch}, {size: 1}}
	fbFooter             = fbTable{{size: 2}, {table: &fbSchema}, {size: blockSize, vector: true}, {size: blockSize, vector: true}, fbMetadata}
	fbMessage            = fbTable{{size: 2}, {size: 1}, {union: []*fbTable{nil, &fbSchema, &fbDictionaryBatch, &fbRecordBatch}}, {size: 8}, fbMetadata}
)

func init() {
	fbFieldTable[5] = fbField{vector: true, table: &fbFieldTable} // children, which are fields again
}

var errFlatBuffer = errors.New("its metadata is no sound FlatBuffer")

// flatBuffer verifies and reads one buffer.
type flatBuffer struct {
	b      []byte
	budget int // of tables, since offsets may make a small buffer look like endless ones
}

// root verifies b as a table and returns where it is.
func (f *flatBuffer) root(t *fbTable) (int, error) {
	f.budget = len(f.b)
	at, ok := f.follow(0)
	if !ok || !f.verify(at, t, 0) {
		return 0, errFlatBuffer
	}
	return at, nil
}

func (f *flatBuffer) within(at, n int) bool { return at >= 0 && n >= 0 && at <= len(f.b)-n }

func (f *flatBuffer) uint32(at int) int { return int(binary.LittleEndian.Uint32(f.b[at:])) }

// follow reads the offset at a place, relative to it.
func (f *flatBuffer) follow(at int) (int, bool) {
	if !f.within(at, 4) {
		return 0, false
	}
	to := at + f.uint32(at)
	return to, f.within(to, 4)
}

// slot gives the place of field i of a table, or 0 where it has its default.
func (f *flatBuffer) slot(table, i int) int {
	vtable := table - int(int32(binary.LittleEndian.Uint32(f.b[table:])))
	if 4+2*i+2 > int(binary.LittleEndian.Uint16(f.b[vtable:])) {
		return 0
	}
	if off := int(binary.LittleEndian.Uint16(f.b[vtable+4+2*i:])); off != 0 {
		return table + off
	}
	return 0
}

func (f *flatBuffer) verify(table int, t *fbTable, depth int) bool {
	const deepest = 64
	if f.budget--; f.budget < 0 || depth > deepest || !f.within(table, 4) {
		return false
	}
	vtable := table - int(int32(binary.LittleEndian.Uint32(f.b[table:])))
	if !f.within(vtable, 4) {
		return false
	}
	size := int(binary.LittleEndian.Uint16(f.b[vtable:]))
	if size < 4 || size%2 != 0 || !f.within(vtable, size) {
		return false
	}
	for i, field := range *t {
		if at := f.slot(table, i); at != 0 && !f.field(table, at, i, field, depth) {
			return false
		}
	}
	return true
}

func (f *flatBuffer) field(table, at, i int, field fbField, depth int) bool {
	if field.size > 0 && !field.vector {
		return f.within(at, field.size)
	}
	to, ok := f.follow(at)
	switch {
	case !ok:
		return false
	case field.union != nil:
		kind := 0
		if k := f.slot(table, i-1); k != 0 {
			kind = int(f.b[k])
		}
		// The library refuses kinds that this table does not know before it follows them.
		return kind >= len(field.union) || field.union[kind] == nil || f.verify(to, field.union[kind], depth+1)
	case field.text:
		return f.within(to+4, f.uint32(to))
	case field.vector && field.table == nil:
		return f.within(to+4, f.uint32(to)*field.size)
	case field.vector:
		n := f.uint32(to)
		if !f.within(to+4, 4*n) {
			return false
		}
		for j := range n {
			if elem, ok := f.follow(to + 4 + 4*j); !ok || !f.verify(elem, field.table, depth+1) {
				return false
			}
		}
		return true
	}
	return f.verify(to, field.table, depth+1)
}

// int64 reads field i of a verified table.
func (f *flatBuffer) int64(table, i int) int64 {
	if at := f.slot(table, i); at != 0 {
		return f.int64At(at)
	}
	return 0
}

func (f *flatBuffer) int64At(at int) int64 { return int64(binary.LittleEndian.Uint64(f.b[at:])) }

// vector gives the place and number of the elements of a verified vector.
func (f *flatBuffer) vector(table, i int) (at, n int) {
	if at := f.slot(table, i); at != 0 {
		to, _ := f.follow(at)
		return to + 4, f.uint32(to)
	}
	return 0, 0
}
