package nn

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
)

// countingTask asks which of three tokens occurs most often in a sequence.
func countingTask(n, length int, seed uint64) *Examples {
	rng := rand.New(rand.NewPCG(seed, 1))
	e := &Examples{Count: n}
	for range n {
		label := int32(rng.IntN(3))
		e.Labels = append(e.Labels, label)
		for range length {
			token := int32(1 + rng.IntN(3))
			if rng.Float64() < 0.6 {
				token = 1 + label
			}
			if rng.Float64() < 0.2 {
				token = 0
			}
			e.Tokens = append(e.Tokens, token)
		}
	}
	return e
}

func countingNetwork(t testing.TB, seed uint64) *Network {
	t.Helper()
	lstm := &LSTM{Recurrent: recurrentDefaults(), UnitForgetBias: true}
	lstm.Units, lstm.Bidirectional = 6, true
	stack := []Layer{
		&Embedding{Dim: 5, MaskZero: true, Initializer: RandomUniform},
		&Dropout{Rate: 0.1},
		lstm,
		&Dense{Units: Classes, Activation: Softmax, UseBias: true, KernelInitializer: GlorotUniform, BiasInitializer: Zeros},
	}
	n, err := NewNetwork(Input{Tokens: true, Shape: []int{9}}, Context{Classes: 3, Vocab: 4}, stack, seed)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func countingConfig() FitConfig {
	return FitConfig{Epochs: 4, BatchSize: 16, Seed: 3, Loss: &CategoricalCrossentropy{},
		Optimizer: &Adam{LearningRate: 0.02, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-7}}
}

func mustTrainer(t testing.TB, n *Network, cfg FitConfig) *Trainer {
	t.Helper()
	tr, err := NewTrainer(n, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func weightBytes(t testing.TB, n *Network) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := n.WriteWeights(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTrainingLearnsATask(t *testing.T) {
	n := countingNetwork(t, 1)
	cfg := countingConfig()
	cfg.Epochs = 12
	if err := mustTrainer(t, n, cfg).Fit(context.Background(), countingTask(300, 9, 1), nil, Callbacks{}); err != nil {
		t.Fatal(err)
	}
	m, err := n.Evaluate(context.Background(), countingTask(200, 9, 2), cfg.Loss, 64)
	if err != nil {
		t.Fatal(err)
	}
	if m.Accuracy < 0.85 {
		t.Errorf("accuracy on unseen examples is %.3f after 12 epochs", m.Accuracy)
	}
}

func TestOneBatchIsLearnedByHeart(t *testing.T) {
	n := countingNetwork(t, 1)
	n.Layers[1].(*Dropout).Rate = 0
	cfg := countingConfig()
	cfg.Epochs = 200
	data := countingTask(16, 9, 5)
	if err := mustTrainer(t, n, cfg).Fit(context.Background(), data, nil, Callbacks{}); err != nil {
		t.Fatal(err)
	}
	m, err := n.Evaluate(context.Background(), data, cfg.Loss, 16)
	if err != nil {
		t.Fatal(err)
	}
	if m.Accuracy != 1 || m.Loss > 0.02 {
		t.Errorf("after 200 epochs on one batch: loss %v, accuracy %v", m.Loss, m.Accuracy)
	}
}

func TestResumedTrainingEqualsUninterrupted(t *testing.T) {
	train, validation := countingTask(70, 9, 1), countingTask(30, 9, 2)
	cfg := countingConfig()
	cfg.Stopping.RestoreBest = true
	whole := countingNetwork(t, 1)
	if err := mustTrainer(t, whole, cfg).Fit(context.Background(), train, validation, Callbacks{}); err != nil {
		t.Fatal(err)
	}
	for _, stop := range []int{1, 4, 5, 6, 12, 13, 20} { // calls of Checkpoint: steps and epochs
		var saved bytes.Buffer
		errStop := errors.New("killed")
		calls := 0
		first := countingNetwork(t, 1)
		err := mustTrainer(t, first, cfg).Fit(context.Background(), train, validation, Callbacks{Checkpoint: func(tr *Trainer) error {
			if calls++; calls < stop {
				return nil
			}
			if err := tr.WriteState(&saved); err != nil {
				return err
			}
			return errStop
		}})
		if !errors.Is(err, errStop) {
			t.Fatalf("stop %d: %v", stop, err)
		}
		second := countingNetwork(t, 99) // other first weights: all must come from the state
		tr := mustTrainer(t, second, cfg)
		if err := tr.ReadState(bytes.NewReader(saved.Bytes()), int64(saved.Len())); err != nil {
			t.Fatal(err)
		}
		if err := tr.Fit(context.Background(), train, validation, Callbacks{}); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(weightBytes(t, whole), weightBytes(t, second)) {
			t.Errorf("stopped at checkpoint %d and continued: the weights differ", stop)
		}
		if len(tr.History()) != cfg.Epochs {
			t.Errorf("stop %d: history has %d epochs", stop, len(tr.History()))
		}
	}
}

func TestStateOfAnotherTrainingIsRefused(t *testing.T) {
	tr := mustTrainer(t, countingNetwork(t, 1), countingConfig())
	var saved bytes.Buffer
	if err := tr.WriteState(&saved); err != nil {
		t.Fatal(err)
	}
	sgd := countingConfig()
	sgd.Optimizer = &SGD{LearningRate: 0.1, Momentum: 0.9}
	for name, c := range map[string]struct {
		data []byte
		cfg  FitConfig
		want string
	}{
		"other optimiser":  {saved.Bytes(), sgd, "arrays"},
		"cut short":        {saved.Bytes()[:saved.Len()-4], countingConfig(), "cut short"},
		"weights alone":    {weightBytes(t, countingNetwork(t, 1)), countingConfig(), "training state"},
		"other format":     {bytes.Replace(saved.Bytes(), []byte("pipe.training/1"), []byte("pipe.training/9"), 1), countingConfig(), "format"},
		"impossible epoch": {bytes.Replace(saved.Bytes(), []byte(`\"epoch\":0`), []byte(`\"epoch\":7`), 1), countingConfig(), "cannot be"},
	} {
		err := mustTrainer(t, countingNetwork(t, 1), c.cfg).ReadState(bytes.NewReader(c.data), int64(len(c.data)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want it to say %q", name, err, c.want)
		}
	}
}

func TestSameBitsOnAnyNumberOfCores(t *testing.T) {
	var first []byte
	for _, cores := range []int{1, 2, 4} {
		before := runtime.GOMAXPROCS(cores)
		n, train := everyKind(t)
		err := mustTrainer(t, n, countingConfig()).Fit(context.Background(), train, nil, Callbacks{})
		runtime.GOMAXPROCS(before)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = weightBytes(t, n)
		} else if !bytes.Equal(first, weightBytes(t, n)) {
			t.Errorf("weights with GOMAXPROCS=%d differ from those with 1", cores)
		}
	}
}

func TestNonFiniteLossNamesTheLayer(t *testing.T) {
	n := countingNetwork(t, 1)
	n.params[1].Data[3] = float32(math.NaN())
	err := mustTrainer(t, n, countingConfig()).Fit(context.Background(), countingTask(20, 9, 1), nil, Callbacks{})
	if err == nil || !strings.Contains(err.Error(), "layer 3 (lstm)") || !strings.Contains(err.Error(), "epoch 1, step 1") {
		t.Errorf("got %v", err)
	}
}

func TestPatienceEndsTheTrainingAtTheBestWeights(t *testing.T) {
	n := countingNetwork(t, 1)
	cfg := countingConfig()
	cfg.Epochs = 100
	cfg.Stopping = Stopping{Monitor: "val_loss", Patience: 2, RestoreBest: true}
	train, validation := countingTask(40, 9, 1), countingTask(40, 9, 2)
	tr := mustTrainer(t, n, cfg)
	var best Metrics
	err := tr.Fit(context.Background(), train, validation, Callbacks{Epoch: func(r EpochResult) {
		if r.Best {
			best = *r.Validation
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if !tr.StoppedEarly() || len(tr.History()) != tr.BestEpoch()+2 {
		t.Errorf("stopped early %v after %d epochs, best %d", tr.StoppedEarly(), len(tr.History()), tr.BestEpoch())
	}
	m, err := n.Evaluate(context.Background(), validation, cfg.Loss, cfg.BatchSize)
	if err != nil {
		t.Fatal(err)
	}
	if m != best {
		t.Errorf("the weights give %v, the best epoch gave %v", m, best)
	}
}

func TestCancelStopsWithinAStep(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	steps := 0
	err := mustTrainer(t, countingNetwork(t, 1), countingConfig()).Fit(ctx, countingTask(100, 9, 1), nil, Callbacks{Step: func(StepResult) {
		steps++
		cancel()
	}})
	if !errors.Is(err, context.Canceled) || steps != 1 {
		t.Errorf("%d steps, error %v", steps, err)
	}
}

func TestSourceErrorsAreReported(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*Examples)
		want string
	}{
		{"token", func(e *Examples) { e.Tokens[0] = 4 }, "token id 4"},
		{"label", func(e *Examples) { e.Labels[0] = 3 }, "label 3"},
		{"length", func(e *Examples) { e.Tokens = e.Tokens[1:] }, "tokens"},
	} {
		e := countingTask(8, 9, 1)
		c.edit(e)
		err := mustTrainer(t, countingNetwork(t, 1), countingConfig()).Fit(context.Background(), e, nil, Callbacks{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}

func TestTrainingStepAllocatesNothing(t *testing.T) {
	n, data := everyKind(t)
	tr := mustTrainer(t, n, countingConfig())
	tr.visitOrder(data.Len())
	step := func() {
		if _, err := tr.step(context.Background(), data, tr.order, 1); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		step()
	}
	if got := testing.AllocsPerRun(20, step); got != 0 {
		t.Errorf("a training step allocates %v times", got)
	}
}
