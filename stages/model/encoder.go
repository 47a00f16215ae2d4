package model

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"

	"pipe/dag"
	"pipe/stages/nn"
	"pipe/stages/transform"
)

// Encoder turns texts into vectors: a transform that cuts a text into tokens, and a
// network that gives one vector for each text. It does not change and may be used
// by several goroutines at once.
type Encoder struct {
	parts
	texts   textReader
	vectors *transform.Embedded
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
	if !ok {
		return nil, errors.New("the transform does not cut a text into tokens")
	}
	vectors, err := transform.NewEmbedded(p.transform, p.network)
	if err != nil {
		return nil, err
	}
	return &Encoder{*p, texts, vectors}, nil
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

// EmbedTexts implements Embedder.
func (e *Encoder) EmbedTexts(ctx context.Context, texts []string) ([]Embedding, error) {
	out := make([]Embedding, len(texts))
	for first := 0; first < len(texts); first += embedStep {
		var tokens, vectors transform.Input
		some := texts[first:min(first+embedStep, len(texts))]
		for _, text := range some {
			e.texts.AppendText(&tokens, text)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := e.vectors.Embed(&vectors, &tokens, int64(first)+1); err != nil {
			return nil, err
		}
		length, dim := len(tokens.IDs)/len(some), e.Dim()
		for i := range some {
			o := &out[first+i]
			o.Vector = vectors.Values[i*dim : (i+1)*dim : (i+1)*dim]
			for _, id := range tokens.IDs[i*length : (i+1)*length] {
				if id != 0 {
					o.Tokens++
				}
			}
		}
	}
	return out, nil
}

// UnitVectors gives the vectors of texts, one after the other, each of length 1.
func (e *Encoder) UnitVectors(ctx context.Context, texts []string) ([]float32, error) {
	list, err := e.EmbedTexts(ctx, texts)
	if err != nil {
		return nil, err
	}
	out := make([]float32, 0, len(texts)*e.Dim())
	for _, one := range list {
		norm := 0.0
		for _, v := range one.Vector {
			norm += float64(v) * float64(v)
		}
		scale := float32(1 / max(math.Sqrt(norm), 1e-12))
		for _, v := range one.Vector {
			out = append(out, v*scale)
		}
	}
	return out, nil
}

// embedStep is how many texts are taken between two looks at the context; those of like
// length among them go through the network together, so more cost less each.
const embedStep = 256
