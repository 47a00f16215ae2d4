package nn

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// trained is what a step of training makes of a batch: the loss and all gradients.
type trained struct {
	loss  float32
	grads [][]float32
}

// gradientsOf computes a step by way of the trainer or, whole, of everything that the
// network gives, row by row and with its softmax.
func gradientsOf(t *testing.T, n *Network, data *Examples, loss Loss, whole bool) trained {
	t.Helper()
	cfg := countingConfig()
	cfg.Loss, cfg.BatchSize = loss, data.Len()
	tr := mustTrainer(t, n, cfg)
	tr.cfg.KeepOrder = true
	tr.visitOrder(data.Len())
	var out trained
	p := tr.pass
	if whole {
		var b Batch
		if err := n.loadBatch(context.Background(), p, &b, data, tr.order); err != nil {
			t.Fatal(err)
		}
		value := loss.Forward(p, n.Forward(p, b.input), &Target{Labels: b.Labels})
		out.loss = value.Data[0]
		p.Backward(value)
	} else {
		var all sums
		if err := tr.addGradients(context.Background(), data, tr.order, 0, 1, &all); err != nil {
			t.Fatal(err)
		}
		out.loss = float32(all.metrics().Loss)
	}
	for _, q := range tr.params {
		out.grads = append(out.grads, slices.Clone(q.Grad))
	}
	return out
}

// far is by how much two results differ at most, over the largest number of each array.
func (a trained) far(b trained) (most float64) {
	most = math.Abs(float64(a.loss - b.loss))
	for i := range a.grads {
		scale := 1e-2
		for _, v := range a.grads[i] {
			scale = max(scale, math.Abs(float64(v)))
		}
		for j, v := range a.grads[i] {
			most = max(most, math.Abs(float64(v-b.grads[i][j]))/scale)
		}
	}
	return most
}

// scoring are networks whose rows need not all count, and whether leaving rows out
// leaves the bits as they are: no sum gets shorter by anything but zeros.
var scoring = map[string]struct {
	layers string
	exact  bool
}{
	"gpt":         {`[{"gpt":{"layers":2,"heads":2,"dim":8}}]`, true},
	"llama":       {`[{"llama":{"layers":1,"heads":2,"dim":8,"tied":false}}]`, true},
	"tagger":      {`[{"bert":{"layers":1,"heads":2,"dim":8}},{"dense":{"units":"classes","activation":"softmax"}}]`, true},
	"transformer": {`[{"transformer":{"source":4,"layers":2,"heads":2,"dim":8}}]`, false},
}

// scoringData draws examples with padding and labels that do not count.
func scoringData(n *Network, r *rand.Rand) *Examples {
	const examples, vocab = 6, 9
	shape := n.OutShape()
	e := tokenBatch(examples, n.Input.Shape[0], vocab, vocab, shape[1])
	for i := range e.Tokens {
		e.Tokens[i] = r.Int32N(vocab)
	}
	for i := range examples { // texts of all lengths, and one that is empty
		row := e.Tokens[i*n.Input.Shape[0]:]
		length := n.Input.Shape[0]
		if l, ok := n.Layers[0].(*Transformer); ok {
			length = l.Source
		}
		clear(row[min(i, length):length])
		labels := e.Labels[i*shape[1] : (i+1)*shape[1]]
		for j := min(r.IntN(len(labels)+1), i); j < len(labels); j++ {
			labels[j] = -1
		}
		if r.IntN(2) == 0 {
			labels[0] = -1
		}
	}
	return e
}

func TestRowsThatDoNotCountChangeNothing(t *testing.T) {
	for name, c := range scoring {
		t.Run(name, func(t *testing.T) {
			n := networkOf(t, Input{Tokens: true, Shape: []int{9}}, Context{Classes: 9, Vocab: 9}, c.layers)
			r := rand.New(rand.NewPCG(3, 4))
			for _, loss := range []Loss{&CategoricalCrossentropy{}, &SparseCategoricalCrossentropy{CategoricalCrossentropy{LabelSmoothing: 0.1}}} {
				for round := range 8 {
					data := scoringData(n, r)
					if round == 0 {
						for i := range data.Labels {
							data.Labels[i] = -1
						}
					}
					if round == 1 {
						clear(data.Tokens)
					}
					got, want := gradientsOf(t, n, data, loss, false), gradientsOf(t, n, data, loss, true)
					if off := got.far(want); off > 2e-6 || c.exact && off > 0 {
						t.Fatalf("round %d: what is trained differs by %v from what everything gives", round, off)
					}
					m, err := n.Evaluate(context.Background(), data, loss, data.Len())
					if err != nil {
						t.Fatal(err)
					}
					if math.Abs(m.Loss-float64(want.loss)) > 1e-6 {
						t.Fatalf("round %d: the loss is %v when it is measured, %v when it is trained", round, m.Loss, want.loss)
					}
				}
			}
		})
	}
}

// Behind the last label that counts, and in the padding of the source, may be anything.
func TestTransformerDoesNotReadWhatDoesNotCount(t *testing.T) {
	n := networkOf(t, Input{Tokens: true, Shape: []int{9}}, Context{Classes: 9, Vocab: 9}, scoring["transformer"].layers)
	data := &Examples{Count: 2, Tokens: []int32{3, 4, 0, 0, 0, 5, 6, 7, 8, 1, 2, 3, 4, 0, 6, 0, 7, 8},
		Labels: []int32{5, 6, -1, -1, -1, 6, -1, 7, -1, -1}}
	loss := &CategoricalCrossentropy{}
	want := gradientsOf(t, n, data, loss, false)
	for _, i := range []int{6, 7, 8, 16, 17} {
		data.Tokens[i] = 2
	}
	if off := gradientsOf(t, n, data, loss, false).far(want); off != 0 {
		t.Errorf("tokens that nobody reads change what is trained by %v", off)
	}
	data.Tokens[5] = 1
	if off := gradientsOf(t, n, data, loss, false).far(want); off == 0 {
		t.Error("a token that is read changes nothing")
	}
}

// A batch gives the mean of what its pairs give alone, weighted by how many labels count.
func TestTransformerOfABatchIsThatOfItsPairs(t *testing.T) {
	n := networkOf(t, Input{Tokens: true, Shape: []int{9}}, Context{Classes: 9, Vocab: 9}, scoring["transformer"].layers)
	data := scoringData(n, rand.New(rand.NewPCG(5, 6)))
	loss := &CategoricalCrossentropy{LabelSmoothing: 0.1}
	got := gradientsOf(t, n, data, loss, false)
	want, all := trained{grads: make([][]float32, len(got.grads))}, 0
	for i := range data.Count {
		pair := &Examples{Count: 1, Tokens: data.Tokens[i*9 : (i+1)*9], Labels: data.Labels[i*5 : (i+1)*5]}
		counted := 0
		for _, l := range pair.Labels {
			if l >= 0 {
				counted++
			}
		}
		all += counted
		one := gradientsOf(t, n, pair, loss, false)
		want.loss += one.loss * float32(counted)
		for j, g := range one.grads {
			if want.grads[j] == nil {
				want.grads[j] = make([]float32, len(g))
			}
			for k, v := range g {
				want.grads[j][k] += v * float32(counted)
			}
		}
	}
	want.loss /= float32(all)
	for _, g := range want.grads {
		for k := range g {
			g[k] /= float32(all)
		}
	}
	if off := got.far(want); off > 2e-6 {
		t.Errorf("the batch differs from its pairs by %v", off)
	}
}

func TestTargetsWithoutLabelsAreRefused(t *testing.T) {
	n := networkOf(t, Input{Shape: []int{2}}, Context{}, `[{"dense":{"units":2,"activation":"softmax"}}]`)
	defer func() {
		if r, _ := recover().(string); !strings.Contains(r, "needs labels") {
			t.Errorf("panics with %q", r)
		}
	}()
	data := &Examples{Count: 1, Features: []float32{1, 2}, Values: []float32{1, 0}}
	_, err := n.Evaluate(context.Background(), data, &CategoricalCrossentropy{}, 1)
	t.Fatal(err)
}
