package ctc

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// output draws probabilities, some of them near 0.
func output(rng *rand.Rand, steps, labels int) *Output {
	p := make([]float32, steps*labels)
	for t := range steps {
		var sum float32
		row := p[t*labels:][:labels]
		for i := range row {
			row[i] = float32(math.Exp(2 * rng.NormFloat64()))
			sum += row[i]
		}
		for i := range row {
			row[i] /= sum
		}
	}
	return NewOutput(p, labels)
}

// brute sums over all ways: the probability of whatever can come out.
func brute(o *Output) map[string]float64 {
	sums := map[string]float64{}
	way := make([]int32, o.Steps())
	for {
		weight, last := 0.0, int32(Blank)
		var labels []int32
		for t, label := range way {
			weight += o.step(t)[label]
			if label != Blank && label != last {
				labels = append(labels, label)
			}
			last = label
		}
		sums[fmt.Sprint(labels)] += math.Exp(weight)
		t := 0
		for ; t < len(way); t++ {
			if way[t]++; int(way[t]) < o.labels {
				break
			}
			way[t] = 0
		}
		if t == len(way) {
			return sums
		}
	}
}

func TestSearchFindsTheLikeliestOfAllWays(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		o := output(rng, 1+rng.IntN(5), 2+rng.IntN(3))
		sums := brute(o)
		most := 0.0
		for _, p := range sums {
			most = max(most, p)
		}
		found, ok := o.Search(10000, nil)
		if !ok || math.Abs(math.Exp(found.LogProbability)-most) > 1e-9 {
			t.Errorf("%d steps of %d labels: %v with %v, the likeliest has %v", o.Steps(), o.labels, found.Labels, math.Exp(found.LogProbability), most)
		}
		if p := sums[fmt.Sprint(found.Labels)]; math.Abs(p-math.Exp(found.LogProbability)) > 1e-9 {
			t.Errorf("%v has %v, all ways add up to %v", found.Labels, math.Exp(found.LogProbability), p)
		}
	}
}

func TestMoreBeamsFindNothingLessLikelyThanGreedy(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	better := 0
	for range 200 {
		o := output(rng, 2+rng.IntN(30), 2+rng.IntN(6))
		greedy := o.Probability(o.Greedy())
		for _, beams := range []int{1, 2, 8} {
			found, ok := o.Search(beams, nil)
			if !ok || found.LogProbability < greedy {
				t.Fatalf("%d beams find %v with %v, greedy %v", beams, found.Labels, found.LogProbability, greedy)
			}
			if found.LogProbability > greedy {
				better++
			}
		}
	}
	if better < 100 {
		t.Errorf("a search finds something better in %d of 600 cases only", better)
	}
}

func TestNothingFitsIntoTooFewSteps(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	o := output(rng, 2, 3)
	if p := o.Probability([]int32{1, 1}); !math.IsInf(p, -1) {
		t.Errorf("1 1 in two steps has %v", p)
	}
	if s := o.Align([]int32{1, 1}); s != nil {
		t.Errorf("1 1 in two steps is at %v", s)
	}
	none := NewOutput(nil, 3)
	if found, ok := none.Search(4, nil); !ok || len(found.Labels) != 0 || found.LogProbability != 0 {
		t.Errorf("no steps give %v", found)
	}
}

func TestAlignIsTheLikeliestWay(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 200 {
		o := output(rng, 3+rng.IntN(5), 3)
		labels := o.Greedy()
		spans := o.Align(labels)
		if len(spans) != len(labels) {
			t.Fatalf("%d spans of %d labels", len(spans), len(labels))
		}
		// Of the labels that Greedy finds, the likeliest way is Greedy's own.
		var got float64
		for step, k := 0, 0; step < o.Steps(); step++ {
			for k < len(spans) && step > spans[k].Last {
				k++
			}
			label := int32(Blank)
			if k < len(spans) && step >= spans[k].First {
				label = labels[k]
			}
			got += o.step(step)[label]
		}
		want := 0.0
		for step := range o.Steps() {
			want += slices.Max(o.step(step))
		}
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("labels %v at %v have %v, want %v", labels, spans, got, want)
		}
	}
}

// A grammar is compared with the likeliest of what it allows, of all ways.
func TestWordsAreKept(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	spellings := [][]int32{{1}, {1, 2}, {2, 2}}
	bigrams, err := NewBigrams(3, []Pair{{None, 0, 2}, {0, 1, 2}, {1, None, 1}, {1, 2, 1}, {2, None, 1}})
	if err != nil {
		t.Fatal(err)
	}
	const separator, weight, bonus = 3, 0.7, 0.3
	texts := map[string]float64{} // what the grammar allows, and what it adds
	var grow func(words []int)
	grow = func(words []int) {
		var labels []int32
		added, before := 0.0, None
		for i, w := range words {
			if i > 0 {
				labels = append(labels, separator)
			}
			labels = append(labels, spellings[w]...)
			added += weight*bigrams.Log(before, w) + bonus
			before = w
		}
		if len(labels) > 6 {
			return
		}
		texts[fmt.Sprint(labels)] = added + weight*bigrams.Log(before, None)
		for w := range spellings {
			grow(append(slices.Clone(words), w))
		}
	}
	grow(nil)
	for range 100 {
		o := output(rng, 1+rng.IntN(6), 4)
		want := math.Inf(-1)
		for text, p := range brute(o) {
			if added, ok := texts[text]; ok {
				want = max(want, math.Log(p)+added)
			}
		}
		found, ok := o.Search(10000, NewWords(spellings, separator, bigrams, weight, bonus))
		if !ok || math.Abs(found.Score-want) > 1e-9 {
			t.Errorf("%v has the score %v, the best of all has %v", found.Labels, found.Score, want)
		}
	}
}

func TestLabelsMayBeWords(t *testing.T) {
	o := NewOutput([]float32{0.1, 0.6, 0.3, 0.6, 0.2, 0.2, 0.1, 0.8, 0.1}, 3)
	bigrams, err := NewBigrams(2, []Pair{{None, 0, 9}, {0, 1, 9}, {1, None, 9}})
	if err != nil {
		t.Fatal(err)
	}
	spellings := [][]int32{{1}, {2}}
	if found, _ := o.Search(8, NewWords(spellings, Blank, nil, 1, 0)); fmt.Sprint(found.Labels) != "[1 1]" {
		t.Errorf("without a model %v", found.Labels)
	}
	if found, _ := o.Search(8, NewWords(spellings, Blank, bigrams, 1, 0)); fmt.Sprint(found.Labels) != "[1 2]" {
		t.Errorf("where 2 comes after 1: %v", found.Labels)
	}
}

func TestBigramsAddUpToOne(t *testing.T) {
	b, err := NewBigrams(4, []Pair{{None, 0, 5}, {0, 1, 3}, {0, 2, 2}, {1, None, 3}, {2, None, 2}})
	if err != nil {
		t.Fatal(err)
	}
	for before := None; before < 4; before++ {
		sum := 0.0
		for word := None; word < 4; word++ {
			sum += math.Exp(b.Log(before, word))
		}
		if math.Abs(sum-1) > 1e-12 {
			t.Errorf("what follows %d adds up to %v", before, sum)
		}
	}
	if b.Log(0, 1) <= b.Log(0, 2) || b.Log(0, 2) <= b.Log(0, 3) {
		t.Error("what was counted more often is not likelier")
	}
	for _, bad := range []Pair{{4, 0, 1}, {0, -2, 1}, {0, 1, 0}} {
		if _, err := NewBigrams(4, []Pair{bad}); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
}
