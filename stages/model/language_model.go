package model

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"pipe/dag"
	"pipe/stages/nn"
	"pipe/stages/transform"
)

// LanguageModel writes texts on: a network that gives, at every position, the
// probabilities of the next token, and the transform that cuts texts into tokens.
// It does not change and may be used by several goroutines at once.
type LanguageModel struct {
	parts
	language transform.Language
	decoders sync.Pool
}

// GenerationSignature says what a language model reads and gives.
func GenerationSignature() dag.Signature {
	return dag.Signature{
		Inputs:  []dag.Column{{Name: "prompt", Type: "utf8", Doc: "the text that is written on"}},
		Outputs: []dag.Column{{Name: "text", Type: "utf8", Doc: "what follows"}},
		Task:    GenerationTask,
	}
}

// NewLanguageModel puts a language model together and checks that its parts fit.
// The network belongs to it from then on.
func NewLanguageModel(t Training, h History, l transform.Language, n *nn.Network) (*LanguageModel, error) {
	h.Version = Version
	m := Manifest{Version: Version, Task: GenerationTask, Signature: GenerationSignature(), Training: t}
	return newLanguageModel(&parts{m, h, l, n})
}

func newLanguageModel(p *parts) (*LanguageModel, error) {
	l, ok := p.transform.(transform.Language)
	if !ok {
		return nil, errors.New("the transform does not cut a text into tokens and join them again")
	}
	out, size := p.network.OutShape(), l.Signature().Tokens
	switch {
	case !p.network.Input.Tokens || len(out) != 3:
		return nil, fmt.Errorf("a language model reads tokens and answers at every position; the network gives %v", out)
	case p.network.Context.Vocab < size || out.Last() < size:
		return nil, fmt.Errorf("the tokenizer has %d tokens, the network reads %d and gives %d", size, p.network.Context.Vocab, out.Last())
	}
	m := &LanguageModel{parts: *p, language: l}
	if _, err := m.network.NewDecoder(m.Window()); err != nil {
		return nil, err
	}
	return m, nil
}

// LoadLanguageModel reads a language model from its folder.
func LoadLanguageModel(fsys fs.FS) (*LanguageModel, error) {
	p, err := loadParts(fsys, GenerationTask)
	if err == nil {
		var m *LanguageModel
		if m, err = newLanguageModel(p); err == nil {
			return m, nil
		}
	}
	return nil, fmt.Errorf("load the model: %w", err)
}

// Save writes the model as files of a folder.
func (m *LanguageModel) Save(w transform.Files) error {
	if err := m.save(w); err != nil {
		return fmt.Errorf("save the model: %w", err)
	}
	return nil
}

// Window is how many tokens the model looks at.
func (m *LanguageModel) Window() int { return m.network.Input.Shape[0] }

// Language cuts texts into tokens.
func (m *LanguageModel) Language() transform.Language { return m.language }

// Network is the network with its weights.
func (m *LanguageModel) Network() *nn.Network { return m.network }

// Training says how the model came to be.
func (m *LanguageModel) Training() Training { return m.manifest.Training }

// Signature implements Served.
func (m *LanguageModel) Signature() dag.Signature { return m.manifest.Signature }

// Bytes implements Served.
func (m *LanguageModel) Bytes() int64 { return m.bytes() }

func (p *parts) bytes() int64 { return p.network.Bytes() }

// decoder gives one that has read nothing.
func (m *LanguageModel) decoder() (*nn.Decoder, error) {
	if d, ok := m.decoders.Get().(*nn.Decoder); ok {
		d.Reset()
		return d, nil
	}
	return m.network.NewDecoder(m.Window())
}

// Measure gives the mean loss of the model, in nats a token, over runs of tokens
// as long as its window, each of which begins without a past.
func (m *LanguageModel) Measure(ctx context.Context, tokens []int32) (loss float64, err error) {
	src := &nn.Examples{}
	window := m.Window()
	for at := 0; at+window < len(tokens); at += window {
		src.Tokens = append(src.Tokens, tokens[at:at+window]...)
		src.Labels = append(src.Labels, tokens[at+1:at+window+1]...)
		src.Count++
	}
	if src.Count == 0 {
		return 0, fmt.Errorf("the texts have %d tokens, and more than the %d of the model's window are needed", len(tokens), window)
	}
	sum, rows := 0.0, 0
	size := m.network.OutShape().Last()
	err = m.network.Predict(ctx, src, 8, func(first int, y []float32) error {
		for at := 0; at < len(y); at += size {
			p := y[at+int(src.Labels[first*window+at/size])]
			sum -= logOf(p)
			rows++
		}
		return nil
	})
	return sum / float64(max(rows, 1)), err
}

// LeavesOutWords tells whether a model of texts does not read the words that it
// has no id for, in place of reading each as an unknown one.
func LeavesOutWords(m Served) bool {
	var texts transform.Transform
	switch m := m.(type) {
	case *LanguageModel:
		texts = m.language
	case *Encoder:
		texts = m.transform
	}
	v, ok := texts.(*transform.Vectorizer)
	return ok && v.LeavesOut()
}
