package nn

import (
	"bytes"
	"context"
	"testing"

	"pipe/stages/nn/kernel"
)

// everyKind is a network in which most loops of the kernel take part.
func everyKind(t *testing.T) (*Network, *Examples) {
	t.Helper()
	gru := &GRU{Recurrent: recurrentDefaults()}
	gru.Units, gru.ReturnSequences, gru.Bidirectional = 6, true, true
	conv := &Conv1D{convolutionDefaults()}
	conv.Filters, conv.KernelSize, conv.Padding, conv.Activation = 8, []int{3}, "same", Relu
	block := newTransformerBlock()
	block.Heads, block.Rope, block.Dropout = 2, true, 0.1
	n, err := NewNetwork(Input{Tokens: true, Shape: []int{9}}, Context{Classes: 3, Vocab: 4}, []Layer{
		&Embedding{Dim: 5, MaskZero: true, Initializer: RandomUniform}, gru, conv, block,
		&BatchNorm{Momentum: 0.9, Epsilon: 1e-3, Center: true, Scale: true}, &GlobalMaxPool{}, classifier(Classes, Softmax)}, 1)
	if err != nil {
		t.Fatal(err)
	}
	return n, countingTask(50, 9, 1)
}

func TestSameBitsWithAVX2AndAVX512(t *testing.T) {
	if kernel.Features() != "avx512" {
		t.Skipf("skipped: this machine has %s loops only", kernel.Features())
	}
	trained := func() []byte {
		n, data := everyKind(t)
		if err := mustTrainer(t, n, countingConfig()).Fit(context.Background(), data, data, Callbacks{}); err != nil {
			t.Fatal(err)
		}
		return weightBytes(t, n)
	}
	want := trained()
	defer kernel.SetLevel("avx2")()
	if !bytes.Equal(want, trained()) {
		t.Error("weights trained with AVX2 differ from those trained with AVX-512")
	}
}
