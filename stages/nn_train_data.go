package stages

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/dag/text"
	"pipe/stages/model"
	"pipe/stages/nn"
	"pipe/stages/score"
	"pipe/stages/transform"
)

// examples is one table, or several, in the form that the network reads. Its size in
// memory is bounded, but for its targets and a few numbers for each row.
type examples struct {
	nn.Examples // the targets; what the network reads is in rows
	rows        exampleRows
	tokens      bool
	target      arrow.DataType
	origin      string           // where the classes come from, for messages
	classes     []string         // sorted; nil for a regression
	index       map[string]int32 // of the classes
	tables      []int            // how many rows are from each table
}

// Batch implements nn.Source.
func (e *examples) Batch(ctx context.Context, numbers []int, b *nn.Batch) error {
	width := e.rows.width
	for i, n := range numbers {
		var err error
		if b.Tokens != nil {
			err = e.rows.ids(b.Tokens[i*width:(i+1)*width], n)
		} else if b.Features != nil {
			err = e.rows.numbers(b.Features[i*width:(i+1)*width], n)
		}
		if err != nil {
			return err
		}
	}
	targets := nn.Batch{Labels: b.Labels, Values: b.Values}
	return e.Examples.Batch(ctx, numbers, &targets)
}

// Rows are transformed in portions: one may be large before it is reduced to what is
// kept of it.
const (
	applyRows  = 256
	applyWords = 1 << 20
)

// apply transforms a batch whose first row has the number first in its table.
func (e *examples) apply(fitted transform.Transform, batch arrow.RecordBatch, first int64) error {
	var in transform.Input
	portion := int64(max(1, min(applyRows, applyWords/max(e.rows.width, 1))))
	for at := int64(0); at < batch.NumRows(); at += portion {
		in.Reset()
		some := batch.NewSlice(at, min(at+portion, batch.NumRows()))
		err := fitted.Apply(&in, some, first+at)
		some.Release()
		if err == nil && e.tokens {
			err = e.rows.addIDs(in.IDs)
		} else if err == nil {
			err = e.rows.addNumbers(in.Values)
		}
		if err != nil {
			return err
		}
		e.Count += in.Rows
	}
	return nil
}

// readExamples reads the tables of a port batch by batch. The classes are those of
// known, or where that is nil those that are found.
func (t *Train) readExamples(ctx context.Context, env *dag.Env, port string, fitted transform.Transform, known *examples, words *spill) (*examples, error) {
	s := fitted.Signature()
	e := &examples{origin: port, index: map[string]int32{}, tokens: s.Tokens > 0, rows: exampleRows{width: nn.Shape(s.Shape).Size(), words: words}}
	if known != nil {
		e.origin, e.classes, e.index = known.origin, known.classes, known.index
	}
	refs := env.Inputs(port)
	for i := range refs {
		name := port
		if len(refs) > 1 {
			name = fmt.Sprintf("table %d of %s", i+1, port)
		}
		r, err := env.TableAt(port, i)
		if err == nil {
			err = t.addTable(ctx, env, r, name, e, fitted, known != nil)
		}
		if err != nil {
			return nil, err
		}
	}
	if known == nil && t.task() == score.Classification {
		e.sortClasses()
	}
	return e, nil
}

// addTable reads one table and closes it; with fixed classes it may have no others.
func (t *Train) addTable(ctx context.Context, env *dag.Env, r table.Reader, name string, e *examples, fitted transform.Transform, fixed bool) (err error) {
	defer func() { err = errors.Join(err, r.Close()) }()
	at := r.Schema().FieldIndices(t.Target)
	if len(at) == 0 {
		return fmt.Errorf("%s has no column %q (its columns: %s)", name, t.Target, text.List(dag.ColumnNames(r.Schema())))
	}
	target := r.Schema().Field(at[0]).Type
	if err := t.checkType(target); err != nil {
		return fmt.Errorf("%s: column %q: %w", name, t.Target, err)
	}
	if e.target != nil && !arrow.TypeEqual(e.target, target) {
		return fmt.Errorf("%s: column %q is %s here and %s in table 1", name, t.Target, target, e.target)
	}
	e.target = target
	before := e.Count
	for batch, err := range table.All(r) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		first := int64(e.Count-before) + 1
		if err := e.apply(fitted, batch, first); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := t.addTargets(e, batch.Column(at[0]), first, fixed); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		env.Progress(int64(e.Count-before), max(r.Rows(), 0), "rows of "+name+" read")
	}
	if e.Count == before {
		return fmt.Errorf("%s has no rows", name)
	}
	e.tables = append(e.tables, e.Count-before)
	return nil
}

// checkType is for tables whose schema was not known before the run.
func (t *Train) checkType(d arrow.DataType) error {
	if t.task() == score.Regression && !model.NumberType(d) {
		return fmt.Errorf("mse predicts numbers, and this is %s", d)
	}
	if t.task() == score.Classification && !model.LabelType(d) {
		return fmt.Errorf("labels are text, whole numbers or booleans, and this is %s", d)
	}
	return nil
}

// addTargets appends what the rows of a batch should give. With fixed classes
// another label is a mistake.
func (t *Train) addTargets(e *examples, column arrow.Array, first int64, fixed bool) error {
	bad := func(i int, format string, args ...any) error {
		return &transform.RowError{Row: first + int64(i), Column: t.Target, Msg: fmt.Sprintf(format, args...)}
	}
	regression := t.task() == score.Regression
	for i := range column.Len() {
		if column.IsNull(i) {
			return bad(i, "it is null; leave such rows out with clean's drop_null")
		}
		if regression {
			v, ok := model.Number(column, i)
			if f := float32(v); !ok || math.IsNaN(v) || math.IsInf(float64(f), 0) {
				return bad(i, "%s cannot be learnt", column.ValueStr(i))
			}
			e.Values = append(e.Values, float32(v))
			continue
		}
		label, _ := model.Label(column, i)
		k, ok := e.index[label]
		if !ok && fixed {
			return bad(i, "the label %s is not among those of %s: %s", quote(label), e.origin, text.List(e.classes))
		}
		if !ok {
			k = int32(len(e.index))
			label = strings.Clone(label) // it points into the batch
			e.index[label], e.classes = k, append(e.classes, label)
		}
		e.Labels = append(e.Labels, k)
	}
	return nil
}

// sortClasses gives the classes the numbers of their sorted order, so that the
// order of the rows has no say in it.
func (e *examples) sortClasses() {
	found := slices.Clone(e.classes)
	model.SortClasses(e.target.String(), e.classes)
	for k, label := range e.classes {
		e.index[label] = int32(k)
	}
	for i, k := range e.Labels {
		e.Labels[i] = e.index[found[k]]
	}
}

// fewClasses is up to how many different numbers are taken for labels however
// few rows there are.
const fewClasses = 20

// checkClasses compares the labels that were found with the loss.
func (t *Train) checkClasses(train *examples) error {
	if t.task() == score.Regression {
		return nil
	}
	if len(train.classes) < 2 {
		return fmt.Errorf("every row of train has the label %s in column %q; there is nothing to tell apart", quote(train.classes[0]), t.Target)
	}
	if n := len(train.classes); train.origin == "train" && model.NumberType(train.target) && n > fewClasses && 2*n > train.Count {
		return fmt.Errorf("column %q has %d different numbers in %d rows, so it looks like a quantity and not like a label; to predict numbers use mse with units: 1", t.Target, n, train.Count)
	}
	name, loss := only(t.Loss)
	if _, binary := loss.(*nn.BinaryCrossentropy); binary && len(train.classes) != 2 {
		return fmt.Errorf("%s tells two labels apart and column %q has %d: %s; use categorical_crossentropy with units: classes and softmax",
			name, t.Target, len(train.classes), text.List(train.classes))
	}
	return nil
}

// quote shortens a value for a message.
func quote(s string) string {
	if r := []rune(s); len(r) > 60 {
		s = string(r[:60]) + "…"
	}
	return fmt.Sprintf("%q", s)
}
