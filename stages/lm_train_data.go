package stages

import (
	"context"
	"encoding/binary"
	"math/rand/v2"

	"pipe/dag"
	"pipe/stages/nn"
	"pipe/stages/transform"
)

// tokenStream holds the tokens of a table, one text behind the other, in a spill that
// it may share with one that was written before.
type tokenStream struct {
	words *spill // little-endian words of four bytes
	first int64  // where they begin
	count int
	bytes []byte
}

func newTokenStream(words *spill) *tokenStream { return &tokenStream{words: words, first: words.size} }

func (s *tokenStream) add(ids []int32) error {
	s.bytes = s.bytes[:0]
	for _, id := range ids {
		s.bytes = binary.LittleEndian.AppendUint32(s.bytes, uint32(id))
	}
	s.count += len(ids)
	_, err := s.words.Write(s.bytes)
	return err
}

// read fills dst with the tokens from a place on.
func (s *tokenStream) read(dst []int32, at int) error {
	if cap(s.bytes) < 4*len(dst) {
		s.bytes = make([]byte, 4*len(dst))
	}
	b := s.bytes[:4*len(dst)]
	if err := s.words.ReadAt(b, s.first+4*int64(at)); err != nil {
		return err
	}
	for i := range dst {
		dst[i] = int32(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return nil
}

// tokens reads the texts of a table as one stream.
func (t *TrainLanguage) tokens(ctx context.Context, env *dag.Env, port string, language transform.Language, words *spill) (*tokenStream, error) {
	s := newTokenStream(words)
	return s, t.eachTokens(ctx, env, port, language, s.add)
}

// eachTokens yields the tokens of each text of a table, with what separates it from the
// next. They are valid until the next.
func (t *TrainLanguage) eachTokens(ctx context.Context, env *dag.Env, port string, language transform.Language, yield func(ids []int32) error) error {
	var between, ids []int32
	switch t.Separator {
	case "end":
		if ends := language.Ends(); len(ends) > 0 {
			between = ends[:1]
		}
	case "newline":
		between = language.EncodeText(nil, "\n")
	}
	return eachTexts(ctx, env, port, []string{t.Column}, func(texts []string) error {
		ids = append(language.EncodeText(ids[:0], texts[0]), between...)
		return yield(ids)
	})
}

// windows is a stream of tokens as examples: length tokens, and for each of them
// the one that follows.
type windows struct {
	tokens *tokenStream
	length int
	count  int
	window []int32

	random bool // where an example begins is drawn for each epoch
	seed   uint64
	epoch  int
	starts []int // of examples that are not drawn
}

// newFixedWindows spreads up to most windows evenly; 0 for all that do not overlap.
func newFixedWindows(tokens *tokenStream, length, most int) *windows {
	w := &windows{tokens: tokens, length: length}
	all := max((tokens.count-1)/length, 1)
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
	if w.window == nil {
		w.window = make([]int32, w.length+1)
	}
	for i, e := range examples {
		if err := w.tokens.read(w.window, w.start(e)); err != nil {
			return err
		}
		copy(b.Tokens[i*w.length:(i+1)*w.length], w.window)
		copy(b.Labels[i*w.length:(i+1)*w.length], w.window[1:])
	}
	return nil
}

func (w *windows) start(example int) int {
	if !w.random {
		return w.starts[example]
	}
	var pcg rand.PCG
	pcg.Seed(w.seed, uint64(w.epoch)<<32|uint64(example))
	return rand.New(&pcg).IntN(w.tokens.count - w.length)
}
