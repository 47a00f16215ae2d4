package table

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// listColumn holds lists, whose elements are a column of their own.
type listColumn struct {
	typ      arrow.DataType
	length   int // of every list, or -1
	elem     column
	count    int // elements so far
	elements block
	offsets  []int32
	valid    validity
}

func (c *listColumn) append(b *block, col, from, to int) (int, string) {
	if c.offsets == nil {
		c.offsets = make([]int32, 1, to-from+1)
	}
	for row := from; row < to; row++ {
		at := b.at(row, col)
		raw := b.buf[at.off:at.end]
		switch {
		case at.kind == cellNull:
			c.valid.null(len(c.offsets) - 1)
			c.pad()
		case at.kind != cellList:
			return row, fmt.Sprintf("%s is no %s", shorten(raw), TypeName(c.typ))
		default:
			if msg := c.appendList(b, raw); msg != "" {
				return row, msg
			}
		}
		c.offsets = append(c.offsets, int32(c.count))
	}
	return 0, ""
}

func (c *listColumn) appendList(b *block, raw []byte) string {
	c.elements = block{buf: raw, cells: c.elements.cells[:0], cols: 1, unescape: b.unescape, scratch: c.elements.scratch}
	c.elements.cells = listElements(c.elements.cells, raw)
	n := len(c.elements.cells)
	if c.length >= 0 && n != c.length {
		return fmt.Sprintf("%s has %s, %s needs %d", shorten(raw), plural(n, "element"), TypeName(c.typ), c.length)
	}
	if bad, msg := c.elem.append(&c.elements, 0, 0, n); msg != "" {
		return fmt.Sprintf("element %d: %s", bad+1, msg)
	}
	c.count += n
	return ""
}

// pad gives a null of a fixed-size list its elements, which Arrow wants to be there.
func (c *listColumn) pad() {
	if c.length < 0 {
		return
	}
	nulls := block{cells: make([]cell, c.length), cols: 1}
	c.elem.append(&nulls, 0, 0, c.length) // a null fails in no column
	c.count += c.length
}

func (c *listColumn) size() int64 { return c.elem.size() + 4*int64(len(c.offsets)) }

func (c *listColumn) finish() arrow.ArrayData {
	n := max(len(c.offsets)-1, 0)
	valid, nulls := c.valid.buffer(n)
	buffers := []*memory.Buffer{valid}
	if c.length < 0 {
		if c.offsets == nil {
			c.offsets = make([]int32, 1)
		}
		buffers = append(buffers, memory.NewBufferBytes(bytesOf(c.offsets)))
	}
	elem := c.elem.finish()
	defer elem.Release()
	c.offsets, c.count = nil, 0
	return array.NewData(c.typ, n, buffers, []arrow.ArrayData{elem}, nulls, 0)
}
