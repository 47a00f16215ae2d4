package nn

import (
	"math"
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
