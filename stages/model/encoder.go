package model

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"pipe/dag"
	"pipe/stages/nn"
	"pipe/stages/transform"
)

// Encoder turns texts into vectors: a transform that cuts a text into tokens, and a
// network that gives one vector for each text. It does not change and may be used
// by several goroutines at once.
type Encoder struct {
	parts
	texts textReader
}

// textReader is what transforms of a single column of text have.
type textReader interface {
	AppendText(dst *transform.Input, text string)
}

// EmbeddingSignature says what an encoder of vectors of dim numbers reads and gives.
func EmbeddingSignature(column string, dim int) dag.Signature {
	return dag.Signature{
		Inputs:  []dag.Column{{Name: column, Type: "utf8"}},
		Outputs: []dag.Column{{Name: "embedding", Type: fmt.Sprintf("fixed_size_list<item: float32>[%d]", dim), Doc: "the vector of the text"}},
		Shape:   []int{dim},
		Task:    EmbeddingTask,
	}
}

// NewEncoder puts an encoder together and checks that its parts fit.
func NewEncoder(t Training, h History, tr transform.Transform, n *nn.Network) (*Encoder, error) {
	h.Version = Version
	inputs := tr.Signature().Inputs
	if len(inputs) != 1 {
		return nil, fmt.Errorf("an encoder reads one column of text, and the transform reads %d", len(inputs))
	}
	m := Manifest{Version: Version, Task: EmbeddingTask, Signature: EmbeddingSignature(inputs[0].Name, n.OutShape().Last()), Training: t}
	return newEncoder(&parts{m, h, tr, n})
}

func newEncoder(p *parts) (*Encoder, error) {
	texts, ok := p.transform.(textReader)
	s, out := p.transform.Signature(), p.network.OutShape()
	switch {
	case !ok || s.Tokens == 0:
		return nil, errors.New("the transform does not cut a text into tokens")
	case len(out) != 2:
		return nil, fmt.Errorf("an encoder gives one vector for a text; the network gives %v", out)
	case !p.network.Input.Tokens || !nn.Shape(s.Shape).Equal(nn.Shape(p.network.Input.Shape)):
		return nil, fmt.Errorf("the transform gives rows of %v tokens and the network reads %v", nn.Shape(s.Shape), nn.Shape(p.network.Input.Shape))
	case p.network.Context.Vocab < s.Tokens:
		return nil, fmt.Errorf("the transform gives ids up to %d and the network knows %d ids", s.Tokens-1, p.network.Context.Vocab)
	}
	return &Encoder{*p, texts}, nil
}

// LoadEncoder reads an encoder from its folder.
func LoadEncoder(fsys fs.FS) (*Encoder, error) {
	p, err := loadParts(fsys, EmbeddingTask)
	if err == nil {
		var e *Encoder
		if e, err = newEncoder(p); err == nil {
			return e, nil
		}
	}
	return nil, fmt.Errorf("load the model: %w", err)
}

// Save writes the encoder as files of a folder.
func (e *Encoder) Save(w transform.Files) error {
	if err := e.save(w); err != nil {
		return fmt.Errorf("save the model: %w", err)
	}
	return nil
}

// Transform cuts texts into tokens.
func (e *Encoder) Transform() transform.Transform { return e.transform }

// Network is the network with its weights. Who trains it further must not use the
// encoder any more.
func (e *Encoder) Network() *nn.Network { return e.network }

// Dim is the length of the vectors.
func (e *Encoder) Dim() int { return e.network.OutShape().Last() }

// Signature implements Served.
func (e *Encoder) Signature() dag.Signature { return e.manifest.Signature }

// Bytes implements Served.
func (e *Encoder) Bytes() int64 { return e.bytes() }

// embedBatch is how many texts go through the network at once.
const embedBatch = 16

// EmbedTexts implements Embedder. Texts of like length go together, since a batch
// costs what its longest text does; what a text gives does not depend on that.
func (e *Encoder) EmbedTexts(ctx context.Context, texts []string) ([]Embedding, error) {
	var in transform.Input
	out := make([]Embedding, len(texts))
	order := make([]int, len(texts))
	for i, text := range texts {
		e.texts.AppendText(&in, text)
		order[i] = i
	}
	length := e.network.Input.Shape[0]
	for i := range texts {
		for _, id := range in.IDs[i*length : (i+1)*length] {
			if id != 0 {
				out[i].Tokens++
			}
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(out[a].Tokens, out[b].Tokens) })
	src := &nn.Examples{Count: len(texts), Tokens: make([]int32, 0, len(in.IDs))}
	for _, i := range order {
		src.Tokens = append(src.Tokens, in.IDs[i*length:(i+1)*length]...)
	}
	dim := e.Dim()
	err := e.network.Predict(ctx, src, embedBatch, func(first int, y []float32) error {
		for j := range len(y) / dim {
			v := slices.Clone(y[j*dim : (j+1)*dim])
			for _, x := range v {
				if x-x != 0 {
					return errors.New("the network gives numbers that are not finite")
				}
			}
			out[order[first+j]].Vector = v
		}
		return nil
	})
	return out, err
}
