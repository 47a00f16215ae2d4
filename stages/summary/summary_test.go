package summary

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

var story = []string{
	"The river flooded the old town on Monday.",
	"Rain had fallen on the hills for a week.",
	"The flooded river closed every bridge of the old town.",
	"A baker gave bread away.",
	"On Friday one bridge opens again.",
}

func TestByWords(t *testing.T) {
	a := ByWords(append(slices.Clone(story), "", "THE river, flooded the old-town: on monday!"))
	for i := range a.Len() {
		for j := range a.Len() {
			v := a.At(i, j)
			if v != a.At(j, i) || v < 0 || v > 1+1e-9 {
				t.Errorf("%d, %d: %v and %v", i, j, v, a.At(j, i))
			}
		}
		if want := is(i != 5); math.Abs(a.At(i, i)-want) > 1e-9 {
			t.Errorf("%d is like itself by %v", i, a.At(i, i))
		}
	}
	if math.Abs(a.At(0, 6)-1) > 1e-9 || a.At(0, 2) <= a.At(0, 3) {
		t.Errorf("%v, %v, %v", a.At(0, 6), a.At(0, 2), a.At(0, 3))
	}
}

// The definitions, written out: the mean vector, and the walk until it rests.
func TestCentralityEqualsItsDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const n, dim = 9, 5
	vectors := make([]float32, n*dim)
	for i := range n {
		norm := 0.0
		for k := range dim {
			v := rng.NormFloat64() + 0.5
			vectors[i*dim+k] = float32(v)
			norm += v * v
		}
		for k := range dim {
			vectors[i*dim+k] /= float32(math.Sqrt(norm))
		}
	}
	a := ByVectors(vectors, dim)
	mean, length := make([]float64, dim), 0.0
	for i, v := range vectors {
		mean[i%dim] += float64(v) / n
	}
	for _, v := range mean {
		length += v * v
	}
	for i, got := range Centroid(a) {
		want := 0.0
		for k, m := range mean {
			want += m * float64(vectors[i*dim+k]) / math.Sqrt(length)
		}
		if math.Abs(got-want) > 1e-6 {
			t.Errorf("%d: %v, want %v", i, got, want)
		}
	}
	rank, sum := LexRank(a, 0.1, 0.85), 0.0
	for j := range n {
		want := 0.15
		for i := range n {
			all := 0.0
			for k := range n {
				if a.At(i, k) >= 0.1 {
					all += a.At(i, k)
				}
			}
			if a.At(i, j) >= 0.1 {
				want += 0.85 * rank[i] * a.At(i, j) / all
			}
		}
		if math.Abs(rank[j]-want) > 1e-6 {
			t.Errorf("%d: %v, and after a step %v", j, rank[j], want)
		}
		sum += rank[j]
	}
	if math.Abs(sum-n) > 1e-6 {
		t.Errorf("the ranks add up to %v", sum)
	}
	// Without a threshold and with equal weights of both sides, a sentence's score is
	// what it has in common with all others.
	least := math.Inf(1)
	for i := range n {
		for j := range i {
			least = min(least, a.At(i, j))
		}
	}
	for i, got := range Directed(a, 0, 1) {
		want := 0.0
		for j := range n {
			if i != j {
				want += a.At(i, j) - least
			}
		}
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("%d: %v, want %v", i, got, want)
		}
	}
	if d := Directed(a, 0, 0); d[n-1] != 0 {
		t.Errorf("nothing stands behind the last sentence, which has %v", d[n-1])
	}
}

func TestCentralSentences(t *testing.T) {
	a := ByWords(story)
	for name, scores := range map[string][]float64{"centroid": Centroid(a), "lexrank": LexRank(a, 0.05, 0.85), "directed": Directed(a, 0, 0.5)} {
		picked := Pick(scores, a, 2, 0)
		slices.Sort(picked)
		if !slices.Equal(picked, []int{0, 2}) {
			t.Errorf("%s: %v of %v", name, picked, scores)
		}
	}
	for n, all := range [][]string{nil, {"one"}, {"", ""}} {
		a := ByWords(all)
		for _, scores := range [][]float64{Centroid(a), LexRank(a, 0.1, 0.85), Directed(a, 0.1, 0)} {
			if got := Pick(scores, a, 3, 0.5); len(got) != len(all) || slices.ContainsFunc(scores, func(v float64) bool { return v-v != 0 }) {
				t.Errorf("%d: %v of %v", n, got, scores)
			}
		}
	}
}

// Of two sentences that say the same, diversity takes one.
func TestPickDiversity(t *testing.T) {
	a := ByWords([]string{"the cat sat on the mat", "the cat sat on the mat", "dogs bark at night", "dogs bark"})
	scores := []float64{1, 0.9, 0.8, 0.1}
	if got := Pick(scores, a, 2, 0); !slices.Equal(got, []int{0, 1}) {
		t.Errorf("%v", got)
	}
	if got := Pick(scores, a, 3, 0.5); !slices.Equal(got, []int{0, 2, 1}) {
		t.Errorf("%v", got)
	}
}

// The best sentence is the one whose vector points where the third number is large,
// wherever it stands.
func TestLearn(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const dim = 4
	text := func() (x Example, best int) {
		n := 3 + rng.IntN(6)
		best = rng.IntN(n)
		sentences, vectors := make([]string, n), []float32{}
		for i := range n {
			sentences[i] = []string{"a short one", "a sentence with a few more words in it"}[rng.IntN(2)]
			v := []float64{rng.NormFloat64(), rng.NormFloat64(), is(i == best) + 0.2*rng.NormFloat64(), rng.NormFloat64()}
			norm := math.Sqrt(v[0]*v[0] + v[1]*v[1] + v[2]*v[2] + v[3]*v[3])
			for _, u := range v {
				vectors = append(vectors, float32(u/norm))
			}
			x.Gains = append(x.Gains, 0.1+0.4*is(i == best))
		}
		x.Features = Features(sentences, ByVectors(vectors, dim), vectors, dim)
		return x, best
	}
	var examples []Example
	for range 300 {
		x, _ := text()
		examples = append(examples, x)
	}
	steps := 0
	learn := func() Ranker {
		r, err := Learn(context.Background(), examples, FeatureNumber(dim), 0.001, func(int, int) { steps++ })
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := learn()
	if again := learn(); !slices.Equal(r.Weights, again.Weights) || steps != 2*learnSteps {
		t.Errorf("the same examples gave other weights, or %d steps", steps)
	}
	right := 0
	for range 200 {
		x, best := text()
		scores, sum := r.Scores(x.Features), 0.0
		at := 0
		for i, s := range scores {
			if sum += s; s > scores[at] {
				at = i
			}
		}
		if math.Abs(sum-1) > 1e-9 {
			t.Fatalf("the shares add up to %v", sum)
		}
		if at == best {
			right++
		}
	}
	if right < 150 {
		t.Errorf("%d of 200 are right", right)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Learn(ctx, examples, FeatureNumber(dim), 0, func(int, int) {}); err == nil {
		t.Error("a training that is not wanted any more went on")
	}
}
