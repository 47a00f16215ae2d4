package model

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"pipe/stages/score"
	"pipe/stages/transform"
)

// Answer is the prediction for one row, as a request gets it.
type Answer struct {
	// Prediction is a string, an int64, a uint64 or a bool: the label; or the
	// float64 of a regression.
	Prediction any `json:"prediction"`
	// Probability and Probabilities are those of a classification.
	Probability   float32            `json:"probability,omitempty"`
	Probabilities map[string]float32 `json:"probabilities,omitempty"`
	// Top are the answers that a translator was asked for, in the order of the search's
	// scores, which is not always that of their probabilities.
	Top []Alternative `json:"top,omitempty"`
	// Source is where an answer from a table comes from.
	Source string `json:"source,omitempty"`
	// Sentences are those that a summary is made of: none of an empty text, nil of what
	// is no summary.
	Sentences []PickedSentence `json:"sentences,omitzero"`
}

// PredictRow answers one row given by column name. Columns that the model does
// not read are ignored.
func (m *Model) PredictRow(ctx context.Context, row map[string]any) (*Answer, error) {
	return m.one(ctx, func(in *transform.Input) error { return m.transform.ApplyRow(in, row) })
}

// PredictText answers one text, for models that read a single column of text.
func (m *Model) PredictText(ctx context.Context, text string) (*Answer, error) {
	inputs := m.manifest.Signature.Inputs
	if len(inputs) != 1 || inputs[0].Type != "utf8" {
		names := make([]string, len(inputs))
		for i, c := range inputs {
			names[i] = c.Name + " (" + c.Type + ")"
		}
		return nil, fmt.Errorf("the model does not read one text but the columns %s", strings.Join(names, ", "))
	}
	return m.one(ctx, func(in *transform.Input) error {
		if v, ok := m.transform.(interface {
			AppendText(dst *transform.Input, text string)
		}); ok {
			v.AppendText(in, text)
			return nil
		}
		return m.transform.ApplyRow(in, map[string]any{inputs[0].Name: text})
	})
}

// PredictRows answers several rows given by column name, in their order; more
// rows cost less each. An error tells the number of the row, from 1.
func (m *Model) PredictRows(ctx context.Context, rows []map[string]any) ([]*Answer, error) {
	w := m.works.Get().(*work)
	defer m.works.Put(w)
	w.answers.reset()
	for first := 0; first < len(rows); first += stepRows {
		w.input.Reset()
		for i, row := range rows[first:min(first+stepRows, len(rows))] {
			if err := m.transform.ApplyRow(&w.input, row); err != nil {
				return nil, numbered(err, first+i+1)
			}
		}
		if err := m.run(ctx, w, int64(first)+1, &w.answers); err != nil {
			return nil, err
		}
	}
	out := make([]*Answer, len(rows))
	for i := range out {
		out[i] = m.describe(&w.answers, i)
	}
	return out, nil
}

// numbered gives an error about a row its number in the request.
func numbered(err error, row int) error {
	var re *transform.RowError
	if !errors.As(err, &re) {
		return fmt.Errorf("row %d: %w", row, err)
	}
	return &transform.RowError{Row: int64(row), Column: re.Column, Msg: re.Msg}
}

func (m *Model) one(ctx context.Context, fill func(*transform.Input) error) (*Answer, error) {
	w := m.works.Get().(*work)
	defer m.works.Put(w)
	w.input.Reset()
	if err := fill(&w.input); err != nil {
		return nil, err
	}
	w.answers.reset()
	if err := m.run(ctx, w, 1, &w.answers); err != nil {
		return nil, err
	}
	return m.describe(&w.answers, 0), nil
}

func (m *Model) describe(p *Predictions, i int) *Answer {
	if m.manifest.Task == score.Regression {
		return &Answer{Prediction: p.Values[i]}
	}
	row := p.Row(i)
	a := &Answer{Prediction: m.values[p.Best[i]], Probability: row[p.Best[i]], Probabilities: make(map[string]float32, len(row))}
	for k, v := range row {
		a.Probabilities[m.manifest.Classes[k]] = v
	}
	return a
}
