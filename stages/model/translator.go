package model

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"
	"sync"

	"pipe/dag"
	"pipe/stages/nn"
	"pipe/stages/transform"
)

// TranslationTask is that of models that turn a text into another.
const TranslationTask = "translation"

// Translator turns a text into another: a transform that cuts texts of both sides
// into tokens, and a network of encoder and decoder. It does not change and may be used by several
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
	return m.predict(ctx, rows, ServedBeams, 1)
}

// predictTop gives each row up to n translations that are different texts. More
// than ServedBeams need as many hypotheses.
func (m *Translator) predictTop(ctx context.Context, rows []map[string]any, n int) ([]*Answer, error) {
	return m.predict(ctx, rows, max(ServedBeams, n), n)
}

func (m *Translator) predict(ctx context.Context, rows []map[string]any, beams, wanted int) ([]*Answer, error) {
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
	err := m.translate(ctx, texts, beams, wanted, func(_ int, all []Translated) error {
		a := &Answer{Prediction: all[0].Text, Probability: float32(all[0].Probability)}
		for _, t := range all {
			if wanted > 1 {
				a.Top = append(a.Top, Alternative{t.Text, float32(t.Probability)})
			}
		}
		out = append(out, a)
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
// likeliest token is taken at every step. A text of nothing but white space becomes an empty one.
func (m *Translator) Translate(ctx context.Context, texts []string, beams int, yield func(i int, t Translated) error) error {
	return m.translate(ctx, texts, beams, 1, func(i int, all []Translated) error { return yield(i, all[0]) })
}

// translate yields up to so many translations of each text as are wanted, all of
// them different texts, the best first.
func (m *Translator) translate(ctx context.Context, texts []string, beams, wanted int, yield func(i int, all []Translated) error) error {
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
			if strings.TrimSpace(text) != "" {
				ids = m.language.EncodeText(ids, text)
			}
			cut[i] = len(ids) > end
			ids = append(ids[:min(len(ids), end)], make([]int32, max(end-len(ids), 0))...)
		}
		if err := d.Begin(ctx, ids); err != nil {
			return err
		}
		found, err := newBeamSearch(d, beams, wanted, len(some)).run(ctx)
		if err != nil {
			return err
		}
		for i, hypotheses := range found {
			all := []Translated{{Cut: cut[i]}}
			if !isEmpty(ids[i*d.Source() : (i+1)*d.Source()]) {
				all = m.translated(hypotheses, cut[i])
			}
			if err := yield(first+i, all); err != nil {
				return err
			}
		}
	}
	return nil
}

// translated gives the texts of hypotheses. What several of them come to is told
// once.
func (m *Translator) translated(hypotheses []hypothesis, cut bool) []Translated {
	var all []Translated
	for _, h := range hypotheses {
		t := Translated{m.language.DecodeIDs(h.tokens), math.Exp(h.logprob / float64(len(h.tokens)+1)), cut || !h.ended}
		if !slices.ContainsFunc(all, func(o Translated) bool { return o.Text == t.Text }) {
			all = append(all, t)
		}
	}
	return all
}

func isEmpty(ids []int32) bool {
	return !slices.ContainsFunc(ids, func(id int32) bool { return id != 0 })
}
