package onnx

import (
	"fmt"

	"pipe/stages/nn"
)

// transformerBlock is attention and a feed-forward network, each with a residual
// connection and a normalisation.
func transformerBlock(l *nn.TransformerBlock) emitter {
	attention := asEmitter(&nn.MultiHeadAttention{Heads: l.Heads, KVHeads: l.KVHeads, Causal: l.Causal, Rope: l.Rope, RopeBase: l.RopeBase, UseBias: l.UseBias})
	norm := asEmitter(&nn.LayerNorm{Epsilon: l.Epsilon})
	if l.Norm == "rms" {
		norm = asEmitter(&nn.RMSNorm{Epsilon: l.Epsilon})
	}
	around := func(name, normName string, f emitter) emitter {
		part, norm := named{name, f}, named{normName, norm}
		if l.NormFirst {
			return skip(chain(norm, part), chain(), nn.Linear)
		}
		return chain(named{"", skip(chain(part), chain(), nn.Linear)}, norm)
	}
	return chain(named{"", around("attention", "norm1", attention)}, named{"", around("", "norm2", feedForward(l.Activation))})
}

// feedForward is down(activation(up(x))), for swiglu down(silu(gate(x))·up(x)).
func feedForward(activation string) emitter {
	return func(g *builder, w weights, x value) (value, error) {
		inner, err := g.affine(w.sub("up"), x)
		if err != nil {
			return value{}, err
		}
		if activation == "swiglu" {
			gate, err := g.affine(w.sub("gate"), x)
			if err != nil {
				return value{}, err
			}
			if gate, err = g.activation(nn.Silu, gate); err != nil {
				return value{}, err
			}
			inner.name = g.op("Mul", in(gate.name, inner.name))
		} else if inner, err = g.activation(nn.Activation(activation), inner); err != nil {
			return value{}, err
		}
		return g.affine(w.sub("down"), inner)
	}
}

// gpt follows GPT.
func gpt(l *nn.GPT) emitter {
	parts := []named{
		{"embedding", asEmitter(&nn.Embedding{Dim: l.Dim})},
		{"position", asEmitter(&nn.PositionalEncoding{Positions: l.Positions, Encoding: "learned"})},
	}
	for i := range l.Layers {
		parts = append(parts, named{fmt.Sprintf("blocks.%d", i), asEmitter(&nn.TransformerBlock{Heads: l.Heads, Causal: true,
			Activation: "gelu_tanh", Norm: "layer", NormFirst: true, Epsilon: 1e-5, RopeBase: 10000, UseBias: true})})
	}
	parts = append(parts, named{"norm", asEmitter(&nn.LayerNorm{Epsilon: 1e-5})}, named{"", languageHead("embedding.weight")})
	return chain(parts...)
}

// llama follows Llama.
func llama(l *nn.Llama) emitter {
	parts := []named{{"embedding", asEmitter(&nn.Embedding{Dim: l.Dim})}}
	for i := range l.Layers {
		parts = append(parts, named{fmt.Sprintf("blocks.%d", i), asEmitter(&nn.TransformerBlock{Heads: l.Heads, KVHeads: l.KVHeads,
			Hidden: l.Hidden, Causal: true, Activation: "swiglu", Norm: "rms", NormFirst: true, Epsilon: l.Epsilon, Rope: true, RopeBase: l.RopeBase})})
	}
	head := "head.weight"
	if l.Tied {
		head = "embedding.weight"
	}
	parts = append(parts, named{"norm", asEmitter(&nn.RMSNorm{Epsilon: l.Epsilon})}, named{"", languageHead(head)})
	return chain(parts...)
}

// languageHead gives a probability for each token, from the named table.
func languageHead(table string) emitter {
	return func(g *builder, w weights, x value) (value, error) {
		weight, err := w.need(table)
		if err != nil {
			return value{}, err
		}
		return g.activation(nn.Softmax, x.with(g.op("MatMul", in(x.name, g.transpose(g.param(weight), 1, 0)))))
	}
}

// bert follows BERT.
func bert(l *nn.BERT) emitter {
	const epsilon = 1e-12
	parts := []named{
		{"embedding", asEmitter(&nn.Embedding{Dim: l.Dim, MaskZero: true})},
		{"position", asEmitter(&nn.PositionalEncoding{Positions: l.Positions, Encoding: "learned"})},
		{"segment", firstSegment},
		{"norm", asEmitter(&nn.LayerNorm{Epsilon: epsilon})},
	}
	for i := range l.Layers {
		parts = append(parts, named{fmt.Sprintf("blocks.%d", i), asEmitter(&nn.TransformerBlock{Heads: l.Heads, Hidden: l.Hidden,
			Activation: "gelu", Norm: "layer", Epsilon: epsilon, RopeBase: 10000, UseBias: true})})
	}
	return chain(parts...)
}

// firstSegment adds the first row of the table of segments to every position.
func firstSegment(g *builder, w weights, x value) (value, error) {
	weight, err := w.need("weight")
	if err != nil {
		return value{}, err
	}
	row := constant(g, []int64{int64(x.shape.Last())}, weight.Data[:x.shape.Last()])
	return x.with(g.op("Add", in(x.name, row))), nil
}
