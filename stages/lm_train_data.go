package stages

import (
	"context"
	"math/rand/v2"

	"pipe/dag"
	"pipe/stages/nn"
	"pipe/stages/transform"
)

// tokens reads the texts of a table as one stream.
func (t *TrainLanguage) tokens(ctx context.Context, env *dag.Env, port string, language transform.Language) ([]int32, error) {
	var between []int32
	switch t.Separator {
	case "end":
		if ends := language.Ends(); len(ends) > 0 {
			between = ends[:1]
		}
	case "newline":
		between = language.EncodeText(nil, "\n")
	}
	return readTokens(ctx, env, port, t.Column, language, between)
}

// readTokens reads a column of text as one stream of tokens.
func readTokens(ctx context.Context, env *dag.Env, port, column string, language transform.Language, between []int32) (tokens []int32, err error) {
	err = eachTexts(ctx, env, port, []string{column}, func(texts []string) error {
		tokens = append(language.EncodeText(tokens, texts[0]), between...)
		return nil
	})
	return tokens, err
}

// windows is a stream of tokens as examples: length tokens, and for each of them
// the one that follows.
type windows struct {
	tokens []int32
	length int
	count  int

	random bool // where an example begins is drawn for each epoch
	seed   uint64
	epoch  int
	starts []int // of examples that are not drawn
}

// newFixedWindows spreads up to most windows evenly; 0 for all that do not overlap.
func newFixedWindows(tokens []int32, length, most int) *windows {
	w := &windows{tokens: tokens, length: length}
	all := max((len(tokens)-1)/length, 1)
	w.count = all
	if most > 0 {
		w.count = min(most, all)
	}
	for i := range w.count {
		w.starts = append(w.starts, i*all/w.count*length)
	}
	return w
}

// Len implements nn.Source.
func (w *windows) Len() int { return w.count }

// BeginEpoch implements nn.Varied.
func (w *windows) BeginEpoch(epoch int) { w.epoch = epoch }

// Batch implements nn.Source.
func (w *windows) Batch(_ context.Context, examples []int, b *nn.Batch) error {
	for i, e := range examples {
		at := w.start(e)
		copy(b.Tokens[i*w.length:(i+1)*w.length], w.tokens[at:])
		copy(b.Labels[i*w.length:(i+1)*w.length], w.tokens[at+1:])
	}
	return nil
}

func (w *windows) start(example int) int {
	if !w.random {
		return w.starts[example]
	}
	var pcg rand.PCG
	pcg.Seed(w.seed, uint64(w.epoch)<<32|uint64(example))
	return rand.New(&pcg).IntN(len(w.tokens) - w.length)
}
