package nn

import (
	"context"
	"math"
	"slices"
	"testing"
)

// camNetwork ends with a mean over the places and a linear layer: there the gradient
// is the weight over the number of places, so Grad-CAM can be computed by hand.
func camNetwork(t *testing.T) *Network {
	t.Helper()
	convolution := &Conv2D{convolutionDefaults()}
	convolution.Filters, convolution.KernelSize, convolution.Padding, convolution.Activation = 3, []int{3}, "same", Relu
	end := &Dense{Units: 2, UseBias: true, Activation: Softmax, KernelInitializer: GlorotUniform, BiasInitializer: Zeros}
	n, err := NewNetwork(Input{Shape: []int{5, 6, 2}}, Context{Classes: 2}, []Layer{convolution, &BatchNorm{Momentum: 0.9, Epsilon: 1e-3, Center: true, Scale: true}, &Dropout{Rate: 0.5}, &GlobalAvgPool{}, end}, 5)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range n.Params() {
		if p.Name == "1.running_mean" || p.Name == "1.running_var" {
			for i := range p.Data {
				p.Data[i] += 0.1 * float32(i+1)
			}
		}
	}
	return n
}

func TestGradCAMIsTheWeightedSumOfChannels(t *testing.T) {
	n := camNetwork(t)
	picture := make([]float32, 60)
	for i := range picture {
		picture[i] = float32(math.Sin(float64(i)))
	}
	p := NewPass()
	x := p.Tensor(1, 5, 6, 2)
	copy(x.Data, picture)
	places := n.Layers[1].Forward(p, n.Layers[0].Forward(p, x))
	weight := n.Params()[len(n.Params())-2]
	before := slices.Clone(n.Params()[4].Data)
	for class := range 2 {
		want, top := make([]float32, 30), float32(0)
		for i := range want {
			for c := range 3 {
				want[i] += weight.Data[class*3+c] / 30 * places.Data[i*3+c]
			}
			want[i] = max(want[i], 0)
			top = max(top, want[i])
		}
		h, err := n.GradCAM(picture, class)
		if err != nil || h.Height != 5 || h.Width != 6 {
			t.Fatal(h, err)
		}
		for i, v := range h.Values {
			if top > 0 && math.Abs(float64(v-want[i]/top)) > 1e-5 {
				t.Errorf("class %d, place %d: %v, want %v", class, i, v, want[i]/top)
			}
		}
	}
	if !slices.Equal(before, n.Params()[4].Data) {
		t.Error("looking has moved the running means")
	}
	if _, err := n.GradCAM(picture, 2); err == nil {
		t.Error("a class that is not there is explained")
	}
	if _, err := n.GradCAM(picture[1:], 0); err == nil {
		t.Error("a picture of another size is explained")
	}
}

// TestFrozenLayersStayAsTheyAnswer trains behind a frozen normalisation, whose running
// means must not move, and compares with a training on what it gives.
func TestFrozenLayersStayAsTheyAnswer(t *testing.T) {
	whole := camNetwork(t)
	e := &Examples{Count: 8, Features: make([]float32, 8*60), Labels: []int32{0, 1, 1, 0, 1, 0, 0, 1}}
	for i := range e.Features {
		e.Features[i] = float32(math.Cos(float64(i * i)))
	}
	features := &Examples{Count: 8, Labels: e.Labels}
	front, err := whole.Extended(whole.Input, whole.Context, 4, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := front.Predict(context.Background(), e, 8, func(_ int, y []float32) error {
		features.Features = append(features.Features, y...)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	head, err := NewNetwork(Input{Shape: []int{3}}, whole.Context, []Layer{&Dense{Units: 2, UseBias: true, Activation: Softmax, KernelInitializer: GlorotUniform, BiasInitializer: Zeros}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	all := whole.Params()
	for i, p := range head.Params() {
		p.Data = slices.Clone(all[len(all)-2+i].Data)
	}
	var before [][]float32
	for _, p := range all[:len(all)-2] {
		before = append(before, slices.Clone(p.Data))
	}
	config := func() FitConfig {
		return FitConfig{Epochs: 3, BatchSize: 4, Seed: 3, Loss: &CategoricalCrossentropy{}, Optimizer: &SGD{LearningRate: 0.1}}
	}
	frozen := config()
	frozen.Frozen = Frozen{"0.", "1."}
	for _, run := range []struct {
		n   *Network
		src Source
		cfg FitConfig
	}{{whole, e, frozen}, {head, features, config()}} {
		tr, err := NewTrainer(run.n, run.cfg)
		if err != nil {
			t.Fatal(err)
		}
		if run.n == whole && tr.still != 2 {
			t.Errorf("%d layers are still, want 2", tr.still)
		}
		tr.still = max(tr.still, len(run.n.Layers)-1) // the dropout behind them is not what is compared
		if err := tr.Fit(context.Background(), run.src, nil, Callbacks{}); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range before {
		if !slices.Equal(all[i].Data, want) {
			t.Errorf("%s has changed", all[i].Name)
		}
	}
	for i, p := range head.Params() {
		for j, want := range p.Data {
			if got := all[len(all)-2+i].Data[j]; math.Abs(float64(got-want)) > 1e-6 {
				t.Errorf("%s[%d] is %v, and on features %v", p.Name, j, got, want)
			}
		}
	}
}

// mixing mixes nothing but the labels, so that the loss can be computed by hand.
type mixing struct {
	*Examples
	other []int32
	share float32
}

func (m *mixing) Batch(ctx context.Context, numbers []int, b *Batch) error {
	b.Other, b.Share = m.other, m.share
	return m.Examples.Batch(ctx, numbers, b)
}

func TestMixedLabelsShareTheLoss(t *testing.T) {
	e := &Examples{Count: 2, Features: []float32{1, 2, 3, -1, 0.5, 2}, Labels: []int32{0, 1}}
	gradient := func(src Source) (loss float64, grad []float32) {
		n, err := NewNetwork(Input{Shape: []int{3}}, Context{Classes: 3}, []Layer{&Dense{Units: 3, Activation: Softmax, KernelInitializer: GlorotUniform}}, 1)
		if err != nil {
			t.Fatal(err)
		}
		tr, err := NewTrainer(n, FitConfig{Epochs: 1, BatchSize: 2, KeepOrder: true, Loss: &CategoricalCrossentropy{}, Optimizer: &SGD{LearningRate: 0}})
		if err != nil {
			t.Fatal(err)
		}
		var r sums
		if err := tr.addGradients(context.Background(), src, []int{0, 1}, 0, 1, &r); err != nil {
			t.Fatal(err)
		}
		return r.metrics().Loss, slices.Clone(n.Params()[0].Grad)
	}
	mixed, g := gradient(&mixing{e, []int32{2, 0}, 0.7})
	a, ga := gradient(e)
	b, gb := gradient(&Examples{Count: 2, Features: e.Features, Labels: []int32{2, 0}})
	if want := 0.7*a + 0.3*b; math.Abs(mixed-want) > 1e-6 {
		t.Errorf("the loss is %v, want %v", mixed, want)
	}
	for i := range g {
		if want := 0.7*ga[i] + 0.3*gb[i]; math.Abs(float64(g[i]-want)) > 1e-6 {
			t.Errorf("gradient %d is %v, want %v", i, g[i], want)
		}
	}
}
