package nn

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// numbersTask has three features; the values are a linear function of them, and the
// label says whether it is positive.
func numbersTask(n int, seed uint64) (values, labels *Examples) {
	rng := rand.New(rand.NewPCG(seed, 2))
	values = &Examples{Count: n}
	for range n {
		a, b, c := rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64()
		y := 2*a - b + 0.5*c
		values.Features = append(values.Features, float32(a), float32(b), float32(c))
		values.Values = append(values.Values, float32(y))
		label := int32(0)
		if y > 0 {
			label = 1
		}
		values.Labels = append(values.Labels, label)
	}
	labels = &Examples{Count: n, Features: values.Features, Labels: values.Labels}
	values.Labels = nil
	return values, labels
}

func TestRegressionOnFeatures(t *testing.T) {
	train, _ := numbersTask(200, 1)
	n, err := NewNetwork(Input{Shape: []int{3}}, Context{}, []Layer{classifier(1, Linear)}, 1)
	if err != nil {
		t.Fatal(err)
	}
	tr := mustTrainer(t, n, FitConfig{Epochs: 30, BatchSize: 20, Loss: &MSE{}, Optimizer: &SGD{LearningRate: 0.1}})
	if err := tr.Fit(context.Background(), train, nil, Callbacks{}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{2, -1, 0.5} {
		if got := float64(n.params[0].Data[i]); math.Abs(got-want) > 1e-3 {
			t.Errorf("weight %d is %v, want %v", i, got, want)
		}
	}
	if h := tr.History(); h[len(h)-1].Loss > 1e-5 || tr.Updates() != 300 {
		t.Errorf("after %d updates the loss is %v", tr.Updates(), h[len(h)-1].Loss)
	}
}

func TestYesOrNoFromLogits(t *testing.T) {
	_, train := numbersTask(200, 1)
	for _, c := range []struct {
		loss Loss
		last Activation
	}{{&BinaryCrossentropy{}, Sigmoid}, {&BinaryCrossentropy{FromLogits: true}, Linear}} {
		n, err := NewNetwork(Input{Shape: []int{3}}, Context{Classes: 2}, []Layer{classifier(1, c.last)}, 1)
		if err != nil {
			t.Fatal(err)
		}
		tr := mustTrainer(t, n, FitConfig{Epochs: 60, BatchSize: 20, Loss: c.loss, Optimizer: &SGD{LearningRate: 0.5, Momentum: 0.9}})
		if err := tr.Fit(context.Background(), train, nil, Callbacks{}); err != nil {
			t.Fatal(err)
		}
		m, err := n.Evaluate(context.Background(), train, c.loss, 50)
		if err != nil {
			t.Fatal(err)
		}
		if m.Accuracy < 0.98 {
			t.Errorf("ending with %s: accuracy %v", c.last, m.Accuracy)
		}
	}
}

func TestDecoderOfListedLayers(t *testing.T) {
	block := newTransformerBlock()
	block.Heads, block.Causal = 2, true
	n, err := NewNetwork(Input{Tokens: true, Shape: []int{5}}, Context{Vocab: 7, Classes: 7}, []Layer{
		&Embedding{Dim: 4, Initializer: RandomUniform}, &PositionalEncoding{Encoding: "sinusoidal"}, &Dropout{Rate: 0.5}, block,
		&LayerNorm{Epsilon: 1e-5}, &RMSNorm{Epsilon: 1e-5}, &ActivationLayer{Function: Tanh}, classifier(Classes, Softmax)}, 1)
	if err != nil {
		t.Fatal(err)
	}
	d, err := n.NewDecoder(5)
	if err != nil {
		t.Fatal(err)
	}
	p := NewPass()
	x := p.Tokens(1, 5)
	copy(x.IDs, []int32{3, 1, 4, 1, 5})
	whole := n.Forward(p, x).logits.Data
	for i, token := range x.IDs {
		got, err := d.Next(context.Background(), token)
		if err != nil {
			t.Fatal(err)
		}
		for c, v := range got {
			if math.Abs(float64(v-whole[i*7+c])) > 1e-5 {
				t.Fatalf("position %d: logit %d is %v, with all at once %v", i, c, v, whole[i*7+c])
			}
		}
	}
	if _, err := d.Next(context.Background(), 7); err == nil {
		t.Error("a token that is not in the table is read")
	}
}

func TestTrainerRefuses(t *testing.T) {
	good := countingConfig()
	for _, c := range []struct {
		edit func(*FitConfig)
		want string
	}{
		{func(c *FitConfig) { c.Epochs = 0 }, "epochs must be at least 1"},
		{func(c *FitConfig) { c.BatchSize = 0 }, "batch_size must be at least 1"},
		{func(c *FitConfig) { c.MicroBatch = -1 }, "must not be negative"},
		{func(c *FitConfig) { c.Loss = nil }, "needs a loss"},
		{func(c *FitConfig) { c.ClassWeights = []float32{1} }, "1 class weights for 3 classes"},
		{func(c *FitConfig) { c.Loss = &BinaryCrossentropy{} }, "sigmoid"},
	} {
		cfg := good
		c.edit(&cfg)
		if _, err := NewTrainer(countingNetwork(t, 1), cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want it to say %q", err, c.want)
		}
	}
	if err := mustTrainer(t, countingNetwork(t, 1), good).Fit(context.Background(), &Examples{}, nil, Callbacks{}); err == nil {
		t.Error("training on nothing succeeds")
	}
}
