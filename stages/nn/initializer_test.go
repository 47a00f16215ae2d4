package nn

import (
	"math"
	"testing"
)

// TestInitializersHaveKerasDistributions compares bounds and deviations with the
// formulas of Keras' reference for 200 inputs and 300 outputs.
func TestInitializersHaveKerasDistributions(t *testing.T) {
	const in, out = 200.0, 300.0
	for _, c := range []struct {
		i         Initializer
		deviation float64
		limit     float64
	}{
		{GlorotUniform, math.Sqrt(2 / (in + out)), math.Sqrt(6 / (in + out))},
		{HeUniform, math.Sqrt(2 / in), math.Sqrt(6 / in)},
		{LecunUniform, math.Sqrt(1 / in), math.Sqrt(3 / in)},
		{RandomUniform, 0.05 / math.Sqrt(3), 0.05},
		{GlorotNormal, math.Sqrt(2 / (in + out)), 2 * math.Sqrt(2/(in+out)) / 0.8796},
		{HeNormal, math.Sqrt(2 / in), 2 * math.Sqrt(2/in) / 0.8796},
		{LecunNormal, math.Sqrt(1 / in), 2 * math.Sqrt(1/in) / 0.8796},
		{RandomNormal, 0.05, 0.05 * 6},
		{Zeros, 0, 0},
	} {
		p := newParam("w", out, in)
		if err := c.i.fill(p, in, out, generator(1, string(c.i))); err != nil {
			t.Fatal(err)
		}
		var sum, squares, largest float64
		for _, v := range p.Data {
			sum += float64(v)
			squares += float64(v) * float64(v)
			largest = max(largest, math.Abs(float64(v)))
		}
		n := float64(len(p.Data))
		if d := math.Sqrt(squares / n); math.Abs(d-c.deviation) > 0.01*c.deviation {
			t.Errorf("%s has deviation %v, want %v", c.i, d, c.deviation)
		}
		if math.Abs(sum/n) > 0.02*c.deviation || largest > c.limit*(1+1e-6) {
			t.Errorf("%s has mean %v and reaches %v, limit %v", c.i, sum/n, largest, c.limit)
		}
	}
	if err := Initializer("glorot").fill(newParam("w", 1), 1, 1, generator(1, "")); err == nil {
		t.Error("an unknown initializer is taken")
	}
}

func TestOrthogonalVectors(t *testing.T) {
	for _, shape := range [][2]int{{40, 10}, {10, 40}, {20, 20}} {
		rows, cols := shape[0], shape[1]
		p := newParam("w", rows, cols)
		if err := Orthogonal.fill(p, cols, rows, generator(1, "test")); err != nil {
			t.Fatal(err)
		}
		at := func(i, j int) float64 { // element j of vector i of the fewer, longer vectors
			if rows >= cols {
				return float64(p.Data[j*cols+i])
			}
			return float64(p.Data[i*cols+j])
		}
		for a := range min(rows, cols) {
			for b := range a + 1 {
				var dot, want float64
				for j := range max(rows, cols) {
					dot += at(a, j) * at(b, j)
				}
				if a == b {
					want = 1
				}
				if math.Abs(dot-want) > 1e-5 {
					t.Errorf("%dx%d: vectors %d and %d have product %v", rows, cols, a, b, dot)
				}
			}
		}
	}
}

func TestLSTMBeginsAsInKeras(t *testing.T) {
	n := countingNetwork(t, 1)
	for _, p := range n.Params() {
		if p.Name != "2.bias" && p.Name != "2.bias_reverse" {
			continue
		}
		for i, v := range p.Data {
			want := float32(0)
			if i >= 6 && i < 12 {
				want = 1
			}
			if v != want {
				t.Errorf("%s[%d] is %v, want %v", p.Name, i, v, want)
			}
		}
	}
}

func TestDropoutDropsItsShare(t *testing.T) {
	p := NewTrainingPass()
	p.Seed(1, 0, 0)
	x := p.Tensor(100, 101)
	for i := range x.Data {
		x.Data[i] = 1
	}
	y := dropout(p, x, 0.3)
	dropped, sum := 0, 0.0
	for _, v := range y.Data {
		if v == 0 {
			dropped++
		}
		sum += float64(v)
	}
	n := float64(len(y.Data))
	if share := float64(dropped) / n; math.Abs(share-0.3) > 0.02 {
		t.Errorf("dropped %v of the elements, want 0.3", share)
	}
	if mean := sum / n; math.Abs(mean-1) > 0.03 {
		t.Errorf("the mean became %v", mean)
	}
	if still := dropout(NewPass(), x, 0.3); still != x {
		t.Error("a pass outside training drops")
	}
}
