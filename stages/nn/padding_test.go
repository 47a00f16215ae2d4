package nn

import (
	"context"
	"slices"
	"testing"
)

// TestPaddingThatIsCutOffChangesNoBit compares a batch whose texts are all shorter
// than the input, and which is shortened, with what the whole of it gives.
func TestPaddingThatIsCutOffChangesNoBit(t *testing.T) {
	recurrent := func(l Layer, r *Recurrent, sequences bool) Layer {
		r.Units, r.ReturnSequences, r.Bidirectional = 5, sequences, true
		return l
	}
	lstm, gru := &LSTM{Recurrent: recurrentDefaults()}, &GRU{Recurrent: recurrentDefaults()}
	block := newTransformerBlock()
	block.Heads, block.Rope = 2, true
	embedding := &Embedding{Dim: 4, MaskZero: true, Initializer: RandomUniform}
	for name, stack := range map[string][]Layer{
		"recurrent":   {embedding, recurrent(lstm, &lstm.Recurrent, true), recurrent(gru, &gru.Recurrent, false), classifier(Classes, Softmax)},
		"transformer": {embedding, &PositionalEncoding{Encoding: "sinusoidal"}, block, &LayerNorm{Epsilon: 1e-5}, &GlobalMaxPool{}},
		"bert":        {&BERT{Layers: 2, Heads: 2, Dim: 8, Positions: 90}, &GlobalAvgPool{}, &UnitNorm{}},
	} {
		const time, vocab = 80, 20 // longer than a tile of attention and the lanes of a sum
		n, err := NewNetwork(Input{Tokens: true, Shape: []int{time}}, Context{Vocab: vocab, Classes: 3}, stack, 1)
		if err != nil {
			t.Fatal(err)
		}
		if !n.cuts {
			t.Errorf("%s: padding is computed", name)
		}
		src := tokenBatch(4, time, vocab, 3, 1)
		for row, length := range []int{7, 1, 0, 70} {
			clear(src.Tokens[row*time+length : (row+1)*time])
		}
		for rows := 1; rows <= 4; rows++ {
			p := NewPass()
			x := p.Tokens(rows, time)
			copy(x.IDs, src.Tokens)
			whole := n.Forward(p, x)
			part := &Examples{Count: rows, Tokens: src.Tokens[:rows*time]}
			err := n.Predict(context.Background(), part, rows, func(_ int, y []float32) error {
				if !slices.Equal(y, whole.Data) {
					t.Errorf("%s: %d rows give other bits when they are shortened", name, rows)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestPaddingStaysWhereItIsRead(t *testing.T) {
	conv := &Conv1D{convolutionDefaults()}
	conv.Filters, conv.KernelSize = 2, []int{3}
	for name, stack := range map[string][]Layer{
		"conv":     {&Embedding{Dim: 4, MaskZero: true, Initializer: RandomUniform}, conv, &GlobalMaxPool{}},
		"flat":     {&Embedding{Dim: 4, MaskZero: true, Initializer: RandomUniform}, &Flatten{}},
		"unmasked": {&Embedding{Dim: 4, Initializer: RandomUniform}, &GlobalMaxPool{}},
		"open":     {&Embedding{Dim: 4, MaskZero: true, Initializer: RandomUniform}, classifier(3, Softmax)},
	} {
		n, err := NewNetwork(Input{Tokens: true, Shape: []int{6}}, Context{Vocab: 5}, stack, 1)
		if err != nil {
			t.Fatal(err)
		}
		if n.cuts {
			t.Errorf("%s: padding is cut off", name)
		}
	}
}
