package table

import (
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// assembleNode makes the array of a node from the entries that were read of the leaves
// below it.
func (r *parquetReader) assembleNode(n *fileNode) (arrow.ArrayData, error) {
	if n.leaf != nil {
		return assembleLeaf(n, r.byNode[n])
	}
	slots := slotsOf(n, r.firstLeaf(n))
	children := make([]arrow.ArrayData, len(n.children))
	defer func() {
		for _, c := range children {
			if c != nil {
				c.Release()
			}
		}
	}()
	for i, child := range n.children {
		c, err := r.assembleNode(child)
		if err != nil {
			return nil, err
		}
		children[i] = c
	}
	bitmap, nulls := slots.valid.buffer(slots.n)
	switch t := n.typ.(type) {
	case *arrow.StructType:
		for i, c := range children {
			if c.Len() != slots.n {
				return nil, fmt.Errorf("field %q has %d rows in a struct of %d", n.children[i].name, c.Len(), slots.n)
			}
		}
		return array.NewData(t, slots.n, []*memory.Buffer{bitmap}, children, nulls, 0), nil
	case *arrow.FixedSizeListType:
		return fixedLists(t, slots, bitmap, nulls, children[0])
	}
	if last := int(slots.offsets[slots.n]); last != children[0].Len() {
		return nil, fmt.Errorf("a list has %d elements where %d are expected", children[0].Len(), last)
	}
	buffers := []*memory.Buffer{bitmap, memory.NewBufferBytes(bytesOf(slots.offsets))}
	return array.NewData(n.typ, slots.n, buffers, children, nulls, 0), nil
}

// fixedLists checks the lengths, and gives null lists the elements that Arrow wants to
// be there and Parquet leaves out.
func fixedLists(t *arrow.FixedSizeListType, s slots, bitmap *memory.Buffer, nulls int, elem arrow.ArrayData) (arrow.ArrayData, error) {
	values := array.MakeFromData(elem)
	defer values.Release()
	length := int(t.Len())
	if most := 1 << 28; s.n > most/length {
		return nil, fmt.Errorf("a batch has %d lists of %d elements; read with fewer rows in a batch", s.n, length)
	}
	var pieces []piece
	for i := range s.n {
		from, to := int(s.offsets[i]), int(s.offsets[i+1])
		switch {
		case to > values.Len():
			return nil, fmt.Errorf("a list ends at element %d of %d", to, values.Len())
		case to-from == length:
			pieces = appendPiece(pieces, piece{a: values, from: from, to: to})
		case to == from && nulls > 0:
			pieces = appendPiece(pieces, piece{to: length})
		default:
			return nil, fmt.Errorf("a list has %d elements, its type is %s", to-from, TypeName(t))
		}
	}
	full := gather(t.Elem(), pieces)
	defer full.Release()
	return array.NewData(t, s.n, []*memory.Buffer{bitmap}, []arrow.ArrayData{full}, nulls, 0), nil
}

func (r *parquetReader) firstLeaf(n *fileNode) *chunkReader {
	for n.leaf == nil {
		n = n.children[0]
	}
	return r.byNode[n]
}

// slots are the rows of a struct or list node, in the sense of fileNode.
type slots struct {
	n       int
	valid   validity
	offsets []int32 // of lists
}

func slotsOf(n *fileNode, c *chunkReader) slots {
	var s slots
	list := arrow.IsListLike(n.typ.ID())
	var elem fileNode
	if list {
		elem = *n.children[0]
		s.offsets = append(s.offsets, 0)
	}
	elements := int32(0)
	for i := range c.count {
		def, rep := level(c.defs, i), level(c.reps, i)
		if rep <= n.slotRep && def >= n.slotDef {
			if def < n.def {
				s.valid.null(s.n)
			}
			s.n++
			if list {
				s.offsets = append(s.offsets, elements)
			}
		}
		if list && rep <= elem.slotRep && def >= elem.slotDef {
			elements++
			s.offsets[s.n] = elements
		}
	}
	return s
}

func level(levels []byte, i int) byte {
	if len(levels) == 0 {
		return 0
	}
	return levels[i]
}

// assembleLeaf gives the values of a leaf their slots.
func assembleLeaf(n *fileNode, c *chunkReader) (arrow.ArrayData, error) {
	count, at := c.count, c.defs
	if n.slotDef > 0 {
		// Entries of null and empty lists have no slot.
		at = make([]byte, 0, len(c.defs))
		for _, d := range c.defs {
			if d >= n.slotDef {
				at = append(at, d)
			}
		}
		count = len(at)
	}
	nulls := slices.ContainsFunc(at, func(d byte) bool { return d < c.leaf.maxDef })
	if !nulls {
		return c.out.spread(count, nil)
	}
	return c.out.spread(count, func(i int) bool { return at[i] == c.leaf.maxDef })
}
