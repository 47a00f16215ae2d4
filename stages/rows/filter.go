package rows

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"pipe/dag/expr"
)

// team is an evaluator for each core.
type team []*Evaluator

func (t *team) grow(n int) {
	for len(*t) < n {
		*t = append(*t, (*t)[0].clone())
	}
}

// Filter is a condition over the rows of a table. It works on all cores and is
// used by one goroutine at a time.
type Filter struct{ team team }

// NewFilter compiles a condition.
func NewFilter(s *arrow.Schema, source string) (*Filter, error) {
	e, err := NewEvaluator(s, source, expr.Bool)
	if err != nil {
		return nil, err
	}
	return &Filter{team{e}}, nil
}

// Select keeps those of the rows that fulfil the condition, in place. A row for
// which it cannot be computed because of a null does not fulfil it; any other
// error names the row, counted from first, the number of the batch's first row.
func (f *Filter) Select(batch arrow.RecordBatch, rows []int, first int64) ([]int, error) {
	parts := partsOf(len(rows))
	f.team.grow(parts)
	kept := make([][]int, parts)
	err := parallel(parts, len(rows), func(part, from, to int) (err error) {
		kept[part], err = f.team[part].choose(batch, rows[from:to], first)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := kept[0]
	for _, k := range kept[1:] {
		out = append(out, k...) // never ahead of where k lies in rows
	}
	return out, nil
}

// kernelRows is how many rows a kernel computes at once: few enough to stay in
// the cache.
const kernelRows = 4096

// choose keeps rows in place. The rows rise.
func (e *Evaluator) choose(batch arrow.RecordBatch, rows []int, first int64) ([]int, error) {
	if e.kernel == nil || e.form != formBool {
		return e.chooseOne(batch, rows, rows[:0], first)
	}
	kept := rows[:0]
	for len(rows) > 0 {
		from, n := rows[0], 0
		for n < len(rows) && rows[n] < from+kernelRows {
			n++
		}
		some := rows[:n]
		rows = rows[n:]
		v, ok := e.kernel(batch, from, some[n-1]+1)
		if !ok {
			var err error
			if kept, err = e.chooseOne(batch, some, kept, first); err != nil {
				return nil, err
			}
			continue
		}
		for _, i := range some {
			if v.bools[i-from] && !v.isNull(i-from) {
				kept = append(kept, i)
			}
		}
	}
	return kept, nil
}

// chooseOne appends to kept, row by row.
func (e *Evaluator) chooseOne(batch arrow.RecordBatch, rows, kept []int, first int64) ([]int, error) {
	for _, i := range rows {
		v, null, err := e.Eval(batch, i)
		switch {
		case err != nil && null:
			continue
		case err != nil:
			return nil, fmt.Errorf("row %d: %w", first+int64(i), err)
		}
		pass, ok := v.(bool)
		if !ok && v != nil {
			return nil, fmt.Errorf("row %d: %s: gave %v where true or false is wanted", first+int64(i), e.prog.Source, v)
		}
		if pass {
			kept = append(kept, i)
		}
	}
	return kept, nil
}

// Column computes an expression for every row, on all cores. It is used by one
// goroutine at a time.
type Column struct {
	team team
	typ  arrow.DataType
}

// NewColumn compiles an expression whose value a column can hold.
func NewColumn(s *arrow.Schema, source string) (*Column, error) {
	e, err := NewEvaluator(s, source)
	if err != nil {
		return nil, err
	}
	t, err := ArrowType(e.prog.Type)
	if err != nil {
		return nil, err
	}
	return &Column{team{e}, t}, nil
}

// Type is the type of the column.
func (c *Column) Type() arrow.DataType { return c.typ }

// Compute gives the column for a batch. A value that cannot be computed because
// of a null is null; so is, when lenient, any other, and failed says how many.
// Else the error names the row, counted from first.
func (c *Column) Compute(batch arrow.RecordBatch, first int64, lenient bool) (col arrow.Array, failed int64, err error) {
	n := int(batch.NumRows())
	parts := partsOf(n)
	c.team.grow(parts)
	fails := make([]int64, parts)
	col, err = build(c.typ, parts, n, func(b array.Builder, part, from, to int) error {
		for i := from; i < to; i++ {
			if (i-from)%kernelRows == 0 {
				if end := min(i+kernelRows, to); c.team[part].fill(b, batch, i, end) {
					i = end - 1
					continue
				}
			}
			v, null, err := c.team[part].Eval(batch, i)
			if err == nil {
				err = Append(b, v)
			}
			switch {
			case err == nil:
			case null:
				b.AppendNull()
			case lenient:
				fails[part]++
				b.AppendNull()
			default:
				return fmt.Errorf("row %d: %w", first+int64(i), err)
			}
		}
		return nil
	})
	for _, n := range fails {
		failed += n
	}
	return col, failed, err
}

// fill appends the values of some rows by the kernel; false tells that there is
// none, or that one of the rows is for the evaluation row by row.
func (e *Evaluator) fill(b array.Builder, batch arrow.RecordBatch, from, to int) bool {
	if e.kernel == nil {
		return false
	}
	v, ok := e.kernel(batch, from, to)
	if !ok {
		return false
	}
	var valid []bool
	if v.null != nil {
		valid = make([]bool, v.n)
		for i, null := range v.null {
			valid[i] = !null
		}
	}
	switch b := b.(type) {
	case *array.Int64Builder:
		if e.form == formInt {
			b.AppendValues(v.ints, valid)
			return true
		}
	case *array.Float64Builder:
		if e.form == formFloat {
			b.AppendValues(v.floats, valid)
			return true
		}
	case *array.BooleanBuilder:
		if e.form == formBool {
			b.AppendValues(v.bools, valid)
			return true
		}
	case *array.StringBuilder:
		if e.form == formText {
			for i := range v.n {
				if v.isNull(i) {
					b.AppendNull()
				} else {
					b.Append(v.str(i))
				}
			}
			return true
		}
	}
	return false
}
