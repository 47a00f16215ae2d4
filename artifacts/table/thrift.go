package table

import "encoding/binary"

// The metadata of Parquet files is in the Thrift compact protocol, and the Parquet
// library allocates what a length in it claims before it looks whether so much is
// there. So footers and page headers are walked here first: in a buffer that passes no
// string or list is longer than the bytes that follow.

// thriftReader walks values in the Thrift compact protocol.
type thriftReader struct {
	b  []byte
	at int
}

// The types of the compact protocol.
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftInt8   = 3
	thriftInt64  = 6 // 4 to 6 are integers of variable length
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12
)

const thriftDeepest = 64

// structure walks one struct. Each field is offered to visit, which may read it and
// report true; the others are skipped. It reports whether the struct is sound.
func (t *thriftReader) structure(depth int, visit func(id int64, typ byte) bool) bool {
	if depth > thriftDeepest {
		return false
	}
	id := int64(0)
	for {
		head, ok := t.byte()
		if !ok {
			return false
		}
		if head == 0 {
			return true
		}
		typ := head & 0xf
		if delta := int64(head >> 4); delta != 0 {
			id += delta
		} else if id, ok = t.int(); !ok {
			return false
		}
		before := t.at
		if visit != nil && visit(id, typ) {
			continue
		}
		t.at = before
		if !t.skip(typ, depth) {
			return false
		}
	}
}

func (t *thriftReader) skip(typ byte, depth int) bool {
	switch {
	case typ == thriftTrue || typ == thriftFalse:
		return true
	case typ == thriftInt8:
		return t.bytes(1)
	case typ > thriftInt8 && typ <= thriftInt64:
		_, ok := t.uint()
		return ok
	case typ == thriftDouble:
		return t.bytes(8)
	case typ == thriftBinary:
		n, ok := t.uint()
		return ok && n <= uint64(len(t.b)) && t.bytes(int(n))
	case typ == thriftList || typ == thriftSet:
		return t.list(depth)
	case typ == thriftMap:
		n, ok := t.uint()
		if !ok || n == 0 {
			return ok
		}
		kinds, ok := t.byte()
		return ok && t.elements(n, depth, kinds>>4, kinds&0xf)
	case typ == thriftStruct:
		return t.structure(depth+1, nil)
	}
	return false
}

func (t *thriftReader) list(depth int) bool {
	head, ok := t.byte()
	if !ok {
		return false
	}
	n := uint64(head >> 4)
	if n == 15 {
		if n, ok = t.uint(); !ok {
			return false
		}
	}
	return t.elements(n, depth, head&0xf)
}

// elements skips n groups of values, each of which takes a byte at least.
func (t *thriftReader) elements(n uint64, depth int, types ...byte) bool {
	if n > uint64(len(t.b)-t.at) || depth > thriftDeepest {
		return false
	}
	for range n {
		for _, typ := range types {
			// Unlike that of a field, the value of an element is a byte of its own.
			if typ == thriftTrue || typ == thriftFalse {
				typ = thriftInt8
			}
			if !t.skip(typ, depth+1) {
				return false
			}
		}
	}
	return true
}

func (t *thriftReader) byte() (byte, bool) {
	if t.at >= len(t.b) {
		return 0, false
	}
	t.at++
	return t.b[t.at-1], true
}

func (t *thriftReader) bytes(n int) bool {
	if n > len(t.b)-t.at {
		return false
	}
	t.at += n
	return true
}

func (t *thriftReader) uint() (uint64, bool) {
	v, n := binary.Uvarint(t.b[t.at:])
	t.at += max(n, 0)
	return v, n > 0
}

func (t *thriftReader) int() (int64, bool) {
	v, n := binary.Varint(t.b[t.at:])
	t.at += max(n, 0)
	return v, n > 0
}
