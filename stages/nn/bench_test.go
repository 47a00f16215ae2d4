package nn

import (
	"context"
	"math/rand/v2"
	"strconv"
	"testing"
)

// trainingStep measures one step of training on one batch.
func trainingStep(b *testing.B, n *Network, loss Loss, data *Examples) {
	cfg := FitConfig{Epochs: 1, BatchSize: data.Count, Loss: loss,
		Optimizer: &Adam{LearningRate: 0.001, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-7}}
	tr := mustTrainer(b, n, cfg)
	tr.visitOrder(data.Len())
	step := func() {
		if _, err := tr.step(context.Background(), data, tr.order, 1); err != nil {
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

// tokenBatch draws tokens, and for each example so many labels.
func tokenBatch(batch, time, vocab, classes, labels int) *Examples {
	rng := rand.New(rand.NewPCG(1, 2))
	e := &Examples{Count: batch}
	for range batch {
		for range labels {
			e.Labels = append(e.Labels, int32(rng.IntN(classes)))
		}
		for range time {
			e.Tokens = append(e.Tokens, int32(rng.IntN(vocab)))
		}
	}
	return e
}

func benchNetwork(b testing.TB, in Input, c Context, stack ...Layer) *Network {
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
	trainingStep(b, n, &CategoricalCrossentropy{}, tokenBatch(32, 100, 10000, 10, 1))
}

// BenchmarkStepSimpleRNN: Embedding(1000,128) → SimpleRNN(128) → Dense(1), 100
// tokens, batch 32.
func BenchmarkStepSimpleRNN(b *testing.B) {
	rnn := &SimpleRNN{Recurrent: recurrentDefaults(), Activation: Tanh}
	rnn.Units = 128
	n := benchNetwork(b, Input{Tokens: true, Shape: []int{100}}, Context{Classes: 2, Vocab: 1000},
		&Embedding{Dim: 128, Initializer: RandomUniform}, rnn, classifier(1, Sigmoid))
	trainingStep(b, n, &BinaryCrossentropy{}, tokenBatch(32, 100, 1000, 2, 1))
}

func classifier(units Units, a Activation) *Dense {
	return &Dense{Units: units, Activation: a, UseBias: true, KernelInitializer: GlorotUniform, BiasInitializer: Zeros}
}

// BenchmarkStepLanguageModel: Embedding(10000,256) → LSTM(512) → LSTM(512) →
// Dense(10000), 20 tokens, every position predicted, batch 64.
func BenchmarkStepLanguageModel(b *testing.B) {
	lstm := func() *LSTM {
		l := &LSTM{Recurrent: recurrentDefaults(), UnitForgetBias: true}
		l.Units, l.ReturnSequences = 512, true
		return l
	}
	n := benchNetwork(b, Input{Tokens: true, Shape: []int{20}}, Context{Classes: 10000, Vocab: 10000},
		&Embedding{Dim: 256, Initializer: RandomUniform}, lstm(), lstm(), classifier(Classes, Softmax))
	trainingStep(b, n, &CategoricalCrossentropy{}, tokenBatch(64, 20, 10000, 10000, 20))
}

// BenchmarkStepConvolution: Conv(32)-pool-Conv(64)-pool-Dense(128)-Dense(10) on
// 28×28, batch 64.
func BenchmarkStepConvolution(b *testing.B) {
	conv := func(filters int) *Conv2D {
		l := &Conv2D{convolutionDefaults()}
		l.Filters, l.KernelSize, l.Activation = filters, []int{3}, Relu
		return l
	}
	n := benchNetwork(b, Input{Shape: []int{28, 28, 1}}, Context{Classes: 10}, conv(32), &MaxPool{poolingDefaults()},
		conv(64), &MaxPool{poolingDefaults()}, &Flatten{}, classifier(128, Relu), classifier(10, Softmax))
	rng := rand.New(rand.NewPCG(1, 2))
	e := tokenBatch(64, 0, 1, 10, 1)
	for range 64 * 28 * 28 {
		e.Features = append(e.Features, rng.Float32())
	}
	trainingStep(b, n, &CategoricalCrossentropy{}, e)
}

// BenchmarkStepGPT: 4 layers, 4 heads, 128 wide, 64 tokens, 65 letters, batch 12.
func BenchmarkStepGPT(b *testing.B) {
	stack := []Layer{&Embedding{Dim: 128, Initializer: RandomUniform}, &PositionalEncoding{Encoding: "learned", Initializer: RandomUniform}}
	for range 4 {
		block := newTransformerBlock()
		block.Heads, block.Causal = 4, true
		stack = append(stack, block)
	}
	n := benchNetwork(b, Input{Tokens: true, Shape: []int{64}}, Context{Classes: 65, Vocab: 65},
		append(stack, &LayerNorm{Epsilon: 1e-5}, classifier(Classes, Softmax))...)
	trainingStep(b, n, &CategoricalCrossentropy{}, tokenBatch(12, 64, 65, 65, 64))
}

// BenchmarkForwardResNet18: one image of 224×224.
func BenchmarkForwardResNet18(b *testing.B) {
	n := benchNetwork(b, Input{Shape: []int{224, 224, 3}}, Context{Classes: 1000}, &ResNet18{Width: 64}, classifier(Classes, Softmax))
	data := &Examples{Count: 1, Features: make([]float32, 224*224*3)}
	b.ReportAllocs()
	for b.Loop() {
		if err := n.Predict(context.Background(), data, 1, func(int, []float32) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAnswerLSTM: BenchmarkStepLSTM's network answers texts of 20 tokens, one and
// many at a time; the time is that of all.
func BenchmarkAnswerLSTM(b *testing.B) {
	lstm := &LSTM{Recurrent: recurrentDefaults(), UnitForgetBias: true}
	lstm.Units = 128
	n := benchNetwork(b, Input{Tokens: true, Shape: []int{100}}, Context{Classes: 10, Vocab: 10000},
		&Embedding{Dim: 128, Initializer: RandomUniform}, lstm, classifier(Classes, Softmax))
	for _, rows := range []int{1, 4, 16, 64} {
		b.Run(strconv.Itoa(rows), func(b *testing.B) {
			data := tokenBatch(rows, 100, 10000, 10, 1)
			for r := range rows {
				clear(data.Tokens[r*100 : r*100+80])
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := n.Predict(context.Background(), data, rows, func(int, []float32) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
