package nn

import (
	"context"
	"testing"
)

// TestNetworksOfTheBenchmarkAllocateNothing trains and asks small forms of the
// networks that benchmarks/nn times.
func TestNetworksOfTheBenchmarkAllocateNothing(t *testing.T) {
	text := Input{Tokens: true, Shape: []int{8}}
	words := Context{Classes: 7, Vocab: 9}
	for name, c := range map[string]struct {
		in      Input
		context Context
		layers  string
	}{
		"lstm":       {text, words, `[{"embedding":{"dim":4,"mask_zero":true}},{"lstm":{"units":6}},{"dense":{"units":"classes","activation":"softmax"}}]`},
		"gru":        {text, words, `[{"embedding":{"dim":4}},{"gru":{"units":6,"bidirectional":true}},{"dense":{"units":"classes","activation":"softmax"}}]`},
		"simple_rnn": {text, words, `[{"embedding":{"dim":4}},{"simple_rnn":{"units":6}},{"dense":{"units":"classes","activation":"softmax"}}]`},
		"cnn": {Input{Shape: []int{12, 12, 1}}, Context{Classes: 7}, `[{"conv2d":{"filters":4,"kernel_size":[3],"activation":"relu"}},{"max_pool":{}},
			{"conv2d":{"filters":4,"kernel_size":[3],"activation":"relu"}},{"avg_pool":{}},{"flatten":{}},{"dense":{"units":"classes","activation":"softmax"}}]`},
		"resnet":      {Input{Shape: []int{32, 32, 3}}, Context{Classes: 7}, `[{"resnet18":{"width":2}},{"dense":{"units":"classes","activation":"softmax"}}]`},
		"gpt":         {text, words, `[{"gpt":{"layers":2,"heads":2,"dim":8,"dropout":0.1}},{"global_max_pool":{}},{"dense":{"units":"classes","activation":"softmax"}}]`},
		"llama":       {text, words, `[{"llama":{"layers":2,"heads":2,"dim":8}},{"global_max_pool":{}},{"dense":{"units":"classes","activation":"softmax"}}]`},
		"bert":        {text, words, `[{"bert":{"layers":2,"heads":2,"dim":8}},{"global_avg_pool":{}},{"unit_norm":{}},{"dense":{"units":"classes","activation":"softmax"}}]`},
		"squeezenet":  {Input{Shape: []int{40, 40, 3}}, Context{Classes: 7}, `[{"squeezenet":{"width":2}},{"dense":{"units":"classes","activation":"softmax"}}]`},
		"seq2seq":     {text, Context{Classes: 9, Vocab: 9}, `[{"transformer":{"source":4,"layers":2,"heads":2,"dim":8,"dropout":0.1}}]`},
		"tagger":      {text, words, `[{"embedding":{"dim":4,"mask_zero":true}},{"dense":{"units":"classes","activation":"softmax"}}]`},
		"transformer": {text, words, `[{"embedding":{"dim":8}},{"positional_encoding":{}},{"transformer_block":{"heads":2,"rope":true}},{"layer_norm":{}},{"global_avg_pool":{}},{"dense":{"units":"classes","activation":"softmax"}}]`},
	} {
		t.Run(name, func(t *testing.T) {
			n := networkOf(t, c.in, c.context, c.layers)
			positions := 1 // that have a label
			if out := n.OutShape(); len(out) == 3 {
				positions = out[1]
			}
			data := tokenBatch(4, c.in.size(), max(c.context.Vocab, 1), c.context.Classes, positions)
			for i := range positions - 1 { // of the last example, one counts
				data.Labels[4*positions-1-i] = -1
			}
			if !c.in.Tokens {
				data.Features = make([]float32, len(data.Tokens))
				for i := range data.Features {
					data.Features[i] = float32(i%7) - 3
				}
				data.Tokens = nil
			}
			tr := mustTrainer(t, n, countingConfig())
			tr.visitOrder(data.Len())
			ctx := context.Background()
			none(t, "a step of training", func() {
				if _, err := tr.step(ctx, data, tr.order, 1); err != nil {
					t.Fatal(err)
				}
			})
			p, numbers := NewPass(), []int{0, 1, 2, 3}
			p.packs = &n.packs
			none(t, "an answer", func() {
				if _, err := n.predictBatch(ctx, p, data, numbers); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// none demands that f allocates nothing after a few calls.
func none(t *testing.T, what string, f func()) {
	t.Helper()
	for range 4 {
		f()
	}
	if got := testing.AllocsPerRun(10, f); got != 0 {
		t.Errorf("%s allocates %v times", what, got)
	}
}
