package nn

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
)

// Token by token, whatever hypotheses go on from whichever, the decoder gives what
// the network gives for the whole.
func TestTranslationEqualsTheNetwork(t *testing.T) {
	const source = 5
	for name, l := range map[string]Layer{
		"transformer": &Transformer{Source: source, Layers: 2, Heads: 2, Dim: 8},
		"lstm":        &Seq2Seq{Source: source, Cell: "lstm", Layers: 2, Dim: 8},
		"gru":         &Seq2Seq{Source: source, Cell: "gru", Layers: 1, Dim: 8, Attention: true, Heads: 2, Bidirectional: true},
		"attention":   &Seq2Seq{Source: source, Cell: "lstm", Layers: 2, Dim: 8, Attention: true, Heads: 1},
	} {
		t.Run(name, func(t *testing.T) { translationEqualsTheNetwork(t, l, source) })
	}
}

func translationEqualsTheNetwork(t *testing.T, l Layer, source int) {
	const target, vocab = 6, 11
	n, err := NewNetwork(Input{Tokens: true, Shape: []int{source + target}}, Context{Vocab: vocab, Classes: vocab}, []Layer{l}, 5)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	texts := []int32{3, 4, 5, 0, 0, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0}
	tr, err := n.NewTranslation()
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // the same translation again, with what it has kept
		if err := tr.Begin(context.Background(), texts); err != nil {
			t.Fatal(err)
		}
		type hypothesis struct {
			text   int
			tokens []int32
		}
		now := []hypothesis{{0, nil}, {1, nil}, {2, nil}}
		for step := range target {
			var from []int
			var tokens []int32
			var next []hypothesis
			for range 2 + rng.IntN(6) {
				f := rng.IntN(len(now))
				id := rng.Int32N(vocab)
				if step == 0 {
					id = 0
				}
				from, tokens = append(from, f), append(tokens, id)
				next = append(next, hypothesis{now[f].text, append(append([]int32(nil), now[f].tokens...), id)})
			}
			now = next
			logits, err := tr.Next(context.Background(), from, tokens)
			if err != nil {
				t.Fatal(err)
			}
			for i, h := range now {
				p := NewPass()
				x := p.Tokens(1, source+target)
				clear(x.IDs)
				copy(x.IDs, texts[h.text*source:][:source])
				copy(x.IDs[source:], h.tokens)
				want := logitsOf(n.Forward(p, x), Softmax).Data[step*vocab:][:vocab]
				for j, w := range want {
					if got := logits[i*vocab+j]; math.Abs(float64(got-w)) > 1e-5 {
						t.Fatalf("step %d, hypothesis %d: logit %d is %v, want %v", step, i, j, got, w)
					}
				}
			}
		}
		if _, err := tr.Next(context.Background(), []int{0}, []int32{1}); err == nil {
			t.Error("there is room for one more token than the network has places")
		}
	}
	if err := tr.Begin(context.Background(), []int32{1, 2, 3, 4, 99}); err == nil {
		t.Error("a token that the network does not know was read")
	}
}
