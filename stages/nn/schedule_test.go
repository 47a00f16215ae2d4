package nn

import (
	"bytes"
	"context"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestSchedules(t *testing.T) {
	for _, c := range []struct {
		name string
		s    Schedule
		p    Progress
		want float64
	}{
		{"constant", &Constant{}, Progress{Update: 5, Updates: 10}, 1},
		{"first step of a warm-up", &Constant{WarmUp: 4}, Progress{}, 0.25},
		{"last step of a warm-up", &Constant{WarmUp: 4}, Progress{Update: 3}, 1},
		{"step before the change", &StepDecay{Epochs: 3, Factor: 0.5}, Progress{Epoch: 2}, 1},
		{"step after two changes", &StepDecay{Epochs: 3, Factor: 0.5}, Progress{Epoch: 6}, 0.25},
		{"cosine begins", &Cosine{}, Progress{Updates: 100}, 1},
		{"cosine half way", &Cosine{Final: 0.2}, Progress{Update: 50, Updates: 100}, 0.6},
		{"cosine ends", &Cosine{Final: 0.2}, Progress{Update: 100, Updates: 100}, 0.2},
		{"cosine half way after a warm-up", &Cosine{WarmUp: 20}, Progress{Update: 60, Updates: 100}, 0.5},
		{"linear after a warm-up", &LinearDecay{Final: 0.5, WarmUp: 20}, Progress{Update: 40, Updates: 100}, 0.875},
		{"one cycle begins", &OneCycle{WarmUp: 0.2}, Progress{Updates: 100}, 0.05},
		{"one cycle at its peak", &OneCycle{WarmUp: 0.2}, Progress{Update: 19, Updates: 100}, 1},
		{"one cycle half way down", &OneCycle{WarmUp: 0.2, Final: 0.1}, Progress{Update: 60, Updates: 100}, 0.55},
		{"one cycle of a single step", &OneCycle{WarmUp: 0.2}, Progress{Updates: 1}, 1},
		{"plateau while improving", &Plateau{Factor: 0.1, Patience: 2}, Progress{Monitored: []float64{3, 2, 1}}, 1},
		{"plateau after one bad epoch", &Plateau{Factor: 0.1, Patience: 2}, Progress{Monitored: []float64{3, 2, 2}}, 1},
		{"plateau after two", &Plateau{Factor: 0.1, Patience: 2}, Progress{Monitored: []float64{3, 2, 2, 2.5}}, 0.1},
		{"plateau after four", &Plateau{Factor: 0.1, Patience: 2}, Progress{Monitored: []float64{3, 2, 2, 2.5, 2, 2}}, 0.01},
		{"plateau by less than counts", &Plateau{Factor: 0.1, Patience: 1, MinDelta: 0.5}, Progress{Monitored: []float64{3, 2.6}}, 0.1},
	} {
		if got := c.s.At(c.p); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestScheduleReachesTheOptimizer(t *testing.T) {
	n := countingNetwork(t, 1)
	before := weightBytes(t, n)
	cfg := countingConfig()
	cfg.Epochs, cfg.Schedule = 1, &StepDecay{Epochs: 1, Factor: 1e-60}
	tr := mustTrainer(t, n, cfg)
	tr.state.Epoch, tr.cfg.Epochs = 1, 2 // the first epoch has the full rate
	var rates []float64
	err := tr.Fit(context.Background(), countingTask(32, 9, 1), nil, Callbacks{Step: func(r StepResult) { rates = append(rates, r.LearningRate) }})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, weightBytes(t, n)) || len(rates) != 2 || rates[0] != 1e-60 {
		t.Errorf("a rate of nearly 0 changes the weights; told rates %v", rates)
	}
}

func TestMicroBatchesAddUp(t *testing.T) {
	train := countingTask(48, 9, 1)
	losses := func(micro int) (all []float64, norms []float64) {
		n := countingNetwork(t, 1)
		n.Layers[1].(*Dropout).Rate = 0
		cfg := countingConfig()
		cfg.MicroBatch = micro
		err := mustTrainer(t, n, cfg).Fit(context.Background(), train, nil, Callbacks{Step: func(r StepResult) {
			all, norms = append(all, r.Loss), append(norms, r.GradientNorm)
		}})
		if err != nil {
			t.Fatal(err)
		}
		return all, norms
	}
	want, wantNorms := losses(0)
	got, gotNorms := losses(5)
	for i := range want {
		if math.Abs(got[i]-want[i]) > 1e-4 || math.Abs(gotNorms[i]-wantNorms[i]) > 1e-3*wantNorms[i] {
			t.Fatalf("step %d: loss %v and gradient %v, in one piece %v and %v", i+1, got[i], gotNorms[i], want[i], wantNorms[i])
		}
	}
}

func TestFrozenParametersStay(t *testing.T) {
	n := countingNetwork(t, 1)
	before := append([]float32(nil), n.params[0].Data...)
	cfg := countingConfig()
	cfg.Frozen = Frozen{"0."}
	if err := mustTrainer(t, n, cfg).Fit(context.Background(), countingTask(32, 9, 1), nil, Callbacks{}); err != nil {
		t.Fatal(err)
	}
	for i, v := range n.params[0].Data {
		if v != before[i] {
			t.Fatalf("%s[%d] was frozen and changed", n.params[0].Name, i)
		}
	}
	cfg.Frozen = Frozen{"7."}
	if _, err := NewTrainer(n, cfg); err == nil || !strings.Contains(err.Error(), `"7."`) {
		t.Errorf("freezing what is not there: %v", err)
	}
}

func TestClippingLimitsTheNorm(t *testing.T) {
	rate := SGD{LearningRate: 1}
	long := make([]float32, 2*pieceSize+5)
	long[pieceSize+1], long[2*pieceSize+4] = 3, -4
	for _, c := range []struct {
		limit, shrunk float64
	}{{0, 1}, {10, 1}, {1, 0.2}} {
		p := &Param{Data: make([]float32, len(long)), Grad: slices.Clone(long)}
		u := newUpdate(&rate, []*Param{p}, make([][][]float32, 1))
		u.begin()
		if norm := u.finish(1, 1, c.limit); norm != 5 {
			t.Errorf("limit %v: the norm is %v, want 5", c.limit, norm)
		}
		for i, g := range long {
			if got, want := float64(p.Data[i]), -float64(g)*c.shrunk; math.Abs(got-want) > 1e-6 {
				t.Errorf("limit %v: element %d went by %v, want %v", c.limit, i, got, want)
			}
			if p.Grad[i] != 0 {
				t.Errorf("limit %v: gradient %d is %v after the step", c.limit, i, p.Grad[i])
			}
		}
	}
}
