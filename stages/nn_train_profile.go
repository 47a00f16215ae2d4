package stages

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/stages/model"
	"pipe/stages/monitor"
	"pipe/stages/rows"
	"pipe/stages/transform"
)

// judgedRows bounds the rows that the finished model is asked about for its
// profile: enough for the distribution of its answers.
const judgedRows = 2000

// saveProfile writes beside the model what it was made of and how it answers, so
// that a server can tell when requests are no longer like that.
func saveProfile(ctx context.Context, env *dag.Env, m *model.Model, w transform.Files) error {
	p, err := profileOf(ctx, env, m)
	if err != nil {
		return fmt.Errorf("the profile of the training: %w", err)
	}
	b, err := p.Encode()
	if err != nil {
		return err
	}
	f, err := w.Create(monitor.FileName)
	if err != nil {
		return err
	}
	if _, err := f.Write(b); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

func profileOf(ctx context.Context, env *dag.Env, m *model.Model) (*monitor.Profile, error) {
	judged := "train"
	if env.Has("validation") {
		judged = "validation"
	}
	var b *monitor.Builder
	err := eachBatch(ctx, env, "train", func(r table.Reader, batch arrow.RecordBatch, _ int64) (err error) {
		if b == nil {
			var names []string
			for _, c := range m.Signature().Inputs {
				names = append(names, c.Name)
			}
			if b, err = monitor.NewBuilder(r.Schema(), names, m.Transform(), judged); err != nil {
				return err
			}
		}
		b.AddRows(batch)
		return nil
	})
	if err != nil {
		return nil, err
	}
	var answers model.Predictions
	err = eachBatch(ctx, env, judged, func(r table.Reader, batch arrow.RecordBatch, first int64) error {
		some := rows.Take(batch, evenly(first-1, batch.NumRows(), r.Rows(), judgedRows))
		defer some.Release()
		if err := m.Predict(ctx, some, first, &answers); err != nil {
			return err
		}
		b.AddJudged(some, func(i int) monitor.Said {
			if m.Classes() == nil {
				return monitor.Said{Number: answers.Values[i], IsNumber: true}
			}
			best := answers.Best[i]
			return monitor.Said{Label: m.Classes()[best], Probability: float64(answers.Row(i)[best])}
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return b.Profile(), nil
}

// eachBatch reads the tables of a port; first is the number of the batch's first row
// in its table, from 1.
func eachBatch(ctx context.Context, env *dag.Env, port string, f func(r table.Reader, batch arrow.RecordBatch, first int64) error) error {
	for i := range env.Inputs(port) {
		r, err := env.TableAt(port, i)
		if err != nil {
			return err
		}
		first := int64(1)
		for batch, err := range table.All(r) {
			if err == nil {
				err = ctx.Err()
			}
			if err == nil {
				err = f(r, batch, first)
			}
			if err != nil {
				return errors.Join(err, r.Close())
			}
			first += batch.NumRows()
		}
		if err := r.Close(); err != nil {
			return err
		}
	}
	return nil
}

// evenly chooses about most rows of a table of all rows, at equal distances: those
// of the n rows from the given one on, counted from it.
func evenly(from, n, all, most int64) (chosen []int) {
	every := max(1, (all+most-1)/most)
	for i := (every - from%every) % every; i < n; i += every {
		chosen = append(chosen, int(i))
	}
	return chosen
}
