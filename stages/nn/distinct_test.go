package nn

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// readers are recurrent layers of each kind and in each form.
func readers(units int) map[string]Layer {
	all := map[string]Layer{}
	for name, form := range map[string]func(r *Recurrent){
		"":                 func(*Recurrent) {},
		" of every step":   func(r *Recurrent) { r.ReturnSequences = true },
		" both ways":       func(r *Recurrent) { r.Bidirectional, r.ReturnSequences = true, true },
		" without bias":    func(r *Recurrent) { r.UseBias, r.Bidirectional = false, true },
		" learning states": func(r *Recurrent) { r.InitialState, r.StateInitializer = LearnedState, RandomNormal },
	} {
		for kind, l := range map[string]Layer{
			"lstm":       &LSTM{Recurrent: recurrentDefaults()},
			"gru":        &GRU{Recurrent: recurrentDefaults()},
			"simple_rnn": &SimpleRNN{Recurrent: recurrentDefaults(), Activation: Tanh},
		} {
			r := l.(interface{ recurrent() *Recurrent }).recurrent()
			r.Units, r.BiasInitializer = Units(units), RandomUniform
			form(r)
			all[kind+name] = l
		}
	}
	return all
}

// someTokens draws texts in which some tokens are frequent and much is padding.
func someTokens(batch, time, vocab int, seed uint64) []int32 {
	rng := rand.New(rand.NewPCG(seed, 1))
	ids := make([]int32, batch*time)
	for b := range batch {
		for t := rng.IntN(time); t < time; t++ {
			ids[b*time+t] = int32(float64(vocab) * rng.Float64() * rng.Float64())
		}
	}
	return ids
}

// TestEachDistinctTokenOnce compares an embedding and the recurrent layer behind it,
// which compute what belongs to a token once, with one after the other, for which each
// position counts by itself: the same states to the bit, and the same gradients but for
// the order of sums, with the same bits at every level and number of cores.
func TestEachDistinctTokenOnce(t *testing.T) {
	const batch, time, vocab, dim, units = 9, 31, 40, 11, 37
	for name, l := range readers(units) {
		for _, mask := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, mask %v", name, mask), func(t *testing.T) {
				e := &Embedding{Dim: dim, MaskZero: mask, Initializer: RandomNormal}
				n := benchNetwork(t, Input{Tokens: true, Shape: []int{time}}, Context{Vocab: vocab}, e, l)
				compute := func(atOnce bool) slid {
					rng := rand.New(rand.NewPCG(3, 1))
					p := NewTrainingPass()
					var out slid
					for round := range uint64(2) { // the second finds the memory of the first
						p.Reset()
						for _, q := range n.params {
							q.Grad = make([]float32, len(q.Data))
						}
						x := p.Tokens(batch, time)
						copy(x.IDs, someTokens(batch, time, vocab, round))
						var y *Tensor
						if atOnce {
							if y = e.join(p, x, l); y == nil {
								t.Fatal("each position is computed")
							}
						} else {
							y = l.Forward(p, e.Forward(p, x))
						}
						out.y = append(out.y, y.Data...)
						for i := range y.gradient() {
							y.grad[i] = float32(rng.NormFloat64())
						}
						p.undo()
						out.dx = append(out.dx, e.weight.Grad...)
						for _, q := range l.Params() {
							out.dw = append(out.dw, q.Grad...)
						}
					}
					return out
				}
				want := compute(false)
				acrossLevels(t, false, func() slid { return compute(true) }, func(got slid) {
					if !slices.Equal(got.y, want.y) {
						t.Error("the states differ")
					}
					got.nearTo(t, want)
				})
			})
		}
	}
}

// embedded is an embedding and a recurrent layer as one layer.
type embedded struct {
	*Embedding
	reader Layer
}

func (l embedded) Build(in Shape, c Context, rng *rand.Rand) error {
	if err := l.Embedding.Build(in, c, rng); err != nil {
		return err
	}
	out, err := l.Embedding.OutShape(in, c)
	if err != nil {
		return err
	}
	return l.reader.Build(out, c, rng)
}

func (l embedded) OutShape(in Shape, c Context) (Shape, error) {
	out, err := l.Embedding.OutShape(in, c)
	if err != nil {
		return nil, err
	}
	return l.reader.OutShape(out, c)
}

func (l embedded) Params() []*Param { return append(l.Embedding.Params(), l.reader.Params()...) }

func (l embedded) Forward(p *Pass, x *Tensor) *Tensor {
	y, both := ahead(p, l.Embedding, l.reader, x)
	if !both {
		panic("each position is computed")
	}
	return y
}

// TestGradientsOfDistinctTokens compares with finite differences.
func TestGradientsOfDistinctTokens(t *testing.T) {
	for name, l := range readers(4) {
		for _, mask := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, mask %v", name, mask), func(t *testing.T) {
				e := &Embedding{Dim: 3, MaskZero: mask, Initializer: RandomNormal}
				checkGradients(t, embedded{e, l}, Input{Tokens: true, Shape: []int{9}}, Context{Vocab: 7}, false)
			})
		}
	}
}

// TestWhenEachPositionIsComputed names what keeps an embedding apart from the layer
// behind it.
func TestWhenEachPositionIsComputed(t *testing.T) {
	const vocab = 50
	e := &Embedding{Dim: 3, Initializer: RandomNormal}
	if err := e.Build(nil, Context{Vocab: vocab}, rand.New(rand.NewPCG(1, 1))); err != nil {
		t.Fatal(err)
	}
	lstm := readers(4)["lstm"]
	if err := lstm.Build(Shape{2, 20, 3}, Context{}, rand.New(rand.NewPCG(1, 1))); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		next  Layer
		kinds int
		packs *packs
		both  bool
	}{
		"half of the tokens occur again":   {lstm, 20, nil, true},
		"every token is another":           {lstm, 40, nil, false},
		"dropout comes between":            {&Dropout{Rate: 0.1}, 20, nil, false},
		"an answer knows the tokens":       {lstm, 20, &packs{}, false},
		"a dense layer is behind, no cell": {classifier(3, Linear), 20, nil, false},
	} {
		p := NewTrainingPass()
		p.packs = c.packs
		x := p.Tokens(2, 20)
		for i := range x.IDs {
			x.IDs[i] = int32(i % c.kinds)
		}
		if y := e.join(p, x, c.next); (y != nil) != c.both {
			t.Errorf("%s: at once: %v", name, y != nil)
		}
	}
}

// TestRecurrentLayerBehindAFrozenEmbedding trains behind an embedding that stays: both
// are still one, and the other weights become those that each position for itself gives,
// but for rounding.
func TestRecurrentLayerBehindAFrozenEmbedding(t *testing.T) {
	data := countingTask(50, 9, 1)
	cfg := countingConfig()
	cfg.Frozen = Frozen{"0."}
	trained := func(between ...Layer) *Network {
		e, lstm := &Embedding{Dim: 5, Initializer: RandomUniform}, readers(6)["lstm"]
		n := benchNetwork(t, Input{Tokens: true, Shape: []int{9}}, Context{Classes: 3, Vocab: 4}, append(append([]Layer{e}, between...), lstm, classifier(Classes, Softmax))...)
		for i, q := range n.params {
			rng := rand.New(rand.NewPCG(5, uint64(i))) // the seeds of a network count its layers
			for j := range q.Data {
				q.Data[j] = float32(rng.NormFloat64()) / 4
			}
		}
		table := slices.Clone(e.weight.Data)
		tr := mustTrainer(t, n, cfg)
		if err := tr.Fit(context.Background(), data, nil, Callbacks{}); err != nil {
			t.Fatal(err)
		}
		if joined := len(tr.outputs[0].Shape) == 2; joined != (between == nil) {
			t.Errorf("with %d layers between them, both are one: %v", len(between), joined)
		}
		if !slices.Equal(table, e.weight.Data) {
			t.Error("the frozen table has changed")
		}
		return n
	}
	got, want := trained(), trained(&Dropout{})
	for i, q := range got.params {
		near(t, q.Name, q.Data, want.params[i].Data)
	}
}
