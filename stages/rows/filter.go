package rows

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/dag"
	"pipe/dag/expr"
)

// Evaluator computes an expression over the rows of a table. It reads only the
// columns that the expression names, and is used by one goroutine at a time.
type Evaluator struct {
	prog *expr.Program
	cols []namedColumn // those that the expression reads by name
	row  []namedColumn // all of them, where it reads `row`
	vars map[string]any
}

type namedColumn struct {
	name string
	at   int
}

// NewEvaluator compiles an expression over the columns of a table.
func NewEvaluator(s *arrow.Schema, source string, want ...expr.Type) (*Evaluator, error) {
	scope, err := expr.NewScope(dag.RowVars(s))
	if err != nil {
		return nil, err
	}
	prog, err := scope.Compile(source, want...)
	if err != nil {
		return nil, err
	}
	e := &Evaluator{prog: prog, vars: make(map[string]any, len(prog.Names))}
	for _, name := range prog.Names {
		if name == rowVar {
			for i, f := range s.Fields() {
				e.row = append(e.row, namedColumn{f.Name, i})
			}
		} else if at := s.FieldIndices(name); len(at) > 0 {
			e.cols = append(e.cols, namedColumn{name, at[0]})
		}
	}
	return e, nil
}

// rowVar is the variable that holds all columns.
const rowVar = "row"

// Type is the type of the expression's value.
func (e *Evaluator) Type() expr.Type { return e.prog.Type }

// Eval computes the value for a row; null tells that a column that the
// expression reads is null there, which may be why there is an error.
func (e *Evaluator) Eval(batch arrow.RecordBatch, row int) (v any, null bool, err error) {
	for _, c := range e.cols {
		x := Value(batch.Column(c.at), row)
		null = null || x == nil
		e.vars[c.name] = x
	}
	if e.row != nil {
		all := make(map[string]any, len(e.row))
		for _, c := range e.row {
			x := Value(batch.Column(c.at), row)
			null = null || x == nil
			all[c.name] = x
		}
		e.vars[rowVar] = all
	}
	v, err = e.prog.Eval(e.vars)
	return v, null, err
}

// Filter is a condition over the rows of a table.
type Filter struct{ e *Evaluator }

// NewFilter compiles a condition.
func NewFilter(s *arrow.Schema, source string) (*Filter, error) {
	e, err := NewEvaluator(s, source, expr.Bool)
	if err != nil {
		return nil, err
	}
	return &Filter{e}, nil
}

// Select keeps those of the rows that fulfil the condition, in place. A row for
// which it cannot be computed because of a null does not fulfil it; any other
// error names the row, counted from first, the number of the batch's first row.
func (f *Filter) Select(batch arrow.RecordBatch, rows []int, first int64) ([]int, error) {
	kept := rows[:0]
	for _, i := range rows {
		v, null, err := f.e.Eval(batch, i)
		switch {
		case err != nil && null:
			continue
		case err != nil:
			return nil, fmt.Errorf("row %d: %w", first+int64(i), err)
		}
		pass, ok := v.(bool)
		if !ok && v != nil {
			return nil, fmt.Errorf("row %d: %s: gave %v where true or false is wanted", first+int64(i), f.e.prog.Source, v)
		}
		if pass {
			kept = append(kept, i)
		}
	}
	return kept, nil
}
