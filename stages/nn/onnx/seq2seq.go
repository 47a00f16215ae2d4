package onnx

import (
	"fmt"
	"math"

	"pipe/stages/nn"
)

// transformer follows Transformer: the input is cut (Slice-13) into what the
// encoder reads and what the decoder does.
func transformer(l *nn.Transformer) emitter {
	return func(g *builder, w weights, x value) (value, error) {
		norm := asEmitter(&nn.LayerNorm{Epsilon: 1e-5})
		learned := asEmitter(&nn.PositionalEncoding{Encoding: "learned"})
		encoder := []named{{"embedding", asEmitter(&nn.Embedding{Dim: l.Dim, MaskZero: true})}, {"source_position", learned}}
		for i := range l.Layers {
			encoder = append(encoder, named{fmt.Sprintf("encoder.%d", i), asEmitter(&nn.TransformerBlock{Heads: l.Heads, Hidden: l.Hidden,
				Activation: "gelu", Norm: "layer", NormFirst: true, Epsilon: 1e-5, RopeBase: 10000, UseBias: true})})
		}
		memory, err := chain(append(encoder, named{"encoder_norm", norm})...)(g, w, g.cut(x, 0, l.Source))
		if err != nil {
			return value{}, err
		}
		decoder := []named{{"embedding", asEmitter(&nn.Embedding{Dim: l.Dim})}, {"target_position", learned}}
		for i := range l.Layers {
			decoder = append(decoder, named{fmt.Sprintf("decoder.%d", i), decoderBlock(l.Heads, memory)})
		}
		decoder = append(decoder, named{"norm", norm}, named{"", languageHead("embedding.weight")})
		return chain(decoder...)(g, w, g.cut(x, l.Source, x.shape[1]))
	}
}

// cut takes some of the ids of each row.
func (g *builder) cut(x value, from, to int) value {
	cut := g.op("Slice", in(x.name, g.ints(int64(from)), g.ints(int64(to)), g.ints(1)))
	return value{name: cut, shape: nn.Shape{x.shape[0], to - from}}
}

// seq2seq follows Seq2Seq: the states in which the layers of the encoder end (Y_h, Y_c)
// are those with which the layers of the decoder begin (initial_h, initial_c).
func seq2seq(l *nn.Seq2Seq) emitter {
	return func(g *builder, w weights, x value) (value, error) {
		between := make([]*states, l.Layers)
		layer := func(units int, bidirectional bool, s *states) emitter {
			return func(g *builder, w weights, x value) (value, error) {
				layer, err := l.Recurrent(units, bidirectional)
				if err != nil {
					return value{}, err
				}
				y, err := g.stateful(layer, w, x, s)
				y.shape = nn.Shape{x.shape[0], x.shape[1], l.Dim}
				return y, err
			}
		}
		units := l.Dim
		if l.Bidirectional {
			units /= 2
		}
		encoder := []named{{"embedding", asEmitter(&nn.Embedding{Dim: l.Dim, MaskZero: true})}}
		for i := range between {
			between[i] = &states{}
			encoder = append(encoder, named{fmt.Sprintf("encoder.%d", i), layer(units, l.Bidirectional, between[i])})
		}
		memory, err := chain(encoder...)(g, w, g.cut(x, 0, l.Source))
		if err != nil {
			return value{}, err
		}
		decoder := []named{{"embedding", asEmitter(&nn.Embedding{Dim: l.Dim})}}
		for i, s := range between {
			decoder = append(decoder, named{fmt.Sprintf("decoder.%d", i), layer(l.Dim, false, &states{initial: s.last})})
		}
		if l.Attention {
			decoder = append(decoder, named{"", skip(chain(named{"cross", crossAttention(l.Heads, memory)}), chain(), nn.Linear)})
		}
		norm := asEmitter(&nn.LayerNorm{Epsilon: 1e-5})
		decoder = append(decoder, named{"norm", norm}, named{"", languageHead("embedding.weight")})
		return chain(decoder...)(g, w, g.cut(x, l.Source, x.shape[1]))
	}
}

// decoderBlock is attention to what was written, attention to the memory and a
// feed-forward network, each with a residual connection and its norm first.
func decoderBlock(heads int, memory value) emitter {
	around := func(norm string, part named) named {
		return named{"", skip(chain(named{norm, asEmitter(&nn.LayerNorm{Epsilon: 1e-5})}, part), chain(), nn.Linear)}
	}
	attention := asEmitter(&nn.MultiHeadAttention{Heads: heads, Causal: true, UseBias: true, RopeBase: 10000})
	return chain(
		around("norm1", named{"attention", attention}),
		around("norm2", named{"cross", crossAttention(heads, memory)}),
		around("norm3", named{"", feedForward("gelu")}))
}

// crossAttention reads softmax(Q·Kᵀ/√d)·V of the memory.
func crossAttention(heads int, memory value) emitter {
	return func(g *builder, w weights, x value) (value, error) {
		q, err := g.affine(w.sub("q_proj"), x)
		if err != nil {
			return value{}, err
		}
		kv, err := g.affine(w.sub("kv_proj"), memory)
		if err != nil {
			return value{}, err
		}
		time, source, width := int64(x.shape[1]), int64(memory.shape[1]), int64(x.shape.Last())
		dim := width / int64(heads)
		split := func(x string, time int64) string { // to (batch, heads, time, dim)
			return g.transpose(g.reshape(x, 0, time, int64(heads), dim), 0, 2, 1, 3)
		}
		parts := g.ops("Split", 2, in(kv.name, g.ints(width, width)), intAttribute("axis", 2))
		scores := g.op("MatMul", in(split(q.name, time), g.transpose(split(parts[0], source), 0, 1, 3, 2)))
		scores = g.op("Mul", in(scores, g.scalar(float32(1/math.Sqrt(float64(dim))))))
		softmax := func(x string) string { return g.op("Softmax", in(x), intAttribute("axis", -1)) }
		readable := g.op("Unsqueeze", in(memory.mask, g.ints(1, 2)))
		read := g.op("Where", in(readable, softmax(g.op("Where", in(readable, scores, g.scalar(-math.MaxFloat32)))), g.scalar(0)))
		read = g.op("MatMul", in(read, split(parts[1], source)))
		joined := g.reshape(g.transpose(read, 0, 2, 1, 3), 0, time, width)
		return g.affine(w.sub("out_proj"), value{joined, x.shape, x.mask})
	}
}
