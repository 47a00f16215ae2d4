package rows

import (
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
	all  map[string]any // the value of `row`

	kernel kernel // nil where the expression has none
	form   form
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
	e := &Evaluator{prog: prog}
	e.kernel, e.form = compile(s, prog.Tree)
	for _, name := range prog.Names {
		if name == rowVar {
			for i, f := range s.Fields() {
				e.row = append(e.row, namedColumn{f.Name, i})
			}
		} else if at := s.FieldIndices(name); len(at) > 0 {
			e.cols = append(e.cols, namedColumn{name, at[0]})
		}
	}
	return e.clone(), nil
}

// clone gives an evaluator of the same expression for another goroutine.
func (e *Evaluator) clone() *Evaluator {
	c := *e
	c.vars = make(map[string]any, len(e.cols)+1)
	if e.row != nil {
		c.all = make(map[string]any, len(e.row))
		c.vars[rowVar] = c.all
	}
	return &c
}

// rowVar is the variable that holds all columns.
const rowVar = "row"

// Eval computes the value for a row; null tells that a column that the
// expression reads is null there, which may be why there is an error.
func (e *Evaluator) Eval(batch arrow.RecordBatch, row int) (v any, null bool, err error) {
	for _, c := range e.cols {
		x := Value(batch.Column(c.at), row)
		null = null || x == nil
		e.vars[c.name] = x
	}
	for _, c := range e.row {
		x := Value(batch.Column(c.at), row)
		null = null || x == nil
		e.all[c.name] = x
	}
	v, err = e.prog.Eval(e.vars)
	return v, null, err
}
