package nn

import (
	"errors"
	"math/rand/v2"
)

func init() {
	RegisterLayer("transformer_block", func() Layer { return newTransformerBlock() })
}

// TransformerBlock is attention and a feed-forward network, each with a residual
// connection and a normalisation: (batch, time, features) keeps its shape, and
// the mask passes through. With norm_first x becomes x + f(norm(x)) (Xiong et al.
// 2020), else norm(x + f(x)) as in Vaswani et al. 2017. Causal, gelu_tanh and
// layer norm first make GPT-2's block; causal, swiglu, rms norm, rope and no biases that
// of LLaMA; gelu and norms last that of BERT. PyTorch: nn.TransformerEncoderLayer;
// ONNX: its parts.
type TransformerBlock struct {
	Heads             int         `yaml:"heads" doc:"number of heads" required:"true" min:"1" example:"8"`
	KVHeads           int         `yaml:"kv_heads" doc:"number of heads of keys and values; 0 for as many as heads" default:"0" min:"0"`
	Hidden            int         `yaml:"hidden" doc:"width inside the feed-forward network; 0 for four times the input" default:"0" min:"0"`
	Activation        string      `yaml:"activation" doc:"what is applied inside the feed-forward network" default:"gelu" enum:"gelu,gelu_tanh,relu,silu,swiglu"`
	Norm              string      `yaml:"norm" doc:"how rows are normalised" default:"layer" enum:"layer,rms"`
	NormFirst         bool        `yaml:"norm_first" doc:"whether the input of a part is normalised and not the sum after it" default:"true"`
	Epsilon           float32     `yaml:"epsilon" doc:"what the norms add to the variance" default:"1e-05" above:"0"`
	Causal            bool        `yaml:"causal" doc:"whether a position reads only itself and those before it" default:"false"`
	Rope              bool        `yaml:"rope" doc:"whether queries and keys are rotated by their position" default:"false"`
	RopeBase          float64     `yaml:"rope_base" doc:"longest wave of the rotation over 2π" default:"10000" above:"0"`
	Dropout           float64     `yaml:"dropout" doc:"share that is dropped, of the attention and of both parts, while training" default:"0" min:"0" below:"1"`
	UseBias           bool        `yaml:"use_bias" doc:"whether biases are added" default:"true"`
	KernelInitializer Initializer `yaml:"kernel_initializer" doc:"first values of the weights" default:"glorot_uniform" enum:"glorot_uniform,glorot_normal,he_uniform,he_normal,lecun_uniform,lecun_normal,random_uniform,random_normal,orthogonal,zeros,ones"`

	attention      *MultiHeadAttention
	norm1, norm2   Layer
	gate, up, down *Dense // gate is nil but for swiglu
}

func newTransformerBlock() *TransformerBlock {
	return &TransformerBlock{Activation: "gelu", Norm: "layer", NormFirst: true, Epsilon: 1e-5, RopeBase: 10000, UseBias: true,
		KernelInitializer: GlorotUniform}
}

func (l *TransformerBlock) attentionLayer() *MultiHeadAttention {
	return &MultiHeadAttention{Heads: l.Heads, KVHeads: l.KVHeads, Causal: l.Causal, Rope: l.Rope, RopeBase: l.RopeBase,
		Dropout: l.Dropout, UseBias: l.UseBias, KernelInitializer: l.KernelInitializer}
}

// OutShape returns in.
func (l *TransformerBlock) OutShape(in Shape, c Context) (Shape, error) {
	switch l.Activation {
	case "gelu", "gelu_tanh", "relu", "silu", "swiglu":
	default:
		return nil, errors.New("activation must be gelu, gelu_tanh, relu, silu or swiglu, is " + l.Activation)
	}
	if l.Norm != "layer" && l.Norm != "rms" {
		return nil, errors.New("norm must be layer or rms, is " + l.Norm)
	}
	return l.attentionLayer().OutShape(in, c)
}

// Build allocates attention, norm1, gate (for swiglu), up, down and norm2.
func (l *TransformerBlock) Build(in Shape, c Context, rng *rand.Rand) error {
	features, hidden := in.Last(), l.Hidden
	if hidden == 0 {
		hidden = 4 * features
	}
	dense := func(units int, a Activation) *Dense {
		return &Dense{Units: Units(units), Activation: a, UseBias: l.UseBias, KernelInitializer: l.KernelInitializer, BiasInitializer: Zeros}
	}
	l.attention = l.attentionLayer()
	l.norm1, l.norm2 = l.norm(), l.norm()
	l.gate, l.up, l.down = nil, dense(hidden, Activation(l.Activation)), dense(features, Linear)
	if l.Activation == "swiglu" {
		l.gate, l.up = dense(hidden, Silu), dense(hidden, Linear)
	}
	inner := in.With(hidden)
	err := errors.Join(l.attention.Build(in, c, rng), l.norm1.Build(in, c, rng), l.norm2.Build(in, c, rng),
		l.up.Build(in, c, rng), l.down.Build(inner, c, rng))
	if l.gate != nil {
		err = errors.Join(err, l.gate.Build(in, c, rng))
	}
	for _, part := range l.parts() {
		part.prefix()
	}
	return err
}

func (l *TransformerBlock) norm() Layer {
	if l.Norm == "rms" {
		return &RMSNorm{Epsilon: l.Epsilon}
	}
	return &LayerNorm{Epsilon: l.Epsilon}
}

func (l *TransformerBlock) parts() sequence {
	parts := sequence{{"attention", l.attention}, {"norm1", l.norm1}, {"up", l.up}, {"down", l.down}, {"norm2", l.norm2}}
	if l.gate != nil {
		parts = append(parts, part{"gate", l.gate})
	}
	return parts
}

// Params returns the parameters of all parts, "attention.in_proj.weight" first.
func (l *TransformerBlock) Params() []*Param { return l.parts().Params() }

// Forward computes the layer.
func (l *TransformerBlock) Forward(p *Pass, x *Tensor) *Tensor {
	x = l.residual(p, x, l.norm1, l.attention.Forward)
	return l.residual(p, x, l.norm2, l.feedForward)
}

func (l *TransformerBlock) residual(p *Pass, x *Tensor, norm Layer, f func(*Pass, *Tensor) *Tensor) *Tensor {
	if l.NormFirst {
		return add(p, x, dropout(p, f(p, norm.Forward(p, x)), l.Dropout))
	}
	return norm.Forward(p, add(p, x, dropout(p, f(p, x), l.Dropout)))
}

func (l *TransformerBlock) feedForward(p *Pass, x *Tensor) *Tensor {
	inner := l.up.Forward(p, x)
	if l.gate != nil {
		inner = mul(p, l.gate.Forward(p, x), inner)
	}
	return l.down.Forward(p, inner)
}

func (l *TransformerBlock) readsBackOnly() bool { return l.Causal }
