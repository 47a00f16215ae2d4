package nn

import (
	"errors"
	"fmt"
	"math/rand/v2"
)

func init() {
	RegisterLayer("multi_head_attention", func() Layer {
		return &MultiHeadAttention{UseBias: true, RopeBase: 10000, KernelInitializer: GlorotUniform}
	})
}

// MultiHeadAttention lets every position of a sequence read from all others, or
// with causal from those before it and itself (Vaswani et al. 2017):
// softmax(Q·Kᵀ/√d)·V in each head. (batch, time, features) keeps its shape. With
// fewer kv_heads than heads several heads share keys and values (Ainslie et al.
// 2023). Positions that the mask leaves out are not read; the mask passes through.
// PyTorch: nn.MultiheadAttention; Keras: MultiHeadAttention on one input;
// ONNX: MatMul and Softmax.
type MultiHeadAttention struct {
	Heads             int         `yaml:"heads" doc:"number of heads" required:"true" min:"1" example:"8"`
	KVHeads           int         `yaml:"kv_heads" doc:"number of heads of keys and values; 0 for as many as heads" default:"0" min:"0"`
	HeadDim           int         `yaml:"head_dim" doc:"width of a head; 0 for the width of the input over the heads" default:"0" min:"0"`
	Causal            bool        `yaml:"causal" doc:"whether a position reads only itself and those before it" default:"false"`
	Rope              bool        `yaml:"rope" doc:"whether queries and keys are rotated by their position (Su et al. 2021)" default:"false"`
	RopeBase          float64     `yaml:"rope_base" doc:"longest wave of the rotation over 2π" default:"10000" above:"0"`
	Dropout           float64     `yaml:"dropout" doc:"share of the attention that is dropped while training" default:"0" min:"0" below:"1"`
	UseBias           bool        `yaml:"use_bias" doc:"whether biases are added" default:"true"`
	KernelInitializer Initializer `yaml:"kernel_initializer" doc:"first values of the weights" default:"glorot_uniform" enum:"glorot_uniform,glorot_normal,he_uniform,he_normal,lecun_uniform,lecun_normal,random_uniform,random_normal,orthogonal,zeros,ones"`

	inWeight, inBias   *Param // ((heads + 2·kv_heads)·head_dim, features): queries, keys, values
	outWeight, outBias *Param // (features, heads·head_dim)
}

// sizes resolves what 0 stands for.
func (l *MultiHeadAttention) sizes(features int) (kvHeads, headDim int, err error) {
	if l.Heads < 1 {
		return 0, 0, errors.New("heads must be at least 1")
	}
	kvHeads, headDim = l.KVHeads, l.HeadDim
	if kvHeads == 0 {
		kvHeads = l.Heads
	}
	if l.Heads%kvHeads != 0 {
		return 0, 0, fmt.Errorf("kv_heads must divide heads, are %d and %d", kvHeads, l.Heads)
	}
	if headDim == 0 {
		if features%l.Heads != 0 {
			return 0, 0, fmt.Errorf("heads must divide the width %d of the input, is %d; or give head_dim", features, l.Heads)
		}
		headDim = features / l.Heads
	}
	if l.Rope && headDim%2 != 0 {
		return 0, 0, fmt.Errorf("rope rotates pairs and needs an even head_dim, is %d", headDim)
	}
	return kvHeads, headDim, nil
}

// OutShape returns in.
func (l *MultiHeadAttention) OutShape(in Shape, _ Context) (Shape, error) {
	if err := wantRank(in, 3, "(batch, time, features)"); err != nil {
		return nil, err
	}
	if err := wantKnown(in); err != nil {
		return nil, err
	}
	_, _, err := l.sizes(in.Last())
	return in, err
}

// Build allocates in_proj and out_proj, each with weight and bias.
func (l *MultiHeadAttention) Build(in Shape, _ Context, rng *rand.Rand) error {
	features := in.Last()
	kvHeads, headDim, err := l.sizes(features)
	if err != nil {
		return err
	}
	inner, width := l.Heads*headDim, (l.Heads+2*kvHeads)*headDim
	l.inWeight = newParam("in_proj.weight", width, features).inPyTorch("in_proj_weight")
	l.outWeight = newParam("out_proj.weight", features, inner)
	if l.UseBias {
		l.inBias, l.outBias = newParam("in_proj.bias", width).inPyTorch("in_proj_bias"), newParam("out_proj.bias", features)
		if err := errors.Join(Zeros.fill(l.inBias, 1, 1, rng), Zeros.fill(l.outBias, 1, 1, rng)); err != nil {
			return err
		}
	}
	return errors.Join(l.KernelInitializer.fill(l.inWeight, features, inner, rng),
		l.KernelInitializer.fill(l.outWeight, inner, features, rng))
}

// Params returns the two projections.
func (l *MultiHeadAttention) Params() []*Param {
	return present(l.inWeight, l.inBias, l.outWeight, l.outBias)
}

// Forward computes the layer.
func (l *MultiHeadAttention) Forward(p *Pass, x *Tensor) *Tensor {
	kvHeads, headDim, err := l.sizes(x.Shape.Last())
	if err != nil {
		panic("nn: " + err.Error()) // OutShape has refused it
	}
	h := heads{l.Heads, kvHeads, headDim}
	qkv := affine(p, x, l.inWeight, l.inBias)
	if l.Rope {
		qkv = rotate(p, qkv, h, l.RopeBase)
	}
	if p.past != nil {
		return affine(p, p.past.attend(p, l, qkv, h), l.outWeight, l.outBias)
	}
	return affine(p, attend(p, qkv, h, l.Causal, l.Dropout), l.outWeight, l.outBias)
}

func (l *MultiHeadAttention) readsBackOnly() bool { return l.Causal }
