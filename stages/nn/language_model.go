package nn

import (
	"errors"
	"fmt"
	"math/rand/v2"
)

func init() {
	RegisterLayer("gpt", func() Layer { return &GPT{Layers: 12, Heads: 12, Dim: 768} })
	RegisterLayer("llama", func() Layer {
		return &Llama{Layers: 12, Heads: 12, Dim: 768, RopeBase: 10000, Epsilon: 1e-5, Tied: true}
	})
	RegisterLayer("bert", func() Layer { return &BERT{Layers: 12, Heads: 12, Dim: 768, Positions: 512} })
}

// GPT is a language model in the shape of GPT-2 (Radford et al. 2019): (batch,
// time) token ids become, at every position, the probabilities of the next one,
// (batch, time, vocab). The table of tokens also gives the output. PyTorch:
// transformers' GPT2LMHeadModel; ONNX: its parts.
type GPT struct {
	Layers    int     `yaml:"layers" doc:"number of blocks" default:"12" min:"1" example:"2"`
	Heads     int     `yaml:"heads" doc:"number of heads" default:"12" min:"1" example:"2"`
	Dim       int     `yaml:"dim" doc:"width of the model" default:"768" min:"1" example:"4"`
	Positions int     `yaml:"positions" doc:"longest sequence; 0 for the length of the input" default:"0" min:"0"`
	Dropout   float64 `yaml:"dropout" doc:"share that is dropped while training" default:"0" min:"0" below:"1"`

	languageModel
}

// OutShape returns (batch, time, vocab).
func (l *GPT) OutShape(in Shape, c Context) (Shape, error) {
	if err := checkDepth(l.Layers); err != nil {
		return nil, err
	}
	return l.make().OutShape(in, c)
}

// checkDepth bounds the blocks that are made before anything of them is checked.
func checkDepth(layers int) error {
	if layers < 1 || layers > 1000 {
		return fmt.Errorf("layers must be from 1 to 1000, is %d", layers)
	}
	return nil
}

// Build builds embedding, position, the blocks and norm.
func (l *GPT) Build(in Shape, c Context, rng *rand.Rand) error {
	l.languageModel = l.make()
	return l.languageModel.Build(in, c, rng)
}

func (l *GPT) make() languageModel {
	m := languageModel{
		start: sequence{
			{"embedding", &Embedding{Dim: l.Dim, Initializer: RandomNormal}},
			{"position", &PositionalEncoding{Positions: l.Positions, Encoding: "learned", Initializer: RandomNormal}},
			{"", &Dropout{Rate: l.Dropout}},
		},
		tied: true,
	}
	for i := range l.Layers {
		block := newTransformerBlock()
		block.Heads, block.Causal, block.Dropout, block.Activation = l.Heads, true, l.Dropout, "gelu_tanh"
		m.blocks = append(m.blocks, part{fmt.Sprintf("blocks.%d", i), block})
	}
	m.blocks = append(m.blocks, part{"norm", &LayerNorm{Epsilon: 1e-5}})
	return m
}

// Llama is a language model in the shape of LLaMA (Touvron et al. 2023): (batch,
// time) token ids become, at every position, the probabilities of the next one,
// (batch, time, vocab). PyTorch: transformers' LlamaForCausalLM; ONNX: its parts.
type Llama struct {
	Layers   int     `yaml:"layers" doc:"number of blocks" default:"12" min:"1" example:"2"`
	Heads    int     `yaml:"heads" doc:"number of heads" default:"12" min:"1" example:"2"`
	KVHeads  int     `yaml:"kv_heads" doc:"number of heads of keys and values; 0 for as many as heads" default:"0" min:"0" example:"1"`
	Dim      int     `yaml:"dim" doc:"width of the model" default:"768" min:"1" example:"4"`
	Hidden   int     `yaml:"hidden" doc:"width inside the feed-forward network; 0 for four times the model" default:"0" min:"0"`
	RopeBase float64 `yaml:"rope_base" doc:"longest wave of the rotation over 2π" default:"10000" above:"0"`
	Epsilon  float32 `yaml:"epsilon" doc:"what the norms add to the mean square" default:"1e-05" above:"0"`
	Tied     bool    `yaml:"tied" doc:"whether the table of tokens also gives the output" default:"true"`

	languageModel
}

// OutShape returns (batch, time, vocab).
func (l *Llama) OutShape(in Shape, c Context) (Shape, error) {
	if err := checkDepth(l.Layers); err != nil {
		return nil, err
	}
	return l.make().OutShape(in, c)
}

// Build builds embedding, the blocks, norm and, where it is not tied, head.
func (l *Llama) Build(in Shape, c Context, rng *rand.Rand) error {
	l.languageModel = l.make()
	return l.languageModel.Build(in, c, rng)
}

func (l *Llama) make() languageModel {
	m := languageModel{start: sequence{{"embedding", &Embedding{Dim: l.Dim, Initializer: RandomNormal}}}, tied: l.Tied}
	for i := range l.Layers {
		block := newTransformerBlock()
		block.Heads, block.KVHeads, block.Hidden, block.Causal = l.Heads, l.KVHeads, l.Hidden, true
		block.Rope, block.RopeBase, block.UseBias = true, l.RopeBase, false
		block.Norm, block.Activation, block.Epsilon = "rms", "swiglu", l.Epsilon
		m.blocks = append(m.blocks, part{fmt.Sprintf("blocks.%d", i), block})
	}
	m.blocks = append(m.blocks, part{"norm", &RMSNorm{Epsilon: l.Epsilon}})
	return m
}

// languageModel is what language models share: blocks between a table of tokens
// and a product that gives a number for each token.
type languageModel struct {
	start  sequence // begins with the embedding
	blocks sequence
	tied   bool
	head   *Param // (vocab, dim), nil where the embedding's is used
}

func (m *languageModel) readsTokens() bool    { return true }
func (m *languageModel) readsBackOnly() bool  { return true }
func (m *languageModel) endsWith() Activation { return Softmax }

// OutShape returns (batch, time, vocab).
func (m languageModel) OutShape(in Shape, c Context) (Shape, error) {
	inner, err := m.start.OutShape(in, c)
	if err != nil {
		return nil, err
	}
	out, err := m.blocks.OutShape(inner, c)
	if err != nil {
		return nil, err
	}
	if c.Vocab == 0 {
		return out.With(Unknown), nil
	}
	return out.With(c.Vocab), nil
}

// Build builds the parts.
func (m *languageModel) Build(in Shape, c Context, rng *rand.Rand) error {
	inner, err := m.start.OutShape(in, c)
	if err != nil {
		return err
	}
	err = errors.Join(m.start.Build(in, c, rng), m.blocks.Build(inner, c, rng))
	if err != nil || m.tied {
		return err
	}
	m.head = newParam("head.weight", c.Vocab, inner.Last())
	return GlorotUniform.fill(m.head, inner.Last(), c.Vocab, rng)
}

// Params returns those of all parts.
func (m *languageModel) Params() []*Param {
	return append(append(m.start.Params(), m.blocks.Params()...), present(m.head)...)
}

// Forward computes the layer.
func (m *languageModel) Forward(p *Pass, x *Tensor) *Tensor {
	return Softmax.apply(p, affine(p, m.features(p, x), m.table(), nil))
}

// scores implements scorer.
func (m *languageModel) scores(p *Pass, x *Tensor, labels []int32) (logits *Tensor, rows []int) {
	y := m.features(p, x)
	rows = countedRows(p, y, labels)
	return affine(p, pick(p, y, rows), m.table(), nil), rows
}

// features is what the blocks make of token ids.
func (m *languageModel) features(p *Pass, x *Tensor) *Tensor {
	return m.blocks.Forward(p, m.start.Forward(p, x))
}

// table is the weight that gives a number for each token.
func (m *languageModel) table() *Param {
	if m.head != nil {
		return m.head
	}
	return m.start[0].layer.(*Embedding).weight
}

// BERT is an encoder in the shape of BERT (Devlin et al. 2019) for one segment:
// (batch, time) token ids become (batch, time, dim). Id 0 is padding: it is not
// read, and pooling layers leave it out. PyTorch: transformers' BertModel; ONNX: its
// parts.
type BERT struct {
	Layers    int     `yaml:"layers" doc:"number of blocks" default:"12" min:"1" example:"2"`
	Heads     int     `yaml:"heads" doc:"number of heads" default:"12" min:"1" example:"2"`
	Dim       int     `yaml:"dim" doc:"width of the model" default:"768" min:"1" example:"4"`
	Hidden    int     `yaml:"hidden" doc:"width inside the feed-forward network; 0 for four times the model" default:"0" min:"0"`
	Positions int     `yaml:"positions" doc:"longest sequence; 0 for the length of the input" default:"512" min:"0" example:"8"`
	Dropout   float64 `yaml:"dropout" doc:"share that is dropped while training" default:"0" min:"0" below:"1"`

	sequence
}

// OutShape returns (batch, time, dim).
func (l *BERT) OutShape(in Shape, c Context) (Shape, error) {
	if err := checkDepth(l.Layers); err != nil {
		return nil, err
	}
	return l.make().OutShape(in, c)
}

// Build builds embedding, position, segment, norm and the blocks.
func (l *BERT) Build(in Shape, c Context, rng *rand.Rand) error {
	l.sequence = l.make()
	return l.sequence.Build(in, c, rng)
}

func (l *BERT) readsTokens() bool { return true }

func (l *BERT) make() sequence {
	const epsilon = 1e-12
	s := sequence{
		{"embedding", &Embedding{Dim: l.Dim, MaskZero: true, Initializer: RandomNormal}},
		{"position", &PositionalEncoding{Positions: l.Positions, Encoding: "learned", Initializer: RandomNormal}},
		{"segment", &segment{count: 2}},
		{"norm", &LayerNorm{Epsilon: epsilon}},
		{"", &Dropout{Rate: l.Dropout}},
	}
	for i := range l.Layers {
		block := newTransformerBlock()
		block.Heads, block.Hidden, block.Dropout = l.Heads, l.Hidden, l.Dropout
		block.NormFirst, block.Epsilon = false, epsilon
		s = append(s, part{fmt.Sprintf("blocks.%d", i), block})
	}
	return s
}
