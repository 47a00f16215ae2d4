package nn

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestStepsThatAreLeftOutChangeNoBit compares the answers to texts of many lengths,
// with padding before them, behind them and in between, with those of a training pass,
// which computes every step.
func TestStepsThatAreLeftOutChangeNoBit(t *testing.T) {
	const time, vocab, rows = 23, 9, 13
	recurrent := func(l Layer, r *Recurrent, sequences, both bool) Layer {
		r.Units, r.ReturnSequences, r.Bidirectional, r.BiasInitializer = 7, sequences, both, RandomUniform
		return l
	}
	lstm := func(sequences, both bool) Layer {
		l := &LSTM{Recurrent: recurrentDefaults()}
		return recurrent(l, &l.Recurrent, sequences, both)
	}
	gru := func(sequences, both bool) Layer {
		l := &GRU{Recurrent: recurrentDefaults()}
		return recurrent(l, &l.Recurrent, sequences, both)
	}
	learned := func(l Layer) Layer {
		r := l.(interface{ recurrent() *Recurrent }).recurrent()
		r.InitialState, r.StateInitializer = LearnedState, RandomNormal
		return l
	}
	simple := &SimpleRNN{Recurrent: recurrentDefaults(), Activation: Tanh}
	conv := &Conv1D{convolutionDefaults()}
	conv.Filters, conv.KernelSize = 2, []int{3}
	for name, stack := range map[string][]Layer{
		"lstm":                  {lstm(false, false), classifier(Classes, Softmax)},
		"gru":                   {&Dropout{Rate: 0}, gru(false, false), classifier(Classes, Softmax)},
		"simple":                {recurrent(simple, &simple.Recurrent, false, false)},
		"learned states":        {learned(lstm(true, false)), learned(gru(true, true)), learned(lstm(false, true))},
		"stacked":               {lstm(true, false), gru(true, false), lstm(false, false)},
		"every state":           {gru(true, false), lstm(true, false), &Flatten{}},
		"both directions":       {lstm(true, true), lstm(false, true)},
		"behind a convolution":  {conv, lstm(false, false)},
		"pooled":                {lstm(true, false), &GlobalMaxPool{}},
		"states and then dense": {gru(true, true), classifier(3, Softmax)},
	} {
		for _, mask := range []bool{false, true} {
			embedding := &Embedding{Dim: 5, MaskZero: mask, Initializer: RandomUniform}
			n, err := NewNetwork(Input{Tokens: true, Shape: []int{time}}, Context{Vocab: vocab, Classes: 3}, append([]Layer{embedding}, stack...), 1)
			if err != nil {
				t.Fatal(err)
			}
			if want := name != "behind a convolution"; n.recalls != want {
				t.Errorf("%s: padding is known: %v", name, n.recalls)
			}
			rng := rand.New(rand.NewPCG(3, 4))
			for round := range 20 {
				src := &Examples{Count: rows, Tokens: make([]int32, rows*time)}
				for b := range rows {
					row := src.Tokens[b*time : (b+1)*time]
					from, to := 0, time
					if round%3 != 1 {
						from = rng.IntN(time + 1)
					}
					if round%3 != 0 {
						to = from + rng.IntN(time+1-from)
					}
					for i := from; i < to; i++ {
						row[i] = int32(rng.IntN(vocab))
					}
				}
				p := NewTrainingPass()
				x := p.Tokens(rows, time)
				copy(x.IDs, src.Tokens)
				whole := n.Forward(p, x).Data
				for _, size := range []int{1, 4, rows} {
					err := n.Predict(context.Background(), src, size, func(first int, y []float32) error {
						width := len(whole) / rows
						if !slices.Equal(y, whole[first*width:first*width+len(y)]) {
							t.Errorf("%s, mask %v, round %d: rows from %d on, %d at once, give other bits", name, mask, round, first, size)
						}
						return nil
					})
					if err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
}

// TestPaddingIsLearntAgain demands that new weights are heeded.
func TestPaddingIsLearntAgain(t *testing.T) {
	l := &LSTM{Recurrent: recurrentDefaults()}
	l.Units = 4
	n, err := NewNetwork(Input{Tokens: true, Shape: []int{6}}, Context{Vocab: 5, Classes: 2}, []Layer{
		&Embedding{Dim: 3, Initializer: RandomUniform}, l, classifier(Classes, Softmax)}, 1)
	if err != nil {
		t.Fatal(err)
	}
	data := &Examples{Count: 2, Tokens: []int32{0, 0, 0, 1, 2, 3, 0, 0, 0, 0, 0, 4}, Labels: []int32{0, 1}}
	answer := func() (out []float32) {
		if err := n.Predict(context.Background(), data, 2, func(_ int, y []float32) error {
			out = slices.Clone(y)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return out
	}
	before := answer()
	if err := mustTrainer(t, n, countingConfig()).Fit(context.Background(), data, data, Callbacks{}); err != nil {
		t.Fatal(err)
	}
	p := NewTrainingPass()
	x := p.Tokens(2, 6)
	copy(x.IDs, data.Tokens)
	if after := answer(); slices.Equal(before, after) || !slices.Equal(after, n.Forward(p, x).Data) {
		t.Errorf("after training the network answers %v, before %v", after, before)
	}
}
