package inference

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/stages/model"
	"pipe/stages/transform"
)

// smoke asks a model that has just been loaded for an answer, before anybody else
// does. A model that panics, fails, or gives what is no answer is not used.
func smoke(ctx context.Context, l *loaded) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &panicked{r}
		}
	}()
	known := false
	if m, ok := l.model.(model.Predictor); ok {
		known = true
		if err := smokeRow(ctx, m, l.columns); err != nil {
			return err
		}
	}
	if m, ok := l.model.(model.Embedder); ok {
		known = true
		if err := smokeEmbedding(ctx, m); err != nil {
			return err
		}
	}
	if m, ok := l.model.(model.Generator); ok {
		known = true
		// That a model of words does not know this one says nothing against it.
		var refused *transform.RowError
		if _, err := m.Generate(ctx, model.Prompt{Text: "The", MaxTokens: 1}, func(model.Piece) error { return nil }); err != nil && !errors.As(err, &refused) {
			return fmt.Errorf("continue a text: %w", err)
		}
	}
	if m, ok := l.model.(model.Transcriber); ok {
		known = true
		hum := make([]float32, 8000) // half a second of a saw-tooth: silence might be answered without the network
		for i := range hum {
			hum[i] = float32(i%100) / 1000
		}
		if _, err := m.Transcribe(ctx, hum, 16000); err != nil {
			return fmt.Errorf("transcribe half a second of a hum: %w", err)
		}
	}
	if !known {
		return errors.New("it answers in no way that this pipe knows")
	}
	return nil
}

// smokeRow asks for the answer to a made-up row. That a model cannot take the row
// says nothing against it; a file that is none is such a row.
func smokeRow(ctx context.Context, m model.Predictor, columns []column) error {
	row := make(map[string]any, len(columns))
	for i := range columns {
		row[columns[i].name] = madeUp(&columns[i])
	}
	answers, err := m.PredictRows(ctx, []map[string]any{row})
	var refused *transform.RowError
	if errors.As(err, &refused) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("answer a row: %w", err)
	}
	if len(answers) != 1 || answers[0] == nil || answers[0].Prediction == nil {
		return fmt.Errorf("one row got %d answers", len(answers))
	}
	return checkAnswer(answers[0])
}

func checkAnswer(a *model.Answer) error {
	if v, ok := a.Prediction.(float64); ok && (math.IsNaN(v) || math.IsInf(v, 0)) {
		return fmt.Errorf("the prediction is %v", v)
	}
	sum := 0.0
	for label, p := range a.Probabilities {
		if !(p >= 0 && p <= 1.0001) {
			return fmt.Errorf("the probability of %q is %v", label, p)
		}
		sum += float64(p)
	}
	if len(a.Probabilities) > 0 && math.Abs(sum-1) > 0.01 {
		return fmt.Errorf("the probabilities add up to %v", sum)
	}
	return nil
}

func smokeEmbedding(ctx context.Context, m model.Embedder) error {
	list, err := m.EmbedTexts(ctx, []string{"smoke test"})
	if err != nil {
		return fmt.Errorf("embed a text: %w", err)
	}
	if len(list) != 1 || len(list[0].Vector) == 0 {
		return errors.New("one text did not get one vector")
	}
	for _, v := range list[0].Vector {
		if v-v != 0 {
			return fmt.Errorf("the vector of a text has a %v", v)
		}
	}
	return nil
}

// madeUp is a value that a column might have.
func madeUp(c *column) any {
	switch {
	case c.isText():
		return "smoke test"
	case c.isBytes():
		return []byte{}
	case c.id == arrow.BOOL:
		return false
	case c.id == arrow.UINT64:
		return uint64(0)
	case arrow.IsInteger(c.id):
		return int64(0)
	case c.id == arrow.FLOAT32 || c.id == arrow.FLOAT64:
		return float64(0)
	}
	return nil
}
