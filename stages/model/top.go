package model

import (
	"context"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"pipe/stages/score"
)

// TopColumn holds the most probable labels of a row, the most probable first.
const TopColumn = "top"

// Output says what a table of answers has.
type Output struct {
	Columns []string // of the table that was answered; nil for all
	Top     int      // labels in TopColumn, as text; without the column for 0
}

// fields are the columns that the answers add to a table.
func (o Output) fields(task, target string) []arrow.Field {
	fields := Fields(task, target)
	if o.Top > 0 && Ranks(task) {
		fields = append(fields, arrow.Field{Name: TopColumn, Type: arrow.ListOf(arrow.BinaryTypes.String)})
	}
	return fields
}

// Ranks tells whether models for a task have several answers to a row, of which one
// is the likeliest.
func Ranks(task string) bool {
	return task != score.Regression && task != AnswersTask && task != SummaryTask
}

// Alternative is one of the answers to a row.
type Alternative struct {
	Prediction  string  `json:"prediction"`
	Probability float32 `json:"probability"`
}

// topper is a Predictor whose answers are made, and not chosen from labels: it is
// told how many are wanted.
type topper interface {
	predictTop(ctx context.Context, rows []map[string]any, n int) ([]*Answer, error)
}

// PredictTop answers rows with up to n alternatives each, the best first, where
// the model makes its answers; those of a classifier are in Probabilities.
func PredictTop(ctx context.Context, m Predictor, rows []map[string]any, n int) ([]*Answer, error) {
	if t, ok := m.(topper); ok && n > 0 {
		return t.predictTop(ctx, rows, n)
	}
	return m.PredictRows(ctx, rows)
}

// top makes the column of the n most probable labels; of equally probable ones the
// first of the model's classes comes first.
func (m *Model) top(p *Predictions, n int) arrow.Array {
	b := array.NewListBuilder(memory.DefaultAllocator, arrow.BinaryTypes.String)
	defer b.Release()
	labels := b.ValueBuilder().(*array.StringBuilder)
	for i := range p.Rows {
		b.Append(true)
		for _, k := range Ranked(p.Row(i), n) {
			labels.Append(m.manifest.Classes[k])
		}
	}
	return b.NewArray()
}

// Ranked gives the places of the n greatest numbers, the greatest first.
func Ranked(p []float32, n int) []int {
	order := make([]int, len(p))
	for k := range order {
		order[k] = k
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case p[a] > p[b]:
			return -1
		case p[a] < p[b]:
			return 1
		}
		return 0
	})
	return order[:min(n, len(order))]
}
