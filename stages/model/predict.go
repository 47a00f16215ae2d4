package model

import (
	"context"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/stages/nn"
	"pipe/stages/score"
	"pipe/stages/transform"
)

// Predictions are the answers to some rows, in their order. The zero value is
// ready; each use takes its memory again.
type Predictions struct {
	Rows int
	// Best is the most probable class of each row; of equally probable ones the
	// first.
	Best []int
	// Probabilities holds Rows × classes numbers, row after row.
	Probabilities []float32
	// Values holds the numbers that a regression predicts.
	Values []float64
}

func (p *Predictions) reset() {
	p.Rows, p.Best, p.Probabilities, p.Values = 0, p.Best[:0], p.Probabilities[:0], p.Values[:0]
}

// Row gives the probabilities of row i.
func (p *Predictions) Row(i int) []float32 {
	n := len(p.Probabilities) / p.Rows
	return p.Probabilities[i*n : (i+1)*n]
}

// work is the memory of one prediction.
type work struct {
	input    transform.Input
	examples nn.Examples
	answers  Predictions
}

// stepRows is how many rows are transformed and go through the network at once:
// enough to fill the matrix products, few enough to stay in the cache, whatever
// the length of a row.
const stepRows = 64

// Predict answers the rows of a batch, which may have more columns than the
// model reads. first is the number of the batch's first row in its table, from
// 1; messages count with it. What a row gives does not depend on the others.
func (m *Model) Predict(ctx context.Context, batch arrow.RecordBatch, first int64, out *Predictions) error {
	w := m.works.Get().(*work)
	defer m.works.Put(w)
	out.reset()
	for at := int64(0); at < batch.NumRows(); at += stepRows {
		w.input.Reset()
		some := batch.NewSlice(at, min(at+stepRows, batch.NumRows()))
		err := m.transform.Apply(&w.input, some, first+at)
		some.Release()
		if err != nil {
			return err
		}
		if err := m.run(ctx, w, first+at, out); err != nil {
			return err
		}
	}
	return nil
}

// run sends the transformed rows through the network and appends the answers.
func (m *Model) run(ctx context.Context, w *work, first int64, out *Predictions) error {
	w.examples = nn.Examples{Count: w.input.Rows, Tokens: w.input.IDs, Features: w.input.Values}
	out.Rows += w.input.Rows
	width := m.network.OutShape().Last()
	return m.network.Predict(ctx, &w.examples, stepRows, func(start int, y []float32) error {
		for at := 0; at < len(y); at += width {
			row := y[at : at+width]
			for _, v := range row {
				if v-v != 0 { // NaN or an infinity
					return fmt.Errorf("row %d: the network's output is %v, which is no number", first+int64(start+at/width), v)
				}
			}
			m.answer(row, out)
		}
		return nil
	})
}

// answer appends what the network's output for one row means.
func (m *Model) answer(y []float32, out *Predictions) {
	if m.manifest.Task == score.Regression {
		out.Values = append(out.Values, float64(y[0]))
		return
	}
	at := len(out.Probabilities)
	if len(y) == 1 {
		p := y[0]
		if m.manifest.Logits {
			p = float32(1 / (1 + math.Exp(-float64(p))))
		}
		out.Probabilities = append(out.Probabilities, 1-p, p)
	} else {
		out.Probabilities = append(out.Probabilities, y...)
		if m.manifest.Logits {
			softmax(out.Probabilities[at:])
		}
	}
	best := 0
	for k, p := range out.Probabilities[at:] {
		if p > out.Probabilities[at+best] {
			best = k
		}
	}
	out.Best = append(out.Best, best)
}

func softmax(x []float32) {
	top := x[0]
	for _, v := range x {
		top = max(top, v)
	}
	sum := 0.0
	for _, v := range x {
		sum += math.Exp(float64(v - top))
	}
	for i, v := range x {
		x[i] = float32(math.Exp(float64(v-top)) / sum)
	}
}
