package model

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"sync"

	"pipe/dag"
	"pipe/stages/nn"
	"pipe/stages/transform"
)

// TranslationTask is that of models that turn a text into another.
const TranslationTask = "translation"

// Translator turns a text into another: a transform that cuts texts of both sides
// into tokens, and a Transformer. It does not change and may be used by several
// goroutines at once.
type Translator struct {
	parts
	language transform.Language
	decoders sync.Pool // of *nn.Translation
}

// TranslationSignature says what a translator reads and gives.
func TranslationSignature(column string) dag.Signature {
	return dag.Signature{
		Inputs: []dag.Column{{Name: column, Type: "utf8", Doc: "the text that is translated"}},
		Outputs: []dag.Column{{Name: PredictionColumn, Type: "utf8", Doc: "the translation"},
			{Name: ProbabilityColumn, Type: "float", Doc: "the geometric mean of the probabilities of its tokens"}},
		Task: TranslationTask,
	}
}

// NewTranslator puts a translator together and checks that its parts fit. The
// network belongs to it from then on.
func NewTranslator(t Training, h History, column string, l transform.Language, n *nn.Network) (*Translator, error) {
	h.Version = Version
	m := Manifest{Version: Version, Task: TranslationTask, Signature: TranslationSignature(column), Training: t}
	return newTranslator(&parts{m, h, l, n})
}

func newTranslator(p *parts) (*Translator, error) {
	l, ok := p.transform.(transform.Language)
	if !ok {
		return nil, errors.New("the transform does not cut a text into tokens and join them again")
	}
	if len(p.manifest.Signature.Inputs) != 1 {
		return nil, errors.New("a translator reads one column")
	}
	if err := CheckTranslation(l); err != nil {
		return nil, err
	}
	if size := l.Signature().Tokens; p.network.Context.Vocab < size {
		return nil, fmt.Errorf("the tokenizer has %d tokens, the network reads %d", size, p.network.Context.Vocab)
	}
	m := &Translator{parts: *p, language: l}
	d, err := m.network.NewTranslation()
	if err != nil {
		return nil, err
	}
	m.decoders.Put(d)
	return m, nil
}

// CheckTranslation wants a transform whose id 0 is no piece of a text, because it
// begins, ends and fills up.
func CheckTranslation(l transform.Language) error {
	if slices.Contains(l.Ends(), 0) || l.Token(0) == "" {
		return nil
	}
	return fmt.Errorf("id 0 begins, ends and fills up the texts of a translation, and is %q in this transform; use text.tokenize without a file, or text.vectorize", l.Token(0))
}

// LoadTranslator reads a translator from its folder.
func LoadTranslator(fsys fs.FS) (*Translator, error) {
	p, err := loadParts(fsys, TranslationTask)
	if err == nil {
		var m *Translator
		if m, err = newTranslator(p); err == nil {
			return m, nil
		}
	}
	return nil, fmt.Errorf("load the model: %w", err)
}

// Save writes the model as files of a folder.
func (m *Translator) Save(w transform.Files) error {
	if err := m.save(w); err != nil {
		return fmt.Errorf("save the model: %w", err)
	}
	return nil
}

// Network is the network with its weights.
func (m *Translator) Network() *nn.Network { return m.network }

// Signature implements Served.
func (m *Translator) Signature() dag.Signature { return m.manifest.Signature }

// Bytes implements Served.
func (m *Translator) Bytes() int64 { return m.bytes() }

// ServedBeams is how many hypotheses are followed for an answer.
const ServedBeams = 4

// PredictRows implements Predictor.
func (m *Translator) PredictRows(ctx context.Context, rows []map[string]any) ([]*Answer, error) {
	column := m.Signature().Inputs[0].Name
	texts := make([]string, len(rows))
	for i, row := range rows {
		text, ok := row[column].(string)
		if !ok {
			return nil, &transform.RowError{Row: int64(i) + 1, Column: column, Msg: "it must be text"}
		}
		texts[i] = text
	}
	out := make([]*Answer, 0, len(rows))
	err := m.Translate(ctx, texts, ServedBeams, func(_ int, t Translated) error {
		out = append(out, &Answer{Prediction: t.Text, Probability: float32(t.Probability)})
		return nil
	})
	return out, err
}

// Translated is the translation of a text.
type Translated struct {
	Text string
	// Probability is the geometric mean of those of its tokens.
	Probability float64
	// Cut tells that the text was longer than what the model reads, or the
	// translation would have been longer than it writes.
	Cut bool
}

// translateTexts is how many texts are translated side by side.
const translateTexts = 16

// Translate translates texts and yields the translations in their order. Of each
// text so many hypotheses are followed as there are beams; one means that the
// likeliest token is taken at every step. An empty text stays empty.
func (m *Translator) Translate(ctx context.Context, texts []string, beams int, yield func(i int, t Translated) error) error {
	d, ok := m.decoders.Get().(*nn.Translation)
	if !ok {
		var err error
		if d, err = m.network.NewTranslation(); err != nil {
			return err
		}
	}
	defer m.decoders.Put(d)
	for first := 0; first < len(texts); first += translateTexts {
		some := texts[first:min(first+translateTexts, len(texts))]
		ids := make([]int32, 0, len(some)*d.Source())
		cut := make([]bool, len(some))
		for i, text := range some {
			end := len(ids) + d.Source()
			ids = m.language.EncodeText(ids, text)
			cut[i] = len(ids) > end
			ids = append(ids[:min(len(ids), end)], make([]int32, max(end-len(ids), 0))...)
		}
		if err := d.Begin(ctx, ids); err != nil {
			return err
		}
		found, err := newBeamSearch(d, beams, len(some)).run(ctx)
		if err != nil {
			return err
		}
		for i, best := range found {
			t := Translated{Cut: cut[i] || !best.ended}
			if !isEmpty(ids[i*d.Source() : (i+1)*d.Source()]) {
				t.Text = m.language.DecodeIDs(best.tokens)
				t.Probability = math.Exp(best.logprob / float64(len(best.tokens)+1))
			}
			if err := yield(first+i, t); err != nil {
				return err
			}
		}
	}
	return nil
}

func isEmpty(ids []int32) bool {
	return !slices.ContainsFunc(ids, func(id int32) bool { return id != 0 })
}

// beamSearch follows, for each text, the likeliest beginnings of its translation.
type beamSearch struct {
	decoder *nn.Translation
	beams   int
	texts   []beam
}

// beam is the search for the translation of one text.
type beam struct {
	live []hypothesis // the likeliest first
	best *hypothesis  // of those that have ended
}

// hypothesis is a beginning of a translation, or with ended the whole.
type hypothesis struct {
	tokens  []int32
	logprob float64
	ended   bool
	row     int // of the decoder
}

// score divides by ((5 + length) / 6)^0.6, so that long translations are not left
// out for their length (Wu et al. 2016).
func (h *hypothesis) score() float64 { return h.scoreAt(len(h.tokens)) }

// scoreAt is the score with so many tokens of the same probability.
func (h *hypothesis) scoreAt(tokens int) float64 {
	return h.logprob / math.Pow((6+float64(tokens))/6, 0.6)
}

func newBeamSearch(d *nn.Translation, beams, texts int) *beamSearch {
	s := &beamSearch{decoder: d, beams: max(beams, 1), texts: make([]beam, texts)}
	for i := range s.texts {
		s.texts[i].live = []hypothesis{{row: i}}
	}
	return s
}

func (s *beamSearch) run(ctx context.Context) ([]hypothesis, error) {
	for step := range s.decoder.Limit() {
		var from []int
		var tokens []int32
		for t := range s.texts {
			for i := range s.texts[t].live {
				h := &s.texts[t].live[i]
				last := int32(0) // which begins a translation
				if step > 0 {
					last = h.tokens[len(h.tokens)-1]
				}
				from, tokens = append(from, h.row), append(tokens, last)
				h.row = len(from) - 1
			}
		}
		if len(from) == 0 {
			break
		}
		logits, err := s.decoder.Next(ctx, from, tokens)
		if err != nil {
			return nil, err
		}
		width := len(logits) / len(from)
		for t := range s.texts {
			s.texts[t].grow(s.beams, logits, width, s.decoder.Limit())
		}
	}
	found := make([]hypothesis, len(s.texts))
	for t := range s.texts {
		b := &s.texts[t]
		if b.best != nil {
			found[t] = *b.best
		} else {
			found[t] = b.live[0] // there was no room for its end
		}
	}
	return found, nil
}

// grow adds a token to the hypotheses of a text and keeps the likeliest.
func (b *beam) grow(beams int, logits []float32, width, limit int) {
	var next []hypothesis
	for _, h := range b.live {
		row := logits[h.row*width:][:width]
		norm := logSum(row)
		for _, id := range likeliest(row, beams+1) { // one of them may be the end
			next = append(next, hypothesis{append(slices.Clip(h.tokens), id), h.logprob + float64(row[id]) - norm, id == 0, h.row})
		}
	}
	slices.SortStableFunc(next, func(x, y hypothesis) int { return cmp.Compare(y.logprob, x.logprob) })
	b.live = b.live[:0]
	for i := range next {
		h := next[i]
		switch {
		case len(b.live) == beams:
			continue
		case !h.ended:
			b.live = append(b.live, h)
		default:
			h.tokens = h.tokens[:len(h.tokens)-1]
			if b.best == nil || h.score() > b.best.score() {
				b.best = &h
			}
		}
	}
	// More tokens make no hypothesis likelier, so that the best it can come to is what
	// it is now at the greatest length.
	if b.best != nil && len(b.live) > 0 && b.best.score() >= b.live[0].scoreAt(limit) {
		b.live = nil
	}
}

// likeliest gives the k greatest, the greatest first and of equal ones the first.
func likeliest(row []float32, k int) []int32 {
	best := make([]int32, 0, k+1)
	for id := range row {
		if len(best) == k && !(row[id] > row[best[k-1]]) {
			continue
		}
		at := len(best)
		for at > 0 && row[id] > row[best[at-1]] {
			at--
		}
		best = slices.Insert(best, at, int32(id))
		best = best[:min(len(best), k)]
	}
	return best
}
