package model

import (
	"context"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/dag/text"
	"pipe/stages/score"
)

// Fields are the columns that predictions add to a table.
func Fields(task, target string) []arrow.Field {
	switch task {
	case score.Regression:
		return []arrow.Field{{Name: PredictionColumn, Type: arrow.PrimitiveTypes.Float64}}
	case TranslationTask:
		return textFields[:2]
	case AnswersTask:
		return textFields
	case SummaryTask:
		return []arrow.Field{textFields[0], {Name: SentencesColumn, Type: arrow.ListOf(arrow.PrimitiveTypes.Int64)}}
	}
	return []arrow.Field{
		{Name: PredictionColumn, Type: labelTypes[target]},
		{Name: ProbabilityColumn, Type: arrow.PrimitiveTypes.Float32},
		{Name: ProbabilitiesColumn, Type: arrow.ListOf(arrow.PrimitiveTypes.Float32)},
	}
}

// labelTypes are the types in which labels come out, by the name that a
// target's column has.
var labelTypes = map[string]arrow.DataType{
	"utf8": arrow.BinaryTypes.String, "bool": arrow.FixedWidthTypes.Boolean,
	"int8": arrow.PrimitiveTypes.Int64, "int16": arrow.PrimitiveTypes.Int64, "int32": arrow.PrimitiveTypes.Int64, "int64": arrow.PrimitiveTypes.Int64,
	"uint8": arrow.PrimitiveTypes.Int64, "uint16": arrow.PrimitiveTypes.Int64, "uint32": arrow.PrimitiveTypes.Int64, "uint64": arrow.PrimitiveTypes.Uint64,
}

// Schema is that of a table with the predictions added.
func Schema(in *arrow.Schema, o Output, task, target string) (*arrow.Schema, error) {
	added, kept := o.fields(task, target), o.Columns
	var fields []arrow.Field
	for _, f := range in.Fields() {
		if kept != nil && !slices.Contains(kept, f.Name) {
			continue
		}
		if slices.ContainsFunc(added, func(a arrow.Field) bool { return a.Name == f.Name }) {
			return nil, fmt.Errorf("the table has a column %q, as the predictions have; say with columns which ones are to stay", f.Name)
		}
		fields = append(fields, f)
	}
	for _, name := range kept {
		if !in.HasField(name) {
			names := dag.ColumnNames(in)
			hint := text.DidYouMean(name, names)
			if hint == "" {
				hint = "its columns: " + text.List(names)
			}
			return nil, fmt.Errorf("the table has no column %q to keep (%s)", name, hint)
		}
	}
	return arrow.NewSchema(append(fields, added...), nil), nil
}

// Columns gives predictions as arrays in the order of Fields.
func (m *Model) Columns(p *Predictions) []arrow.Array {
	if m.manifest.Task == score.Regression {
		b := array.NewFloat64Builder(memory.DefaultAllocator)
		defer b.Release()
		b.AppendValues(p.Values, nil)
		return []arrow.Array{b.NewArray()}
	}
	fields := Fields(m.manifest.Task, m.manifest.Target.Type)
	prediction := array.NewBuilder(memory.DefaultAllocator, fields[0].Type)
	defer prediction.Release()
	probability := array.NewFloat32Builder(memory.DefaultAllocator)
	defer probability.Release()
	all := array.NewBuilder(memory.DefaultAllocator, fields[2].Type).(*array.ListBuilder)
	defer all.Release()
	numbers := all.ValueBuilder().(*array.Float32Builder)
	for i, best := range p.Best {
		appendLabel(prediction, m.values[best])
		probability.Append(p.Row(i)[best])
		all.Append(true)
		numbers.AppendValues(p.Row(i), nil)
	}
	return []arrow.Array{prediction.NewArray(), probability.NewArray(), all.NewArray()}
}

func appendLabel(b array.Builder, v any) {
	switch v := v.(type) {
	case string:
		b.(*array.StringBuilder).Append(v)
	case bool:
		b.(*array.BooleanBuilder).Append(v)
	case int64:
		b.(*array.Int64Builder).Append(v)
	case uint64:
		b.(*array.Uint64Builder).Append(v)
	}
}

// PredictTable answers every row of r and writes what o says to the writer that
// create makes. Memory is bounded by the batch. After each batch seen, which may be nil, is shown its
// rows, the number of the first of them and the predictions. The writer stays
// open.
func (m *Model) PredictTable(ctx context.Context, r table.Reader, o Output, create func(*arrow.Schema) (table.Writer, error),
	seen func(batch arrow.RecordBatch, first int64, p *Predictions) error) (rows int64, err error) {
	schema, err := Schema(r.Schema(), o, m.manifest.Task, m.manifest.Target.Type)
	if err != nil {
		return 0, err
	}
	var p Predictions
	return answerTable(r, schema, create, func(batch arrow.RecordBatch, first int64) ([]arrow.Array, error) {
		if err := m.Predict(ctx, batch, first, &p); err != nil {
			return nil, err
		}
		added := m.Columns(&p)
		if o.Top > 0 && m.manifest.Task != score.Regression {
			added = append(added, m.top(&p, o.Top))
		}
		return added, nil
	}, func(batch arrow.RecordBatch, first int64) error {
		if seen == nil {
			return nil
		}
		return seen(batch, first, &p)
	})
}

// answerTable writes every batch of r with the columns that answer gives.
func answerTable(r table.Reader, schema *arrow.Schema, create func(*arrow.Schema) (table.Writer, error),
	answer func(batch arrow.RecordBatch, first int64) ([]arrow.Array, error), seen func(batch arrow.RecordBatch, first int64) error) (rows int64, err error) {
	w, err := create(schema)
	if err != nil {
		return 0, err
	}
	for batch, err := range table.All(r) {
		if err != nil {
			return rows, err
		}
		added, err := answer(batch, rows+1)
		if err != nil {
			return rows, err
		}
		if err := writeAnswers(w, schema, batch, added); err != nil {
			return rows, err
		}
		if seen != nil {
			if err := seen(batch, rows+1); err != nil {
				return rows, err
			}
		}
		rows += batch.NumRows()
	}
	return rows, nil
}

func writeAnswers(w table.Writer, schema *arrow.Schema, batch arrow.RecordBatch, added []arrow.Array) error {
	columns := make([]arrow.Array, 0, schema.NumFields())
	for _, f := range schema.Fields()[:schema.NumFields()-len(added)] {
		columns = append(columns, batch.Column(batch.Schema().FieldIndices(f.Name)[0]))
	}
	out := array.NewRecordBatch(schema, append(columns, added...), batch.NumRows())
	defer out.Release()
	for _, a := range added {
		a.Release()
	}
	return w.Write(out)
}
