package model

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"pipe/artifacts/table"
	"pipe/stages/transform"
)

// textFields are the columns that models add that answer a text with a text; the
// last is that of Answers only.
var textFields = []arrow.Field{
	{Name: PredictionColumn, Type: arrow.BinaryTypes.String},
	{Name: ProbabilityColumn, Type: arrow.PrimitiveTypes.Float32},
	{Name: SourceColumn, Type: arrow.BinaryTypes.String},
}

// SourceColumn says where an answer from a table comes from.
const SourceColumn = "source"

// SentencesColumn holds the places of a summary's sentences in its text, from 0.
const SentencesColumn = "sentences"

// PredictTable lets any model that answers rows answer those of a table, as
// Model.PredictTable does.
func PredictTable(ctx context.Context, m Predictor, r table.Reader, o Output, create func(*arrow.Schema) (table.Writer, error),
	seen func(batch arrow.RecordBatch, first int64) error) (rows int64, err error) {
	if m, ok := m.(*Model); ok {
		return m.PredictTable(ctx, r, o, create, func(batch arrow.RecordBatch, first int64, _ *Predictions) error {
			if seen == nil {
				return nil
			}
			return seen(batch, first)
		})
	}
	s := m.Signature()
	schema, err := Schema(r.Schema(), o, s.Task, s.Outputs[0].Type)
	if err != nil {
		return 0, err
	}
	column := s.Inputs[0].Name
	at := r.Schema().FieldIndices(column)
	if len(at) == 0 {
		return 0, fmt.Errorf("the table has no column %q, which the model reads", column)
	}
	return answerTable(r, schema, create, func(batch arrow.RecordBatch, first int64) ([]arrow.Array, error) {
		rows, err := textRows(batch, at[0], column, first, ReadsLists(s.Task))
		if err != nil {
			return nil, err
		}
		b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(o.fields(s.Task, s.Outputs[0].Type), nil))
		defer b.Release()
		for from := 0; from < len(rows); from += stepRows {
			some := rows[from:min(from+stepRows, len(rows))]
			answers, err := PredictTop(ctx, m, some, o.Top)
			if err != nil {
				return nil, err
			}
			for _, a := range answers {
				appendTexts(b, a)
			}
		}
		added := make([]arrow.Array, b.Schema().NumFields())
		for i, f := range b.Fields() {
			added[i] = f.NewArray()
		}
		return added, nil
	}, seen)
}

// textRows gives the rows of one column of text, or, with lists, of lists of texts.
func textRows(batch arrow.RecordBatch, at int, column string, first int64, lists bool) ([]map[string]any, error) {
	col := batch.Column(at)
	rows := make([]map[string]any, col.Len())
	for i := range rows {
		if col.IsNull(i) {
			return nil, &transform.RowError{Row: first + int64(i), Column: column, Msg: "the text is null"}
		}
		if text, ok := col.(*array.String); ok {
			rows[i] = map[string]any{column: text.Value(i)}
			continue
		}
		list, ok, err := TextList(col, i)
		switch {
		case !ok && lists:
			return nil, fmt.Errorf("column %q must be text or a list of texts, is %s", column, table.TypeName(col.DataType()))
		case !ok || !lists:
			return nil, fmt.Errorf("column %q must be text, is %s", column, table.TypeName(col.DataType()))
		case err != nil:
			return nil, &transform.RowError{Row: first + int64(i), Column: column, Msg: err.Error()}
		}
		rows[i] = map[string]any{column: list}
	}
	return rows, nil
}

// TextList gives the texts of a cell that is a list of them; ok tells whether the
// column has such lists.
func TextList(col arrow.Array, i int) (texts []string, ok bool, err error) {
	list, ok := col.(*array.List)
	if !ok {
		return nil, false, nil
	}
	values, ok := list.ListValues().(*array.String)
	if !ok {
		return nil, false, nil
	}
	first, last := list.ValueOffsets(i)
	for k := int(first); k < int(last); k++ {
		if values.IsNull(k) {
			return nil, true, errors.New("a text of the list is null")
		}
		texts = append(texts, strings.Clone(values.Value(k)))
	}
	return texts, true, nil
}

// appendTexts appends an answer to the columns of textFields, SentencesColumn and TopColumn.
func appendTexts(b *array.RecordBuilder, a *Answer) {
	for i, f := range b.Schema().Fields() {
		switch f.Name {
		case PredictionColumn:
			b.Field(i).(*array.StringBuilder).Append(fmt.Sprint(a.Prediction))
		case ProbabilityColumn:
			b.Field(i).(*array.Float32Builder).Append(a.Probability)
		case SourceColumn:
			b.Field(i).(*array.StringBuilder).Append(a.Source)
		case SentencesColumn:
			list := b.Field(i).(*array.ListBuilder)
			list.Append(true)
			for _, s := range a.Sentences {
				list.ValueBuilder().(*array.Int64Builder).Append(int64(s.Index))
			}
		case TopColumn:
			list := b.Field(i).(*array.ListBuilder)
			list.Append(true)
			for _, t := range a.Top {
				list.ValueBuilder().(*array.StringBuilder).Append(t.Prediction)
			}
		}
	}
}
