package nn

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
)

func predictAll(t testing.TB, n *Network, src Source, batch int) []float32 {
	var all []float32
	err := n.Predict(context.Background(), src, batch, func(_ int, y []float32) error {
		all = append(all, y...)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return all
}

func TestAnAnswerDoesNotDependOnItsBatch(t *testing.T) {
	n, data := countingNetwork(t, 1), countingTask(50, 9, 1)
	want := predictAll(t, n, data, 50)
	for _, batch := range []int{1, 3, 16, 64} {
		if !slices.Equal(want, predictAll(t, n, data, batch)) {
			t.Errorf("batches of %d give other bits than one of 50", batch)
		}
	}
}

func TestPredictByManyGoroutines(t *testing.T) {
	n, data := countingNetwork(t, 1), countingTask(50, 9, 1)
	want := predictAll(t, n, data, 8)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if !slices.Equal(want, predictAll(t, n, data, 8)) {
				t.Error("goroutines disturb each other")
			}
		})
	}
	group.Wait()
}

func TestNetworkIsStoredAndLoaded(t *testing.T) {
	n := countingNetwork(t, 1)
	data, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseNetwork(data)
	if err != nil {
		t.Fatal(err)
	}
	weights := weightBytes(t, n)
	if err := again.ReadWeights(bytes.NewReader(weights), int64(len(weights))); err != nil {
		t.Fatal(err)
	}
	task := countingTask(20, 9, 1)
	if !slices.Equal(predictAll(t, n, task, 8), predictAll(t, again, task, 8)) {
		t.Error("the loaded network answers differently")
	}
	if second, err := json.Marshal(again); err != nil || !bytes.Equal(data, second) {
		t.Errorf("the architecture changes on its way:\n%s\n%s\n%v", data, second, err)
	}
}

func TestParseNetworkRefuses(t *testing.T) {
	good, err := json.Marshal(countingNetwork(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ from, to, want string }{
		{"pipe.network/1", "pipe.network/2", "format"},
		{`"lstm"`, `"lstn"`, `unknown layer "lstn"`},
		{`"rate"`, `"rat"`, `no field "rat"`},
		{`"units":6`, `"units":0`, "positive"},
		{`"units":6`, `"units":[]`, "positive"},
		{`"dim":5`, `"dim":0`, "dim"},
		{`"shape":[9]`, `"shape":[0]`, "known"},
		{`"shape":[9]`, `"shape":[9,2]`, "(batch, time)"},
	} {
		data := strings.Replace(string(good), c.from, c.to, 1)
		if _, err := ParseNetwork([]byte(data)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s → %s: got %v, want it to say %q", c.from, c.to, err, c.want)
		}
	}
}

// TestStoredNetworkMayLie gives sizes that no machine has: parsing must not try to
// allocate them, and the weights then do not fit.
func TestStoredNetworkMayLie(t *testing.T) {
	n := countingNetwork(t, 1)
	good, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	weights := weightBytes(t, n)
	for _, c := range []struct{ from, to string }{
		{`"vocab":4`, `"vocab":1099511627776`},
		{`"dim":5`, `"dim":1099511627776`},
		{`"units":6`, `"units":1099511627776`},
	} {
		huge, err := ParseNetwork([]byte(strings.Replace(string(good), c.from, c.to, 1)))
		if err != nil {
			t.Fatalf("%s: %v", c.to, err)
		}
		if err := huge.Predict(context.Background(), countingTask(1, 9, 1), 1, nil); err == nil {
			t.Errorf("%s: a network without weights answers", c.to)
		}
		if err := huge.ReadWeights(bytes.NewReader(weights), int64(len(weights))); err == nil {
			t.Errorf("%s: weights of another size fit", c.to)
		}
	}
	for _, lie := range []string{
		`{"format":"pipe.network/1","input":{"shape":[1099511627776]},"context":{},"layers":[{"dense":{"units":1}}]}`,
		`{"format":"pipe.network/1","input":{"shape":[4294967296,4294967296,4294967296]},"context":{},"layers":[{"flatten":{}}]}`,
		`{"format":"pipe.network/1","input":{"tokens":true,"shape":[9]},"context":{"vocab":3},"layers":[{"gpt":{"layers":1099511627776}}]}`,
		`{"format":"pipe.network/1","input":{"shape":[9,9]},"context":{},"layers":[{"dense":{"units":2147483648}},{"positional_encoding":{}}]}`,
	} {
		if _, err := ParseNetwork([]byte(lie)); err == nil {
			t.Errorf("%s is taken", lie)
		}
	}
	if _, err := NewNetwork(Input{Shape: []int{1 << 20}}, Context{}, []Layer{classifier(1<<20, Linear)}, 1); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("a parameter of 2^40 numbers: %v", err)
	}
}

func TestReadWeightsRefusesAndChangesNothing(t *testing.T) {
	n := countingNetwork(t, 1)
	before := weightBytes(t, n)
	var arrays []Array
	for _, p := range countingNetwork(t, 2).Params() {
		arrays = append(arrays, Array{p.Name, p.Shape, p.Data})
	}
	extra := append(slices.Clone(arrays), Array{"9.weight", Shape{1}, []float32{1}})
	reshaped := slices.Clone(arrays)
	reshaped[1].Shape = Shape{reshaped[1].Shape[1], reshaped[1].Shape[0]}
	for _, c := range []struct {
		arrays []Array
		want   string
	}{
		{arrays[1:], `"0.weight" is missing`},
		{extra, `"9.weight" is not a parameter`},
		{reshaped, "has shape (5, 24), the network needs (24, 5)"},
	} {
		var b bytes.Buffer
		if err := WriteSafetensors(&b, c.arrays, nil); err != nil {
			t.Fatal(err)
		}
		if err := n.ReadWeights(&b, int64(b.Len())); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want it to say %q", err, c.want)
		}
	}
	if !bytes.Equal(before, weightBytes(t, n)) {
		t.Error("refused weights have changed the network")
	}
}

func TestCheckSaysWhichLayerIsWrong(t *testing.T) {
	tokens := Input{Tokens: true, Shape: []int{20}}
	embedding, dense := &Embedding{Dim: 8}, &Dense{Units: Classes, Activation: Softmax}
	lstm := func(sequences bool) Layer {
		return &LSTM{Recurrent: Recurrent{Units: 4, ReturnSequences: sequences}}
	}
	for _, c := range []struct {
		in     Input
		layers []Layer
		index  int
		want   string
	}{
		{tokens, []Layer{lstm(false)}, 0, "begin with an embedding"},
		{Input{Shape: []int{3}}, []Layer{embedding}, 0, "needs token ids"},
		{tokens, []Layer{embedding, embedding}, 1, "needs token ids"},
		{tokens, []Layer{embedding, lstm(false), lstm(false)}, 2, "needs input of shape (batch, time, features), got (?, 4)"},
		{tokens, []Layer{embedding, lstm(true), &Dense{Activation: Linear}}, 2, "units must be at least 1"},
		{tokens, []Layer{embedding, &Dropout{Rate: 1}}, 1, "below 1"},
		{tokens, []Layer{embedding, &ActivationLayer{Function: "swish"}}, 1, "swish"},
	} {
		_, err := Check(c.in, Context{}, c.layers)
		var layer *LayerError
		if !errors.As(err, &layer) || layer.Index != c.index || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want layer %d and %q", err, c.index+1, c.want)
		}
	}
	shapes, err := Check(Input{Tokens: true, Shape: []int{Unknown}}, Context{}, []Layer{embedding, lstm(true), lstm(false), dense})
	if err != nil || shapes[1].String() != "(?, ?, 4)" || shapes[3].String() != "(?, ?)" {
		t.Errorf("unknown sizes: %v, %v", shapes, err)
	}
	if _, err := NewNetwork(Input{Shape: []int{3}}, Context{}, []Layer{dense}, 1); err == nil ||
		!strings.Contains(err.Error(), "number of classes") {
		t.Errorf("a network without its number of classes: %v", err)
	}
}

func TestLossesRefuseOutputsTheyCannotMeasure(t *testing.T) {
	for _, c := range []struct {
		loss Loss
		out  Dense
		c    Context
		want string
	}{
		{&CategoricalCrossentropy{}, Dense{Units: 3, Activation: Linear}, Context{Classes: 3}, "softmax"},
		{&CategoricalCrossentropy{}, Dense{Units: 4, Activation: Softmax}, Context{Classes: 3}, "width 3"},
		{&CategoricalCrossentropy{FromLogits: true}, Dense{Units: 3, Activation: Linear}, Context{Classes: 3}, ""},
		{&SparseCategoricalCrossentropy{}, Dense{Units: Classes, Activation: Softmax}, Context{}, ""},
		{&BinaryCrossentropy{}, Dense{Units: 1, Activation: Tanh}, Context{Classes: 2}, "sigmoid"},
		{&BinaryCrossentropy{}, Dense{Units: 1, Activation: Sigmoid}, Context{Classes: 3}, "two labels"},
		{&BinaryCrossentropy{}, Dense{Units: 1, Activation: Sigmoid}, Context{Classes: 2}, ""},
		{&MSE{}, Dense{Units: 4, Activation: Linear}, Context{Classes: 3}, "width 3"},
		{&MSE{}, Dense{Units: 4, Activation: Linear}, Context{}, ""},
	} {
		stack := []Layer{&c.out}
		shapes, err := Check(Input{Shape: []int{5}}, c.c, stack)
		if err != nil {
			t.Fatal(err)
		}
		err = CheckLoss(c.loss, stack, shapes, c.c)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s after %+v: got %v, want it to say %q", LossKind(c.loss), c.out, err, c.want)
		}
	}
}

func TestSummaryCountsParametersAndProducts(t *testing.T) {
	rows := countingNetwork(t, 1).Summary()
	want := []LayerSummary{
		{"embedding", Shape{Unknown, 9, 5}, 4 * 5, 0},
		{"dropout", Shape{Unknown, 9, 5}, 0, 0},
		{"lstm", Shape{Unknown, 12}, 2 * (24*5 + 24*6 + 24), 9 * 2 * 24 * (5 + 6)},
		{"dense", Shape{Unknown, 3}, 12*3 + 3, 12 * 3},
	}
	if !reflect.DeepEqual(rows, want) {
		t.Errorf("got %+v\nwant %+v", rows, want)
	}
}

// TestPublishedSizes compares parameters and products with what torchvision's and
// Hugging Face's pages say of the whole networks, less their classifiers.
func TestPublishedSizes(t *testing.T) {
	image, text := Input{Shape: []int{224, 224, 3}}, Input{Tokens: true, Shape: []int{1024}}
	for _, c := range []struct {
		in       Input
		kind     string
		params   int // running statistics not counted
		products float64
	}{
		{image, "resnet18", 11689512 - 513000, 1.814e9},
		{image, "resnet34", 21797672 - 513000, 3.664e9},
		{image, "resnet50", 25557032 - 2049000, 4.089e9},
		{image, "squeezenet", 1235496 - 513000, 0.349e9 - 13*13*512*1000},
		{text, "gpt", 124439808, 0},
		{text, "bert", 109482240 - 590592, 0},
	} {
		l, err := NewLayer(c.kind)
		if err != nil {
			t.Fatal(err)
		}
		context := Context{Vocab: 50257}
		if c.kind == "bert" {
			context.Vocab, c.in = 30522, Input{Tokens: true, Shape: []int{512}}
		}
		rows, err := Describe(c.in, context, []Layer{l})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range l.Params() {
			if !p.Trainable {
				rows[0].Params -= p.size()
			}
		}
		if rows[0].Params != c.params {
			t.Errorf("%s has %d parameters, published are %d", c.kind, rows[0].Params, c.params)
		}
		if off := math.Abs(float64(rows[0].Multiplies)/c.products - 1); c.products > 0 && off > 0.01 {
			t.Errorf("%s sums %d products, published are %.4g", c.kind, rows[0].Multiplies, c.products)
		}
	}
}

// networkOf builds a network of layers as JSON.
func networkOf(t testing.TB, in Input, c Context, layers string) *Network {
	t.Helper()
	var raw []json.RawMessage
	if err := json.Unmarshal([]byte(layers), &raw); err != nil {
		t.Fatal(err)
	}
	var stack []Layer
	for _, r := range raw {
		l, err := unmarshalKind(r, NewLayer)
		if err != nil {
			t.Fatal(err)
		}
		stack = append(stack, l)
	}
	n, err := NewNetwork(in, c, stack, 1)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
