package nn

import (
	"context"
	"math/rand/v2"
	"testing"
)

// trainingStep measures one step of training on one batch.
func trainingStep(b *testing.B, n *Network, loss Loss, data *Examples) {
	cfg := FitConfig{Epochs: 1, BatchSize: data.Count, Loss: loss,
		Optimizer: &Adam{LearningRate: 0.001, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-7}}
	tr := mustTrainer(b, n, cfg)
	tr.visitOrder(data.Len())
	step := func() {
		if _, _, err := tr.step(context.Background(), data, tr.order); err != nil {
			b.Fatal(err)
		}
	}
	step()
	step()
	b.ReportAllocs()
	for b.Loop() {
		step()
	}
}

func tokenBatch(batch, time, vocab, classes int) *Examples {
	rng := rand.New(rand.NewPCG(1, 2))
	e := &Examples{Count: batch}
	for range batch {
		e.Labels = append(e.Labels, int32(rng.IntN(classes)))
		for range time {
			e.Tokens = append(e.Tokens, int32(rng.IntN(vocab)))
		}
	}
	return e
}

func benchNetwork(b *testing.B, in Input, c Context, stack ...Layer) *Network {
	b.Helper()
	n, err := NewNetwork(in, c, stack, 1)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// BenchmarkStepLSTM: Embedding(10000,128) → LSTM(128) → Dense(10), 100 tokens,
// batch 32.
func BenchmarkStepLSTM(b *testing.B) {
	lstm := &LSTM{Recurrent: recurrentDefaults(), UnitForgetBias: true}
	lstm.Units = 128
	n := benchNetwork(b, Input{Tokens: true, Shape: []int{100}}, Context{Classes: 10, Vocab: 10000},
		&Embedding{Dim: 128, Initializer: RandomUniform}, lstm, classifier(Classes, Softmax))
	trainingStep(b, n, &CategoricalCrossentropy{}, tokenBatch(32, 100, 10000, 10))
}

// BenchmarkStepSimpleRNN: Embedding(1000,128) → SimpleRNN(128) → Dense(1), 100
// tokens, batch 32.
func BenchmarkStepSimpleRNN(b *testing.B) {
	rnn := &SimpleRNN{Recurrent: recurrentDefaults(), Activation: Tanh}
	rnn.Units = 128
	n := benchNetwork(b, Input{Tokens: true, Shape: []int{100}}, Context{Classes: 2, Vocab: 1000},
		&Embedding{Dim: 128, Initializer: RandomUniform}, rnn, classifier(1, Sigmoid))
	trainingStep(b, n, &BinaryCrossentropy{}, tokenBatch(32, 100, 1000, 2))
}

func classifier(units Units, a Activation) *Dense {
	return &Dense{Units: units, Activation: a, UseBias: true, KernelInitializer: GlorotUniform, BiasInitializer: Zeros}
}
