package nn

import (
	"errors"
	"fmt"
	"math/rand/v2"
)

func init() {
	RegisterLayer("seq2seq", func() Layer {
		return &Seq2Seq{Cell: "lstm", Layers: 1, Dim: 256, Attention: true, Heads: 1}
	})
}

// Seq2Seq is encoder and decoder of recurrent layers (Sutskever et al. 2014; Cho et
// al. 2014), for translations: of (batch, time) token ids the first `source` are the
// text that is read, filled up with 0, and the others what has been written so far; it
// gives, at each position of those, the probabilities of the next token, (batch, time -
// source, vocab). Each layer of the decoder begins with the states in which the encoder's
// ends. With attention every state of the decoder also reads those of the encoder
// (Bahdanau et al. 2015; the scaled products of Vaswani et al. 2017), and what it reads
// is added to it. One table of tokens serves the source, the target and, behind a layer
// norm, the output (Press and Wolf 2017). PyTorch: two nn.LSTM, the second called with
// (h_n, c_n) of the first, and nn.MultiheadAttention; Keras: return_state and
// initial_state; ONNX: LSTM with initial_h and initial_c, or GRU, RNN.
type Seq2Seq struct {
	Source        int     `yaml:"source" doc:"how many ids of the input are the text that is read" required:"true" min:"1" example:"2"`
	Cell          string  `yaml:"cell" doc:"the recurrent layers that it is made of" default:"lstm" enum:"lstm,gru,simple_rnn"`
	Layers        int     `yaml:"layers" doc:"number of recurrent layers of the encoder, and of the decoder" default:"1" min:"1" example:"2"`
	Dim           int     `yaml:"dim" doc:"numbers per token, and size of the states" default:"256" min:"1" example:"4"`
	Bidirectional bool    `yaml:"bidirectional" doc:"whether the encoder reads the text backwards as well, with half of the state each" default:"false"`
	Attention     bool    `yaml:"attention" doc:"whether the decoder reads all states of the encoder, and not only begins with the last" default:"true"`
	Heads         int     `yaml:"heads" doc:"number of heads of the attention" default:"1" min:"1" example:"2"`
	Dropout       float64 `yaml:"dropout" doc:"share that is dropped while training" default:"0" min:"0" below:"1"`

	embedding        *Embedding
	encoder, decoder []Stateful
	cross            *crossAttention // nil without attention
	norm             *LayerNorm
}

func (l *Seq2Seq) readsTokens() bool    { return true }
func (l *Seq2Seq) endsWith() Activation { return Softmax }

// OutShape returns (batch, time - source, vocab).
func (l *Seq2Seq) OutShape(in Shape, c Context) (Shape, error) {
	if err := checkDepth(l.Layers); err != nil {
		return nil, err
	}
	if l.Attention {
		if err := checkHeads(l.Dim, l.Heads); err != nil {
			return nil, err
		}
	}
	if l.Dim < 1 || l.Bidirectional && l.Dim%2 != 0 {
		return nil, fmt.Errorf("dim must be at least 1 and, where the encoder is bidirectional, even; is %d", l.Dim)
	}
	return translatorShape(in, c, l.Source)
}

// translatorShape is the output of a layer that reads source ids and writes the others.
func translatorShape(in Shape, c Context, source int) (Shape, error) {
	if err := wantRank(in, 2, "(batch, time) of token ids"); err != nil {
		return nil, err
	}
	if in[1] == Unknown {
		return nil, errors.New("needs a known number of ids")
	}
	if source < 1 || source >= in[1] {
		return nil, fmt.Errorf("source must leave some of the %d ids to the target, is %d", in[1], source)
	}
	out := Shape{in[0], in[1] - source, Unknown}
	if c.Vocab > 0 {
		out[2] = c.Vocab
	}
	return out, nil
}

// Recurrent makes a layer of the cell, without its weights.
func (l *Seq2Seq) Recurrent(units int, bidirectional bool) (Stateful, error) {
	r := recurrentDefaults()
	r.Units, r.ReturnSequences, r.Bidirectional = Units(units), true, bidirectional
	switch l.Cell {
	case "lstm":
		return &LSTM{Recurrent: r, UnitForgetBias: true}, nil
	case "gru":
		return &GRU{Recurrent: r}, nil
	case "simple_rnn":
		return &SimpleRNN{Recurrent: r, Activation: Tanh}, nil
	}
	return nil, fmt.Errorf("unknown cell %q; lstm, gru and simple_rnn are known", l.Cell)
}

// Build builds embedding, encoder.N, decoder.N, with attention cross, and norm.
func (l *Seq2Seq) Build(in Shape, c Context, rng *rand.Rand) error {
	if _, err := l.OutShape(in, c); err != nil {
		return err
	}
	l.embedding, l.norm = &Embedding{Dim: l.Dim, Initializer: RandomNormal, MaskZero: true}, &LayerNorm{Epsilon: 1e-5}
	l.encoder, l.decoder, l.cross = nil, nil, nil
	inner := Shape{in[0], in[1], l.Dim}
	err := l.embedding.Build(in, c, rng)
	for range l.Layers {
		units := l.Dim
		if l.Bidirectional {
			units /= 2
		}
		e, wrong := l.Recurrent(units, l.Bidirectional)
		if wrong != nil {
			return wrong
		}
		d, _ := l.Recurrent(l.Dim, false)
		err = errors.Join(err, e.Build(inner, c, rng), d.Build(inner, c, rng))
		l.encoder, l.decoder = append(l.encoder, e), append(l.decoder, d)
	}
	if l.Attention {
		l.cross = &crossAttention{heads: l.Heads}
		err = errors.Join(err, l.cross.build(l.Dim, rng))
		for _, p := range l.cross.params() {
			p.Name = "cross." + p.Name
		}
	}
	err = errors.Join(err, l.norm.Build(inner, c, rng))
	for _, p := range l.parts() {
		p.prefix()
	}
	return err
}

func (l *Seq2Seq) parts() sequence {
	s := sequence{{"embedding", l.embedding}}
	for i := range l.encoder {
		s = append(s, part{fmt.Sprintf("encoder.%d", i), l.encoder[i]}, part{fmt.Sprintf("decoder.%d", i), l.decoder[i]})
	}
	return append(s, part{"norm", l.norm})
}

// Params returns those of all parts.
func (l *Seq2Seq) Params() []*Param {
	if l.embedding == nil {
		return nil
	}
	all := l.parts().Params()
	if l.cross != nil {
		all = append(all, l.cross.params()...)
	}
	return all
}

// Forward computes the layer.
func (l *Seq2Seq) Forward(p *Pass, x *Tensor) *Tensor {
	source, target := cutTokens(p, x, l.Source)
	memory, states := l.encode(p, source)
	y := l.embedding.Forward(p, target)
	y.Mask = nil // id 0 begins what is written
	y = l.decode(p, dropout(p, y, l.Dropout), states)
	if l.cross != nil {
		y = add(p, y, dropout(p, l.cross.forward(p, y, l.cross.keysAndValues(p, memory)), l.Dropout))
	}
	return Softmax.apply(p, l.logits(p, y))
}

// cutTokens cuts each row of ids in two, the first of so many.
func cutTokens(p *Pass, x *Tensor, at int) (first, second *Tensor) {
	batch, time := x.Shape[0], x.Shape[1]
	first, second = p.Tokens(batch, at), p.Tokens(batch, time-at)
	for b := range batch {
		ids := x.IDs[b*time : (b+1)*time]
		copy(first.IDs[b*at:], ids[:at])
		copy(second.IDs[b*(time-at):], ids[at:])
	}
	return first, second
}

// encode reads the source, (batch, source) ids, of which 0 is not read: the states of
// the last layer at each position, and of each layer the states in which it ends.
func (l *Seq2Seq) encode(p *Pass, source *Tensor) (*Tensor, []States) {
	y, states := dropout(p, l.embedding.Forward(p, source), l.Dropout), make([]States, len(l.encoder))
	for i, layer := range l.encoder {
		y, states[i] = layer.ForwardStates(p, y, States{})
		y = dropout(p, y, l.Dropout)
	}
	return y, states
}

// decode goes on from states, which become those in which it ends.
func (l *Seq2Seq) decode(p *Pass, y *Tensor, states []States) *Tensor {
	for i, layer := range l.decoder {
		y, states[i] = layer.ForwardStates(p, y, states[i])
		y = dropout(p, y, l.Dropout)
	}
	return y
}

func (l *Seq2Seq) logits(p *Pass, y *Tensor) *Tensor {
	return affine(p, l.norm.Forward(p, y), l.embedding.weight, nil)
}
