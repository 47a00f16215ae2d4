package stages

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/stages/rows"
)

// hashed is the right table of a join: its rows in memory, found by their keys.
type hashed struct {
	schema *arrow.Schema
	all    arrow.RecordBatch // nil without rows
	rows   int64
	first  *rows.Index
	next   []int32 // the next row of the same key, -1 after the last
	met    []bool  // rows that have met a partner
}

func (h *hashed) release() {
	if h.all != nil {
		h.all.Release()
	}
}

// build reads the right table.
func (k *Join) build(ctx context.Context, env *dag.Env) (h *hashed, err error) {
	r, err := env.Table("right")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	h = &hashed{schema: r.Schema()}
	var parts []arrow.RecordBatch
	defer func() {
		for _, p := range parts {
			p.Release()
		}
	}()
	for b, err := range table.All(r) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		b.Retain()
		parts = append(parts, b)
	}
	if h.all, err = concatenate(h.schema, parts); err != nil {
		return nil, fmt.Errorf("hold the right table in memory: %w; let it be the smaller one, or join it in parts", err)
	}
	if h.all == nil {
		return h, nil
	}
	if h.rows = h.all.NumRows(); h.rows > math.MaxInt32 {
		return h, fmt.Errorf("the right table has %d rows and may have 2^31; let it be the smaller one", h.rows)
	}
	return h, k.index(h)
}

// concatenate copies batches into one; nil where there is none.
func concatenate(s *arrow.Schema, parts []arrow.RecordBatch) (arrow.RecordBatch, error) {
	if len(parts) == 0 {
		return nil, nil
	}
	rows := int64(0)
	cols := make([]arrow.Array, s.NumFields())
	for i := range cols {
		pieces := make([]arrow.Array, len(parts))
		rows = 0
		for p, part := range parts {
			pieces[p] = part.Column(i)
			rows += part.NumRows()
		}
		whole, err := array.Concatenate(pieces, memory.DefaultAllocator)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", s.Field(i).Name, err)
		}
		defer whole.Release()
		cols[i] = whole
	}
	return array.NewRecordBatch(s, cols, rows), nil
}

// index finds the rows by their keys, each chain of one key in the order of the
// table.
func (k *Join) index(h *hashed) error {
	keys, err := columnsOf(h.schema, k.On.right())
	if err != nil {
		return err
	}
	types := make([]arrow.DataType, len(keys))
	for i, c := range keys {
		types[i] = h.schema.Field(c).Type
	}
	h.first = rows.NewIndex(types)
	h.next = h.first.Chain(h.all, keys)
	h.met = make([]bool, h.rows)
	if k.Expect != "one" {
		return nil
	}
	for i := len(h.next) - 1; i >= 0; i-- {
		if later := h.next[i]; later >= 0 {
			return fmt.Errorf("right table: rows %d and %d have the same key, %s, and with.expect is one", i+1, later+1, keyText(h.all, keys, i))
		}
	}
	return nil
}

// partners gives for each row of a left batch its first partner, -1 where it has
// none.
func (h *hashed) partners(b arrow.RecordBatch, keys []int) []int32 {
	if h.all == nil {
		return slices.Repeat([]int32{-1}, int(b.NumRows()))
	}
	return h.first.Find(b, keys)
}

// keyText writes a key for people.
func keyText(b arrow.RecordBatch, keys []int, row int) string {
	s := ""
	for i, c := range keys {
		if i > 0 {
			s += ", "
		}
		s += fmt.Sprintf("%s = %q", b.ColumnName(c), b.Column(c).ValueStr(row))
	}
	return s
}

// joiner meets the left rows.
type joiner struct {
	*Join
	right  *hashed
	keys   []int // of the left table
	taken  []int // columns of the right table
	schema *arrow.Schema
	w      table.Writer

	pairs  pairs
	out    int64
	lonely int64 // left rows without a partner
}

// pairs are rows of the left batch and of the right table, -1 for none.
type pairs struct{ left, right []int }

func (p *pairs) add(left, right int) {
	p.left, p.right = append(p.left, left), append(p.right, right)
}

// maxPairs bounds how many rows are made at a time: one left row may have any
// number of partners.
const maxPairs = 1 << 16

// probe finds the partners of a batch's rows.
func (j *joiner) probe(b arrow.RecordBatch) error {
	j.pairs = pairs{j.pairs.left[:0], j.pairs.right[:0]}
	for i, partner := range j.right.partners(b, j.keys) {
		if partner < 0 {
			j.lonely++
		}
		switch j.How {
		case "semi":
			if partner >= 0 {
				j.pairs.add(i, -1)
			}
			continue
		case "anti":
			if partner < 0 {
				j.pairs.add(i, -1)
			}
			continue
		}
		if partner < 0 && j.How != "inner" {
			j.pairs.add(i, -1)
		}
		for ; partner >= 0; partner = j.right.next[partner] {
			j.right.met[partner] = true
			j.pairs.add(i, int(partner))
			if len(j.pairs.left) >= maxPairs {
				if err := j.flush(b); err != nil {
					return err
				}
			}
		}
	}
	return j.flush(b)
}

// flush writes the pairs.
func (j *joiner) flush(b arrow.RecordBatch) error {
	p := j.pairs
	j.pairs = pairs{p.left[:0], p.right[:0]}
	return j.write(p, func(p pairs) []arrow.Array {
		left := rows.Take(b, p.left)
		defer left.Release()
		cols := make([]arrow.Array, 0, j.schema.NumFields())
		for _, c := range left.Columns() {
			c.Retain()
			cols = append(cols, c)
		}
		return append(cols, j.rightColumns(p)...)
	}, b)
}

// maxText is how many bytes one column of a batch may hold: its offsets have 32
// bits.
const maxText = 1 << 30

// write makes the pairs' columns and writes them, in halves where a column
// would be too large.
func (j *joiner) write(p pairs, columns func(pairs) []arrow.Array, left arrow.RecordBatch) error {
	n := len(p.left)
	if n == 0 {
		return nil
	}
	if n > 1 && (rows.TextBytes(left, p.left) > maxText || rows.TextBytes(j.right.all, p.right) > maxText) {
		if err := j.write(pairs{p.left[:n/2], p.right[:n/2]}, columns, left); err != nil {
			return err
		}
		return j.write(pairs{p.left[n/2:], p.right[n/2:]}, columns, left)
	}
	cols := columns(p)
	made := array.NewRecordBatch(j.schema, cols, int64(n))
	for _, c := range cols {
		c.Release()
	}
	defer made.Release()
	j.out += int64(n)
	return j.w.Write(made)
}

// rightColumns gives the columns of the right table for the pairs; all null
// where that has no rows.
func (j *joiner) rightColumns(p pairs) []arrow.Array {
	cols := make([]arrow.Array, len(j.taken))
	for i, c := range j.taken {
		if j.right.all == nil {
			cols[i] = array.MakeArrayOfNull(memory.DefaultAllocator, j.right.schema.Field(c).Type, len(p.right))
		} else {
			cols[i] = rows.TakeColumn(j.right.all.Column(c), p.right)
		}
	}
	return cols
}

// rest writes the right rows that no left row has met. Their keys stand in the
// left key columns.
func (j *joiner) rest(left *arrow.Schema) error {
	keys := map[int]int{} // right column by left column
	for i, c := range j.keys {
		keys[c] = j.right.schema.FieldIndices(j.On[i].Right)[0]
	}
	columns := func(p pairs) []arrow.Array {
		cols := make([]arrow.Array, 0, j.schema.NumFields())
		for c, f := range left.Fields() {
			if at, ok := keys[c]; ok {
				cols = append(cols, rows.TakeColumn(j.right.all.Column(at), p.right))
			} else {
				cols = append(cols, array.MakeArrayOfNull(memory.DefaultAllocator, f.Type, len(p.right)))
			}
		}
		return append(cols, j.rightColumns(p)...)
	}
	for at := 0; at < len(j.right.met); {
		var p pairs
		for ; at < len(j.right.met) && len(p.right) < maxPairs; at++ {
			if !j.right.met[at] {
				p.add(-1, at)
			}
		}
		if err := j.write(p, columns, nil); err != nil {
			return err
		}
	}
	return nil
}
