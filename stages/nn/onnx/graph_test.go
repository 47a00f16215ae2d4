package onnx

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pipe/stages/nn"
)

// TestGraphsOfOthersAreComputed reads models that PyTorch and transformers made
// (record_graphs.py), and compares with onnxruntime. PIPE_ONNX_GRAPHS names a folder of
// more of them.
func TestGraphsOfOthersAreComputed(t *testing.T) {
	folder := os.Getenv("PIPE_ONNX_GRAPHS")
	if folder == "" {
		folder = filepath.Join("testdata", "graphs")
	}
	models, err := filepath.Glob(filepath.Join(folder, "*.onnx"))
	if err != nil || len(models) == 0 {
		t.Fatalf("no models: %v", err)
	}
	for _, path := range models {
		t.Run(filepath.Base(path), func(t *testing.T) {
			model := readFile(t, path)
			net, err := Import(bytes.NewReader(model), int64(len(model)))
			if err != nil {
				t.Fatal(err)
			}
			src := &nn.Examples{}
			raw := readFile(t, strings.TrimSuffix(path, ".onnx")+".in")
			for ; len(raw) >= 8 && net.Input.Tokens; raw = raw[8:] {
				src.Tokens = append(src.Tokens, int32(binary.LittleEndian.Uint64(raw)))
			}
			for ; len(raw) >= 4; raw = raw[4:] {
				src.Features = append(src.Features, math.Float32frombits(binary.LittleEndian.Uint32(raw)))
			}
			src.Count = (len(src.Tokens) + len(src.Features)) / nn.Shape(net.Input.Shape).Size()
			var want []float32
			for raw := readFile(t, strings.TrimSuffix(path, ".onnx")+".out"); len(raw) >= 4; raw = raw[4:] {
				want = append(want, math.Float32frombits(binary.LittleEndian.Uint32(raw)))
			}
			// As it is, and written to a folder's two files and read again.
			for range 2 {
				var got []float32
				if err := net.Predict(context.Background(), src, 2, func(_ int, y []float32) error { got = append(got, y...); return nil }); err != nil {
					t.Fatal(err)
				}
				if d := distance(got, want); !(d < 1e-4) {
					t.Errorf("%d layers give numbers that differ from onnxruntime's by %v (%d and %d numbers)", len(net.Layers), d, len(got), len(want))
				}
				text, err := net.MarshalJSON()
				if err != nil {
					t.Fatal(err)
				}
				var weights bytes.Buffer
				if err := net.WriteWeights(&weights); err != nil {
					t.Fatal(err)
				}
				if net, err = nn.ParseNetwork(text); err != nil {
					t.Fatal(err)
				}
				if err := net.ReadWeights(&weights, int64(weights.Len())); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestConstantsAreDecodedOnce runs a graph again and again: what it gives stays, and
// what it takes does not grow with its constants.
func TestConstantsAreDecodedOnce(t *testing.T) {
	const n = 1 << 16
	ids := make([]int64, n)
	for i := range ids {
		ids[i] = int64(i % 3)
	}
	first := newTensor("", []int64{n}, ids)
	m := &Model{IRVersion: 8, Opsets: []Opset{{Version: 17}}, Graph: &Graph{
		Nodes: []*Node{
			{Op: "Constant", Outputs: []string{"many"}, Attributes: []*Attribute{{Name: "value", Type: TensorAttribute, Tensor: first}}},
			{Op: "Gather", Inputs: []string{"many", "place"}, Outputs: []string{"one"}},
			{Op: "Gather", Inputs: []string{"more", "place"}, Outputs: []string{"two"}},
			{Op: "Add", Inputs: []string{"one", "two"}, Outputs: []string{"sum"}},
			{Op: "Cast", Inputs: []string{"sum"}, Outputs: []string{"float"}, Attributes: []*Attribute{{Name: "to", Type: IntAttribute, Int: int64(Float32)}}},
			{Op: "Add", Inputs: []string{"x", "float"}, Outputs: []string{"y"}},
		},
		Initializers: []*Tensor{newTensor("more", []int64{n}, ids), newTensor("place", nil, []int64{4})},
		Inputs:       []*ValueInfo{{Name: "x", Type: Float32, Dims: []Dim{{}, {Size: 2}}}},
		Outputs:      []*ValueInfo{{Name: "y", Type: Float32, Dims: []Dim{{}, {Size: 2}}}},
	}}
	net, err := m.computed(nil, trialBudget)
	if err != nil {
		t.Fatal(err)
	}
	src := &nn.Examples{Count: 1, Features: []float32{10, 20}}
	run := func() (got []float32) {
		if err := net.Predict(context.Background(), src, 1, func(_ int, y []float32) error { got = append(got, y...); return nil }); err != nil {
			t.Fatal(err)
		}
		return got
	}
	for range 3 {
		if got := run(); !slices.Equal(got, []float32{12, 22}) {
			t.Fatalf("it gives %v", got)
		}
	}
	r := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			run()
		}
	})
	if got := r.AllocedBytesPerOp(); got > 8*n/4 {
		t.Errorf("a run takes %d bytes, of constants of %d", got, 2*8*n)
	}
}

// TestNewEndsAreTrainedOnComputedGraphs puts a layer on an imported graph.
func TestNewEndsAreTrainedOnComputedGraphs(t *testing.T) {
	model := readFile(t, "testdata/graphs/dynamo_pictures.onnx")
	front, err := Import(bytes.NewReader(model), int64(len(model)))
	if err != nil {
		t.Fatal(err)
	}
	if kind := nn.LayerKind(front.Layers[0]); kind != "onnx" {
		t.Fatalf("the first layer is %q", kind)
	}
	before := append([]float32(nil), front.Params()[0].Data...)
	dense, err := nn.NewLayer("dense")
	if err != nil {
		t.Fatal(err)
	}
	dense.(*nn.Dense).Units = 2
	net, err := front.Extended(front.Input, nn.Context{Classes: 2}, 1, []nn.Layer{dense}, 1)
	if err != nil {
		t.Fatal(err)
	}
	loss, optimizer := &nn.CategoricalCrossentropy{FromLogits: true}, &nn.SGD{LearningRate: 0.5}
	trainer, err := nn.NewTrainer(net, nn.FitConfig{Epochs: 40, BatchSize: 2, Loss: loss, Optimizer: optimizer})
	if err != nil {
		t.Fatal(err)
	}
	src := &nn.Examples{Count: 2, Labels: []int32{0, 1}}
	for i := range 2 * nn.Shape(net.Input.Shape).Size() {
		src.Features = append(src.Features, float32(i%(7+i/360))/7)
	}
	if err := trainer.Fit(context.Background(), src, nil, nn.Callbacks{}); err != nil {
		t.Fatal(err)
	}
	h := trainer.History()
	if first, last := h[0].Loss, h[len(h)-1].Loss; !(last < first) {
		t.Errorf("the loss was %v and is %v", first, last)
	}
	if !slices.Equal(before, net.Params()[0].Data) {
		t.Error("the imported graph was trained")
	}
}

// TestGraphsThatGiveProbabilitiesSayTheirEnd puts operators behind a graph that ends with
// a softmax, or changes this one.
func TestGraphsThatGiveProbabilitiesSayTheirEnd(t *testing.T) {
	behind := func(ops ...string) func(g *Graph) {
		return func(g *Graph) {
			for _, op := range ops {
				out := g.Outputs[0].Name
				g.Nodes = append(g.Nodes, &Node{Op: op, Inputs: []string{out}, Outputs: []string{out + "'"}})
				g.Outputs[0].Name += "'"
			}
		}
	}
	changed := func(op string) func(g *Graph) {
		return func(g *Graph) {
			for _, n := range g.Nodes {
				if n.Op == "Softmax" {
					n.Op = op
				}
			}
		}
	}
	for name, c := range map[string]struct {
		change func(g *Graph)
		want   nn.Activation
	}{
		"as it is":             {behind(), nn.Softmax},
		"identity":             {behind("Identity", "Identity"), nn.Softmax},
		"in parts":             {behind("Log", "Exp"), nn.Softmax},
		"logarithms":           {changed("LogSoftmax"), nn.Linear},
		"logits":               {changed("Identity"), nn.Linear},
		"sigmoid":              {changed("Sigmoid"), nn.Sigmoid},
		"sigmoid and identity": {behind("Sigmoid", "Identity"), nn.Sigmoid},
		"never negative":       {behind("Sqrt"), nn.Linear},
	} {
		m, err := read(readFile(t, "testdata/graphs/dynamo_pictures.onnx"))
		if err != nil {
			t.Fatal(err)
		}
		c.change(m.Graph)
		net, err := m.imported(nil, trialBudget)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := net.EndsWith(); got != c.want {
			t.Errorf("%s: the graph ends with %q and not %q", name, got, c.want)
		}
	}
}

// TestGraphsThatCannotBeComputedSayWhy changes a graph so that it asks for too much.
func TestGraphsThatCannotBeComputedSayWhy(t *testing.T) {
	for want, change := range map[string]func(g *Graph){
		`cannot be imported: Loop, com.example.Magic (first nodes: "`: func(g *Graph) {
			g.Nodes[0].Op, g.Nodes[1].Op, g.Nodes[1].Domain, g.Nodes[2].Op = "Loop", "Magic", "com.example", "Loop"
		},
		"is given by no node before":   func(g *Graph) { g.Nodes[2].Inputs[0] = "nothing" },
		"no node gives the output":     func(g *Graph) { g.Outputs[0].Name = "nothing" },
		"of which too little is known": func(g *Graph) { g.Inputs[0].Dims[2] = Dim{Param: "height"} },
		"more work":                    func(g *Graph) { g.Inputs[0].Dims[2].Size, g.Inputs[0].Dims[3].Size = 1<<12, 1<<12 },
	} {
		m, err := read(readFile(t, "testdata/graphs/dynamo_pictures.onnx"))
		if err != nil {
			t.Fatal(err)
		}
		change(m.Graph)
		if _, err := m.imported(nil, 1<<24); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
