package nn

import (
	"math"
	"testing"
)

func TestSamplerDrawsFromTheDistribution(t *testing.T) {
	logits := []float32{0, float32(math.Log(2)), float32(math.Log(5)), -40}
	for _, c := range []struct {
		s    Sampler
		want [4]float64
	}{
		{Sampler{}, [4]float64{0, 0, 1, 0}},
		{Sampler{Temperature: 1, TopP: 1}, [4]float64{1. / 8, 2. / 8, 5. / 8, 0}},
		{Sampler{Temperature: 0.5}, [4]float64{1. / 30, 4. / 30, 25. / 30, 0}},
		{Sampler{Temperature: 1, TopK: 2}, [4]float64{0, 2. / 7, 5. / 7, 0}},
		{Sampler{Temperature: 1, TopP: 0.6}, [4]float64{0, 0, 1, 0}},
	} {
		chooser := c.s.Chooser(1)
		var counts [4]float64
		const draws = 20000
		for range draws {
			counts[chooser.Choose(logits)]++
		}
		for i, n := range counts {
			if math.Abs(n/draws-c.want[i]) > 0.015 {
				t.Errorf("%+v chooses token %d in %.3f of all draws, want %.3f", c.s, i, n/draws, c.want[i])
			}
		}
	}
}

func TestRepetitionPenaltyLowersSeenTokens(t *testing.T) {
	logits := []float32{3, 2.5, -1, -1.1}
	c := Sampler{RepetitionPenalty: 1.5}.Chooser(0)
	if got := c.Choose(logits); got != 0 {
		t.Errorf("before anything is seen it chooses %d", got)
	}
	c.Read(0)
	if got := c.Choose(logits); got != 1 {
		t.Errorf("3/1.5 beats 2.5: it chooses %d", got)
	}
	if negative := (Sampler{RepetitionPenalty: 1.5}).Chooser(0); true {
		negative.Read(0)
		if got := negative.Choose([]float32{-1, -1.1}); got != 1 {
			t.Errorf("-1·1.5 beats -1.1: it chooses %d", got)
		}
	}
	c.Restart(0)
	if got := c.Choose(logits); got != 0 || logits[0] != 3 {
		t.Errorf("after a restart it chooses %d of %v", got, logits)
	}
}

// TestNucleusWithoutSortingAll compares with the definition, on a vocabulary large
// enough that most tokens are never sorted.
func TestNucleusWithoutSortingAll(t *testing.T) {
	logits := make([]float32, 5000)
	for i := range logits {
		logits[i] = -float32(i) / 50
	}
	c := Sampler{Temperature: 1, TopP: 0.9}.Chooser(1)
	c.Choose(logits)
	kept := len(c.candidates)
	total, sum, want := 0.0, 0.0, 0
	for _, l := range logits {
		total += math.Exp(float64(l))
	}
	for sum < 0.9*total {
		sum += math.Exp(float64(logits[want]))
		want++
	}
	if kept != want {
		t.Errorf("%d tokens are considered, the definition has %d", kept, want)
	}
}
