package nn

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// TestBatchNormRemembersRunningMeans works two batches out by hand: the running
// mean and the uncorrected variance move by 1-momentum, and a pass outside
// training uses them.
func TestBatchNormRemembersRunningMeans(t *testing.T) {
	l := &BatchNorm{Momentum: 0.75, Epsilon: 0.5, Center: true, Scale: true}
	if _, err := NewNetwork(Input{Shape: []int{1}}, Context{}, []Layer{l}, 1); err != nil {
		t.Fatal(err)
	}
	p := NewTrainingPass()
	for _, batch := range [][]float32{{1, 3}, {2, 6}} {
		x := p.Tensor(2, 1)
		copy(x.Data, batch)
		l.Forward(p, x)
	}
	mean := 0.75*(0.75*0+0.25*2) + 0.25*4
	variance := 0.75*(0.75*1+0.25*1) + 0.25*4
	if got := float64(l.mean.Data[0]); math.Abs(got-mean) > 1e-6 {
		t.Errorf("running mean is %v, want %v", got, mean)
	}
	if got := float64(l.variance.Data[0]); math.Abs(got-variance) > 1e-6 {
		t.Errorf("running variance is %v, want %v", got, variance)
	}
	q := NewPass()
	x := q.Tensor(1, 1)
	x.Data[0] = 5
	want := (5 - mean) / math.Sqrt(variance+0.5)
	if got := float64(l.Forward(q, x).Data[0]); math.Abs(got-want) > 1e-6 {
		t.Errorf("outside training 5 becomes %v, want %v", got, want)
	}
}

// TestBatchNormWithItsRelu compares the two at once with one after the other, in a
// training, where some gradient of the input is there already, and in an answer.
func TestBatchNormWithItsRelu(t *testing.T) {
	for _, training := range []bool{true, false} {
		run := func(atOnce bool) (y []float32, grads [][]float32) {
			l := &BatchNorm{Momentum: 0.9, Epsilon: 1e-3, Center: true, Scale: true}
			if _, err := NewNetwork(Input{Shape: []int{7, 5}}, Context{}, []Layer{l}, 1); err != nil {
				t.Fatal(err)
			}
			p := NewPass()
			p.train = training
			x := p.Tensor(300, 7, 5)
			for i := range x.Data {
				x.Data[i] = float32(math.Sin(float64(i*i))) + float32(i%5)
			}
			for i := range x.gradient() {
				x.grad[i] = 0.5
			}
			for _, q := range l.Params() {
				q.Grad = make([]float32, len(q.Data))
			}
			for c := range l.weight.Data {
				l.weight.Data[c], l.bias.Data[c] = float32(c)-1.5, 0.1*float32(c)
			}
			var out *Tensor
			if atOnce {
				out = l.join(p, x, relu())
			} else {
				out = relu().Forward(p, l.Forward(p, x))
			}
			y = slices.Clone(out.Data)
			if training {
				for i := range out.gradient() {
					out.grad[i] = float32(math.Cos(float64(i)))
				}
				p.undo()
			}
			return y, [][]float32{x.grad, l.weight.Grad, l.bias.Grad, l.mean.Data, l.variance.Data}
		}
		y, grads := run(true)
		want, wantGrads := run(false)
		near(t, "output", y, want)
		for i, g := range grads {
			near(t, fmt.Sprint("gradient ", i), g, wantGrads[i])
		}
	}
	if l := (&BatchNorm{}); l.join(newStillPass(), nil, relu()) != nil || l.join(NewPass(), nil, &ActivationLayer{Function: Tanh}) != nil {
		t.Error("what must stay apart is computed at once")
	}
}
