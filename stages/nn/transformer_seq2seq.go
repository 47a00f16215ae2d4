package nn

import (
	"errors"
	"fmt"
	"math/rand/v2"
)

func init() {
	RegisterLayer("transformer", func() Layer {
		return &Transformer{Layers: 6, Heads: 8, Dim: 512}
	})
}

// Transformer is the encoder and decoder of Vaswani et al. 2017, with norms first
// (Xiong et al. 2020), for translations: of (batch, time) token ids the first
// `source` are the text that is read, filled up with 0, and the others what has
// been written so far; it gives, at each position of those, the probabilities of
// the next token, (batch, time - source, vocab). What fills up is not computed. One table of tokens serves the
// source, the target and the output (Press and Wolf 2017). PyTorch: nn.Transformer
// with norm_first and an embedding on both sides; ONNX: its parts.
type Transformer struct {
	Source  int     `yaml:"source" doc:"how many ids of the input are the text that is read" required:"true" min:"1" example:"2"`
	Layers  int     `yaml:"layers" doc:"number of blocks of the encoder, and of the decoder" default:"6" min:"1" example:"1"`
	Heads   int     `yaml:"heads" doc:"number of heads" default:"8" min:"1" example:"2"`
	Dim     int     `yaml:"dim" doc:"width of the model" default:"512" min:"1" example:"4"`
	Hidden  int     `yaml:"hidden" doc:"width inside the feed-forward networks; 0 for four times the model" default:"0" min:"0"`
	Dropout float64 `yaml:"dropout" doc:"share that is dropped while training" default:"0" min:"0" below:"1"`

	embedding                      *Embedding
	sourcePosition, targetPosition *PositionalEncoding
	encoder                        sequence
	decoder                        []*decoderBlock
	norm                           *LayerNorm
}

func (l *Transformer) readsTokens() bool    { return true }
func (l *Transformer) endsWith() Activation { return Softmax }

// OutShape returns (batch, time - source, vocab).
func (l *Transformer) OutShape(in Shape, c Context) (Shape, error) {
	if err := errors.Join(checkDepth(l.Layers), checkHeads(l.Dim, l.Heads)); err != nil {
		return nil, err
	}
	return translatorShape(in, c, l.Source)
}

// Build builds embedding, source_position, target_position, encoder.N, encoder_norm,
// decoder.N and norm.
func (l *Transformer) Build(in Shape, c Context, rng *rand.Rand) error {
	if _, err := l.OutShape(in, c); err != nil {
		return err
	}
	l.embedding = &Embedding{Dim: l.Dim, Initializer: RandomNormal, MaskZero: true}
	l.sourcePosition = &PositionalEncoding{Encoding: "learned", Initializer: RandomNormal}
	l.targetPosition = &PositionalEncoding{Encoding: "learned", Initializer: RandomNormal}
	l.encoder, l.decoder, l.norm = nil, nil, &LayerNorm{Epsilon: 1e-5}
	source, target := Shape{in[0], l.Source, l.Dim}, Shape{in[0], in[1] - l.Source, l.Dim}
	for i := range l.Layers {
		block := newTransformerBlock()
		block.Heads, block.Hidden, block.Dropout = l.Heads, l.Hidden, l.Dropout
		l.encoder = append(l.encoder, part{fmt.Sprintf("encoder.%d", i), block})
	}
	l.encoder = append(l.encoder, part{"encoder_norm", &LayerNorm{Epsilon: 1e-5}})
	err := errors.Join(l.embedding.Build(Shape{in[0], in[1]}, c, rng), l.sourcePosition.Build(source, c, rng),
		l.targetPosition.Build(target, c, rng), l.encoder.Build(source, c, rng))
	for range l.Layers {
		block := &decoderBlock{heads: l.Heads, hidden: l.Hidden, dropout: l.Dropout}
		err = errors.Join(err, block.build(target, c, rng))
		l.decoder = append(l.decoder, block)
	}
	err = errors.Join(err, l.norm.Build(target, c, rng))
	for _, p := range []part{{"embedding", l.embedding}, {"source_position", l.sourcePosition}, {"target_position", l.targetPosition}, {"norm", l.norm}} {
		p.prefix()
	}
	for i, block := range l.decoder {
		for _, p := range block.params() {
			p.Name = fmt.Sprintf("decoder.%d.%s", i, p.Name)
		}
	}
	return err
}

// Params returns those of all parts.
func (l *Transformer) Params() []*Param {
	if l.embedding == nil {
		return nil
	}
	all := append(l.embedding.Params(), l.sourcePosition.Params()...)
	all = append(append(all, l.targetPosition.Params()...), l.encoder.Params()...)
	for _, block := range l.decoder {
		all = append(all, block.params()...)
	}
	return append(all, l.norm.Params()...)
}

// Forward computes the layer.
func (l *Transformer) Forward(p *Pass, x *Tensor) *Tensor {
	time := x.Shape[1] - l.Source
	y := l.decode(p, x, ragged(p, x, l.Source, func(int) int { return time }))
	return Softmax.apply(p, p.view(affine(p, y, l.embedding.weight, nil), x.Shape[0], time, l.embedding.weight.Shape[0]))
}

// scores implements scorer. Of a target no position is computed behind the last that
// counts: none before reads it.
func (l *Transformer) scores(p *Pass, x *Tensor, labels []int32) (logits *Tensor, rows []int) {
	time := x.Shape[1] - l.Source
	target := ragged(p, x, l.Source, func(i int) int {
		n := time
		for n > 0 && labels[i*time+n-1] < 0 {
			n--
		}
		return n
	})
	y := l.decode(p, x, target)
	rows, places := p.dims.take(y.Rows())[:0], p.dims.take(y.Rows())[:0]
	for i := range y.sequences() {
		first, length := y.sequence(i)
		for t := range length {
			if labels[i*time+t] >= 0 {
				rows, places = append(rows, i*time+t), append(places, first+t)
			}
		}
	}
	return affine(p, pick(p, y, places), l.embedding.weight, nil), rows
}

// decode returns what each position of the target, whose ids are ragged, makes of
// those before it and of the text in x.
func (l *Transformer) decode(p *Pass, x, target *Tensor) *Tensor {
	time := x.Shape[1]
	memory := l.encode(p, ragged(p, x, 0, func(i int) int { return unpadded(x.IDs[i*time:][:l.Source]) }))
	y := l.embedding.Forward(p, target)
	y.Mask = nil // id 0 begins what is written
	y = dropout(p, l.targetPosition.Forward(p, y), l.Dropout)
	for _, block := range l.decoder {
		y = block.forward(p, y, block.cross.keysAndValues(p, memory))
	}
	return l.norm.Forward(p, y)
}

// encode reads texts, of whose ids 0 is not read.
func (l *Transformer) encode(p *Pass, source *Tensor) *Tensor {
	return l.encoder.Forward(p, dropout(p, l.sourcePosition.Forward(p, l.embedding.Forward(p, source)), l.Dropout))
}

// decoderBlock is attention to what was written before, attention to the source and
// a feed-forward network, each with a residual connection and its norm first.
type decoderBlock struct {
	heads, hidden int
	dropout       float64

	attention           *MultiHeadAttention
	cross               *crossAttention
	up, down            *Dense
	norm1, norm2, norm3 *LayerNorm
}

func (b *decoderBlock) build(in Shape, c Context, rng *rand.Rand) error {
	features, hidden := in.Last(), b.hidden
	if hidden == 0 {
		hidden = 4 * features
	}
	b.attention = &MultiHeadAttention{Heads: b.heads, Causal: true, Dropout: b.dropout, UseBias: true, KernelInitializer: GlorotUniform}
	b.cross = &crossAttention{heads: b.heads}
	b.up = &Dense{Units: Units(hidden), Activation: Gelu, UseBias: true, KernelInitializer: GlorotUniform, BiasInitializer: Zeros}
	b.down = &Dense{Units: Units(features), Activation: Linear, UseBias: true, KernelInitializer: GlorotUniform, BiasInitializer: Zeros}
	b.norm1, b.norm2, b.norm3 = &LayerNorm{Epsilon: 1e-5}, &LayerNorm{Epsilon: 1e-5}, &LayerNorm{Epsilon: 1e-5}
	err := errors.Join(b.attention.Build(in, c, rng), b.cross.build(features, rng), b.up.Build(in, c, rng),
		b.down.Build(in.With(hidden), c, rng), b.norm1.Build(in, c, rng), b.norm2.Build(in, c, rng), b.norm3.Build(in, c, rng))
	for _, p := range b.cross.params() {
		p.Name = "cross." + p.Name
	}
	for _, p := range b.parts() {
		p.prefix()
	}
	return err
}

func (b *decoderBlock) parts() sequence {
	return sequence{{"attention", b.attention}, {"norm1", b.norm1}, {"norm2", b.norm2}, {"up", b.up}, {"down", b.down}, {"norm3", b.norm3}}
}

func (b *decoderBlock) params() []*Param { return append(b.parts().Params(), b.cross.params()...) }

func (b *decoderBlock) forward(p *Pass, x, kv *Tensor) *Tensor {
	x = add(p, x, dropout(p, b.attention.Forward(p, b.norm1.Forward(p, x)), b.dropout))
	return b.after(p, x, kv)
}

// after is what follows the attention to what was written.
func (b *decoderBlock) after(p *Pass, x, kv *Tensor) *Tensor {
	x = add(p, x, dropout(p, b.cross.forward(p, b.norm2.Forward(p, x), kv), b.dropout))
	return add(p, x, dropout(p, b.down.Forward(p, b.up.Forward(p, b.norm3.Forward(p, x))), b.dropout))
}
