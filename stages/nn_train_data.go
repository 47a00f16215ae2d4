package stages

import (
	"context"
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

// examples is a table in the form that the network reads.
type examples struct {
	nn.Examples            // but for the numbers that a network reads
	numbers     numberRows // those
	ids         transform.Input
	target      arrow.DataType
	origin      string           // where the classes come from, for messages
	classes     []string         // sorted; nil for a regression
	index       map[string]int32 // of the classes
}

func (e *examples) bytes() int {
	return 4*(len(e.Tokens)+len(e.Labels)+len(e.Values)) + e.numbers.bytes()
}

// Batch implements nn.Source.
func (e *examples) Batch(ctx context.Context, numbers []int, b *nn.Batch) error {
	for i, n := range numbers {
		if b.Features != nil {
			e.numbers.write(b.Features[i*e.numbers.width:(i+1)*e.numbers.width], n)
		}
	}
	rest := *b
	rest.Features = nil
	return e.Examples.Batch(ctx, numbers, &rest)
}

// applyRows is how many rows are transformed at once: a row of numbers may be
// long before its zeros are left out.
const applyRows = 256

// apply transforms a batch whose first row has the number first.
func (e *examples) apply(fitted transform.Transform, batch arrow.RecordBatch, first int64) error {
	if e.numbers.width == 0 {
		err := fitted.Apply(&e.ids, batch, first)
		e.Count, e.Tokens = e.ids.Rows, e.ids.IDs
		return err
	}
	var in transform.Input
	for at := int64(0); at < batch.NumRows(); at += applyRows {
		in.Reset()
		some := batch.NewSlice(at, min(at+applyRows, batch.NumRows()))
		err := fitted.Apply(&in, some, first+at)
		some.Release()
		if err != nil {
			return err
		}
		e.numbers.add(in.Values)
		e.Count += in.Rows
	}
	return nil
}

// readExamples reads a table batch by batch. The classes are those of known, or
// where that is nil those that are found.
func (t *Train) readExamples(ctx context.Context, env *dag.Env, port string, fitted transform.Transform, known *examples) (*examples, error) {
	r, err := env.Table(port)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	at := r.Schema().FieldIndices(t.Target)
	if len(at) == 0 {
		return nil, fmt.Errorf("%s has no column %q (its columns: %s)", port, t.Target, text.List(dag.ColumnNames(r.Schema())))
	}
	e := &examples{target: r.Schema().Field(at[0]).Type, origin: port, index: map[string]int32{}}
	if known != nil {
		e.origin, e.classes, e.index = known.origin, known.classes, known.index
	}
	if err := t.checkType(e.target); err != nil {
		return nil, fmt.Errorf("%s: column %q: %w", port, t.Target, err)
	}
	e.reserve(fitted.Signature(), r.Rows(), t.task())
	for batch, err := range table.All(r) {
		if err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		first := int64(e.Count) + 1
		if err := e.apply(fitted, batch, first); err != nil {
			return nil, fmt.Errorf("%s: %w", port, err)
		}
		if err := t.addTargets(e, batch.Column(at[0]), first, known != nil); err != nil {
			return nil, fmt.Errorf("%s: %w", port, err)
		}
		env.Progress(int64(e.Count), max(r.Rows(), 0), "rows of "+port+" read")
	}
	if e.Count == 0 {
		return nil, fmt.Errorf("%s has no rows", port)
	}
	if known == nil && t.task() == score.Classification {
		e.sortClasses()
	}
	return e, nil
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

// reserve prepares for rows of the transform's shape, and makes room at once
// where their number is known: growing a large slice holds it twice for a moment.
func (e *examples) reserve(s dag.Signature, rows int64, task string) {
	const most = 1 << 31 // a wrong count in a file must not exhaust the memory
	size := nn.Shape(s.Shape).Size()
	if s.Tokens == 0 {
		e.numbers.width = size
	}
	if rows <= 0 || rows > most/int64(max(size, 1)) {
		return
	}
	if s.Tokens > 0 {
		e.ids.IDs = make([]int32, 0, rows*int64(size))
	}
	if task == score.Classification {
		e.Labels = make([]int32, 0, rows)
	} else {
		e.Values = make([]float32, 0, rows)
	}
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
