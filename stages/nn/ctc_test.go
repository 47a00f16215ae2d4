package nn

import (
	"math"
	"testing"
)

// TestCTCSumsOverAllWays compares with the sum over all paths, each of which is
// collapsed as the definition says.
func TestCTCSumsOverAllWays(t *testing.T) {
	const time, cols = 5, 3
	for _, labels := range [][]int32{{}, {1}, {1, 2}, {2, 2}, {1, 2, 1}, {1, 1, 1}} {
		p := NewTrainingPass()
		x := p.Tensor(1, time, cols)
		for i := range x.Data {
			x.Data[i] = float32(math.Sin(float64(3 * i)))
		}
		target := &Target{Labels: []int32{-1, -1, -1, -1, -1}}
		copy(target.Labels, labels)
		got := (&CTC{FromLogits: true}).Forward(p, x, target).Data[0]

		probabilities := NewPass()
		q := Softmax.apply(probabilities, x).Data
		var sum float64
		for path := range 243 {
			weight, collapsed, last := 1.0, []int32{}, int32(0)
			for i, rest := 0, path; i < time; i, rest = i+1, rest/cols {
				c := int32(rest % cols)
				weight *= float64(q[i*cols+int(c)])
				if c != 0 && c != last {
					collapsed = append(collapsed, c)
				}
				last = c
			}
			if string(asRunes(collapsed)) == string(asRunes(labels)) {
				sum += weight
			}
		}
		if want := -math.Log(sum); math.Abs(float64(got)-want) > 1e-5*max(1, want) {
			t.Errorf("labels %v: loss %v, the sum over all ways gives %v", labels, got, want)
		}
	}
}

func asRunes(x []int32) []rune { return x }

func TestCTCCountsExactAnswers(t *testing.T) {
	p := NewPass()
	y := p.Tensor(3, 4, 3)
	clear(y.Data)
	for i, answer := range []int{1, 1, 0, 2, 1, 0, 1, 0, 0, 0, 0, 0} { // 1 2; 1 1; nothing
		y.Data[i*3+answer] = 1
	}
	target := &Target{Labels: []int32{1, 2, -1, -1, 1, -1, -1, -1, -1, -1, -1, -1}}
	if right, rows := (&CTC{}).Correct(y, target); right != 2 || rows != 3 {
		t.Errorf("%d of %d are right, want 2 of 3", right, rows)
	}
}

// What is behind the end of an example has no say in its loss, and gets no gradient.
func TestCTCLeavesOutWhatIsNotThere(t *testing.T) {
	const cols = 3
	loss := func(time int, labels []int32) (float32, []float32) {
		p := NewTrainingPass()
		x := p.Tensor(1, time, cols)
		for i := range x.Data {
			x.Data[i] = float32(math.Cos(float64(5 * i)))
		}
		l := (&CTC{FromLogits: true}).Forward(p, x, &Target{Labels: labels})
		p.Backward(l)
		return l.Data[0], x.gradient()
	}
	want, wantGrad := loss(3, []int32{2, 1, -1})
	got, grad := loss(5, []int32{2, 1, -1, NotThere, NotThere})
	if got != want {
		t.Errorf("the loss is %v, without the rest %v", got, want)
	}
	for i, g := range grad {
		if i < len(wantGrad) && g != wantGrad[i] || i >= len(wantGrad) && g != 0 {
			t.Errorf("gradient %d is %v", i, g)
		}
	}
	p := NewPass()
	y := p.Tensor(1, 3, cols)
	copy(y.Data, []float32{0, 1, 0, 1, 0, 0, 0, 0, 1})
	if right, _ := (&CTC{}).Correct(y, &Target{Labels: []int32{1, -1, NotThere}}); right != 1 {
		t.Error("an answer behind the end counts")
	}
}
