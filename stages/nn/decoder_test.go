package nn

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
)

// writers are networks that write on, of seven positions and eleven tokens.
func writers(t testing.TB) map[string]*Network {
	t.Helper()
	recurrent := func(l Layer, r *Recurrent) []Layer {
		r.Units, r.ReturnSequences = 6, true
		return []Layer{&Embedding{Dim: 5, MaskZero: true, Initializer: RandomUniform}, l, classifier(Classes, Softmax)}
	}
	lstm, gru := &LSTM{Recurrent: recurrentDefaults()}, &GRU{Recurrent: recurrentDefaults()}
	simple := &SimpleRNN{Recurrent: recurrentDefaults(), Activation: Tanh}
	all := map[string]*Network{}
	for name, stack := range map[string][]Layer{
		"gpt":        {&GPT{Layers: 2, Heads: 2, Dim: 8}},
		"llama":      {&Llama{Layers: 2, Heads: 4, KVHeads: 2, Dim: 16, RopeBase: 100, Epsilon: 1e-5}},
		"lstm":       recurrent(lstm, &lstm.Recurrent),
		"gru":        recurrent(gru, &gru.Recurrent),
		"simple_rnn": recurrent(simple, &simple.Recurrent),
	} {
		n, err := NewNetwork(Input{Tokens: true, Shape: []int{7}}, Context{Vocab: 11, Classes: 11}, stack, 3)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = n
	}
	return all
}

func TestDecoderEqualsTheWholeSequence(t *testing.T) {
	for name, n := range writers(t) {
		tokens := []int32{3, 1, 4, 1, 5, 9, 2}
		p := NewPass()
		x := p.Tokens(1, 7)
		copy(x.IDs, tokens)
		whole := n.Forward(p, x).logits
		d, err := n.NewDecoder(7)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Next(context.Background(), 10, 9, 8, 7); err != nil {
			t.Fatal(err)
		}
		d.Reset() // to an empty past, whatever was read
		at := 0
		for _, count := range []int{3, 1, 2, 1} {
			got, err := d.Next(context.Background(), tokens[at:at+count]...)
			if err != nil {
				t.Fatal(err)
			}
			at += count
			for i, want := range whole.Data[(at-1)*11 : at*11] {
				if math.Abs(float64(got[i]-want)) > 1e-5 {
					t.Fatalf("%s: after %d tokens logit %d is %v, with all at once %v", name, at, i, got[i], want)
				}
			}
		}
		if _, err := d.Next(context.Background(), 1); err == nil {
			t.Errorf("%s: an eighth token fits into seven places", name)
		}
	}
}

func TestDecoderRefusesNetworksThatLookAhead(t *testing.T) {
	_, err := countingNetwork(t, 1).NewDecoder(5)
	if err == nil {
		t.Error("a network with one answer for a whole sequence decodes")
	}
	lstm := &LSTM{Recurrent: recurrentDefaults()}
	lstm.Units, lstm.ReturnSequences, lstm.Bidirectional = 4, true, true
	n, err := NewNetwork(Input{Tokens: true, Shape: []int{7}}, Context{Vocab: 11, Classes: 11},
		[]Layer{&Embedding{Dim: 3, Initializer: RandomUniform}, lstm, classifier(Classes, Softmax)}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.NewDecoder(5); err == nil || !strings.Contains(err.Error(), "layer 2 (lstm)") {
		t.Errorf("a bidirectional network decodes: %v", err)
	}
}

func TestDecodingAllocatesNothing(t *testing.T) {
	ctx := context.Background()
	for name, n := range writers(t) {
		d, err := n.NewDecoder(7)
		if err != nil {
			t.Fatal(err)
		}
		c := Sampler{Temperature: 0.8, TopK: 5, TopP: 0.9, RepetitionPenalty: 1.1}.Chooser(1)
		write := func() {
			d.Reset()
			token := int32(1)
			for range 7 {
				logits, err := d.Next(ctx, token)
				if err != nil {
					t.Fatal(err)
				}
				token = c.Choose(logits)
				c.Read(token)
			}
		}
		write()
		if allocs := testing.AllocsPerRun(20, write); allocs > 0 {
			t.Errorf("%s: writing seven tokens allocates %v times", name, allocs)
		}
	}
}

func TestDecoderRefusesMorePositionsThanItsTable(t *testing.T) {
	n := writers(t)["gpt"]
	if _, err := n.NewDecoder(8); err == nil || !strings.Contains(err.Error(), "knows 7 positions") {
		t.Errorf("a table of seven positions serves a decoder of eight: %v", err)
	}
	if _, err := writers(t)["llama"].NewDecoder(70); err != nil {
		t.Errorf("rotations have no table: %v", err)
	}
}

func TestGenerate(t *testing.T) {
	ctx := context.Background()
	written := func(n *Network, g Generation) ([]int32, Ending) {
		t.Helper()
		d, err := n.NewDecoder(7)
		if err != nil {
			t.Fatal(err)
		}
		var tokens []int32
		ending, err := d.Generate(ctx, []int32{3, 1}, g, func(token int32) bool {
			tokens = append(tokens, token)
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		return tokens, ending
	}
	for name, n := range writers(t) {
		g := Generation{Sampler: Sampler{Temperature: 2}, Seed: 5}
		all, ending := written(n, g)
		if len(all) != 6 || ending != Length { // the last one is chosen and not read
			t.Errorf("%s: %d tokens fit after two of seven, it ended with %s", name, len(all), ending)
		}
		if again, _ := written(n, g); !slices.Equal(again, all) {
			t.Errorf("%s: one seed writes %v and %v", name, all, again)
		}
		g.MaxTokens = 2
		if some, ending := written(n, g); !slices.Equal(some, all[:2]) || ending != Length {
			t.Errorf("%s: the first two of %v are %v (%s)", name, all, some, ending)
		}
		g.Stop = all[1:2]
		if some, ending := written(n, g); ending != Stopped || slices.Contains(some, all[1]) {
			t.Errorf("%s: token %d stops, got %v (%s)", name, all[1], some, ending)
		}
	}
	d, err := writers(t)["gpt"].NewDecoder(7)
	if err != nil {
		t.Fatal(err)
	}
	for _, prompt := range [][]int32{nil, {11}, {-1}, make([]int32, 8)} {
		if _, err := d.Generate(ctx, prompt, Generation{}, nil); err == nil {
			t.Errorf("the prompt %v is read", prompt)
		}
	}
	if _, err := d.Generate(ctx, []int32{1}, Generation{Sampler: Sampler{TopP: 2}}, nil); err == nil {
		t.Error("a top_p of 2 is taken")
	}
}
