package nn

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// pyTorchCases are networks that testdata/pytorch_state.py has too.
var pyTorchCases = []struct {
	name   string
	tokens bool
	shape  []int
	layers string
}{
	{"dense", false, []int{5}, `[{"dense":{"units":4}},{"dense":{"units":3}}]`},
	{"embedding_lstm", true, []int{8}, `[{"embedding":{"dim":4}},{"lstm":{"units":3}},{"dense":{"units":2}}]`},
	{"bidirectional", true, []int{8}, `[{"embedding":{"dim":4}},{"lstm":{"units":3,"bidirectional":true}},{"dense":{"units":2}}]`},
	{"gru", true, []int{8}, `[{"embedding":{"dim":4}},{"gru":{"units":3}},{"dense":{"units":2}}]`},
	{"rnn", true, []int{8}, `[{"embedding":{"dim":4}},{"simple_rnn":{"units":3}},{"dense":{"units":2}}]`},
	{"conv1d", true, []int{8}, `[{"embedding":{"dim":3}},{"conv1d":{"filters":4,"kernel_size":[3]}},{"activation":{"function":"relu"}},{"max_pool":{}},{"flatten":{}},{"dense":{"units":2}}]`},
	{"conv1d_wide", true, []int{8}, `[{"embedding":{"dim":8}},{"conv1d":{"filters":8,"kernel_size":[3]}},{"flatten":{}},{"dense":{"units":2}}]`},
	{"conv2d", false, []int{6, 6, 3}, `[{"conv2d":{"filters":4,"kernel_size":[3]}},{"batch_norm":{}},{"activation":{"function":"relu"}},{"conv2d":{"filters":4,"kernel_size":[2,3],"groups":2}},{"flatten":{}},{"batch_norm":{}},{"dropout":{}},{"dense":{"units":5}},{"dense":{"units":3}}]`},
	{"depthwise", false, []int{6, 6, 3}, `[{"conv2d":{"filters":3,"kernel_size":[3],"groups":3}},{"conv2d":{"filters":3,"kernel_size":[3]}},{"avg_pool":{}},{"flatten":{}},{"dense":{"units":2}}]`},
	{"reshaped", true, []int{8}, `[{"embedding":{"dim":4}},{"reshape":{"shape":[8,4,1]}},{"conv2d":{"filters":3,"kernel_size":[1]}},{"conv2d":{"filters":3,"kernel_size":[3]}},{"flatten":{}},{"dense":{"units":3}}]`},
	{"norms", false, []int{5}, `[{"dense":{"units":6}},{"layer_norm":{}},{"rms_norm":{}},{"batch_norm":{}},{"dense":{"units":2}}]`},
	{"attention", true, []int{8}, `[{"embedding":{"dim":4}},{"multi_head_attention":{"heads":2}},{"global_avg_pool":{}},{"dense":{"units":2}}]`},
	{"picture", false, []int{5, 5, 3}, `[{"flatten":{}},{"dense":{"units":2}}]`},
}

// scattered gives every parameter numbers of its own, also biases that begin at 0.
func scattered(t *testing.T, in Input, c Context, layers string) *Network {
	t.Helper()
	n, err := NewNetwork(in, c, stackOf(t, layers), 3)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(5, uint64(len(layers))))
	for _, p := range n.params {
		for i := range p.Data {
			p.Data[i] = float32(rng.NormFloat64() / 2)
			if strings.HasSuffix(p.Name, "running_var") {
				p.Data[i] = p.Data[i]*p.Data[i] + 0.5
			}
		}
	}
	n.params[len(n.params)-1].Data[0] = float32(math.Copysign(0, -1))
	return n
}

func stackOf(t *testing.T, layers string) []Layer {
	t.Helper()
	var items []json.RawMessage
	if err := json.Unmarshal([]byte(layers), &items); err != nil {
		t.Fatal(err)
	}
	stack := make([]Layer, len(items))
	for i, item := range items {
		var err error
		if stack[i], err = unmarshalKind(item, NewLayer); err != nil {
			t.Fatalf("%s: %v", item, err)
		}
	}
	return stack
}

// TestPyTorchComputesWhatIsWritten loads what WritePyTorch writes into PyTorch's modules,
// by name, and compares what they give.
func TestPyTorchComputesWhatIsWritten(t *testing.T) {
	python := os.Getenv("PIPE_TORCH_PYTHON")
	if python == "" {
		t.Skip("skipped: PIPE_TORCH_PYTHON names no Python with torch and safetensors")
	}
	dir := t.TempDir()
	const rows = 4
	want := map[string][]float32{}
	for _, c := range pyTorchCases {
		n := scattered(t, Input{c.tokens, c.shape}, Context{Vocab: 11}, c.layers)
		rng := rand.New(rand.NewPCG(9, 9))
		e := &Examples{Count: rows}
		var in any
		if size := rows * n.Input.size(); c.tokens {
			for range size {
				e.Tokens = append(e.Tokens, 1+rng.Int32N(10))
			}
			in = e.Tokens
		} else {
			for range size {
				e.Features = append(e.Features, float32(rng.NormFloat64()))
			}
			in = e.Features
		}
		err := n.Predict(context.Background(), e, rows, func(_ int, y []float32) error {
			want[c.name] = append(want[c.name], y...)
			return nil
		})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		text, err := json.Marshal(map[string]any{"in": in, "tokens": c.tokens, "shape": append([]int{rows}, c.shape...)})
		if err != nil {
			t.Fatal(err)
		}
		var weights bytes.Buffer
		if err := n.WritePyTorch(&weights); err != nil {
			t.Fatal(err)
		}
		for name, data := range map[string][]byte{c.name + ".json": text, c.name + ".safetensors": weights.Bytes()} {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	if out, err := exec.Command(python, "testdata/pytorch_state.py", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, ours := range want {
		data, err := os.ReadFile(filepath.Join(dir, name+".out.json"))
		if err != nil {
			t.Fatal(err)
		}
		var theirs []float32
		if err := json.Unmarshal(data, &theirs); err != nil || len(theirs) != len(ours) {
			t.Fatalf("%s: %d numbers, want %d: %v", name, len(theirs), len(ours), err)
		}
		for i, v := range ours {
			if d := math.Abs(float64(v - theirs[i])); d > 1e-5*(1+math.Abs(float64(v))) {
				t.Errorf("%s: PyTorch gives %g for number %d, we give %g", name, theirs[i], i, v)
				break
			}
		}
	}
}

// TestPyTorchBringsEveryBitBack holds for every kind of layer, also those that PyTorch
// does not have.
func TestPyTorchBringsEveryBitBack(t *testing.T) {
	cases := pyTorchCases
	add := func(name string, tokens bool, shape []int, layers string) {
		cases = append(cases, pyTorchCases[0])
		c := &cases[len(cases)-1]
		c.name, c.tokens, c.shape, c.layers = name, tokens, shape, layers
	}
	add("learned states", true, []int{8}, `[{"embedding":{"dim":4}},{"lstm":{"units":3,"initial_state":"learned"}}]`)
	add("no bias", true, []int{8}, `[{"embedding":{"dim":4}},{"gru":{"units":3,"use_bias":false}}]`)
	add("branches", false, []int{6, 6, 3}, `[{"branches":{"branches":[[{"conv2d":{"filters":2,"kernel_size":[3]}},{"flatten":{}}],[{"conv2d":{"filters":4,"kernel_size":[2]}},{"flatten":{}}]]}},{"dense":{"units":2}}]`)
	add("residual", false, []int{6, 6, 3}, `[{"residual":{"layers":[{"conv2d":{"filters":3,"kernel_size":[3],"padding":"same"}}]}},{"flatten":{}},{"dense":{"units":2}}]`)
	add("squeezenet", false, []int{32, 32, 3}, `[{"squeezenet":{"width":2,"pool":false}},{"flatten":{}},{"dense":{"units":2}}]`)
	add("resnet18", false, []int{32, 32, 3}, `[{"resnet18":{"width":2}},{"dense":{"units":2}}]`)
	add("positions", true, []int{8}, `[{"embedding":{"dim":4}},{"positional_encoding":{"encoding":"learned"}},{"transformer_block":{"heads":2,"rope":true,"kv_heads":1}},{"global_max_pool":{}}]`)
	add("gpt", true, []int{8}, `[{"gpt":{"layers":1,"heads":2,"dim":4}}]`)
	add("llama", true, []int{8}, `[{"llama":{"layers":1,"heads":2,"dim":4}}]`)
	add("bert", true, []int{8}, `[{"bert":{"layers":1,"heads":2,"dim":4}},{"global_avg_pool":{}},{"unit_norm":{}}]`)
	for _, c := range cases {
		in, context := Input{c.tokens, c.shape}, Context{Vocab: 11, Classes: 11}
		n := scattered(t, in, context, c.layers)
		var file bytes.Buffer
		if err := n.WritePyTorch(&file); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		for how, read := range map[string]func(*Network) error{
			"ReadPyTorch": func(n *Network) error {
				return n.ReadPyTorch(bytes.NewReader(file.Bytes()), int64(file.Len()), sameName)
			},
			"ReadWeights": func(n *Network) error { return n.ReadWeights(bytes.NewReader(file.Bytes()), int64(file.Len())) },
			"ReadPyTorch of our layout": func(n *Network) error {
				var ours bytes.Buffer
				if err := scattered(t, in, context, c.layers).WriteWeights(&ours); err != nil {
					return err
				}
				return n.ReadPyTorch(&ours, int64(ours.Len()), sameName)
			},
		} {
			again, err := LoadedNetwork(in, context, stackOf(t, c.layers))
			if err == nil {
				err = read(again)
			}
			if err != nil {
				t.Errorf("%s, %s: %v", c.name, how, err)
				continue
			}
			for i, p := range n.params {
				for j, v := range p.Data {
					if got := again.params[i].Data[j]; math.Float32bits(got) != math.Float32bits(v) {
						t.Errorf("%s, %s: number %d of %s is %v, want %v", c.name, how, j, p.Name, got, v)
						break
					}
				}
			}
		}
	}
}

// TestPyTorchsTwoBiasesBecomeOne adds them up, and takes the names of old files.
func TestPyTorchsTwoBiasesBecomeOne(t *testing.T) {
	n := scattered(t, Input{Shape: []int{3, 2}}, Context{}, `[{"lstm":{"units":1}}]`)
	arrays := n.ToPyTorch(sameName)
	var names []string
	for i, a := range arrays {
		names = append(names, a.Name)
		if a.Name == "0.bias_hh_l0" {
			arrays[i].Data = []float32{1, 2, 3, 4}
		}
	}
	if got, want := fmt.Sprint(names), "[0.weight_ih_l0 0.weight_hh_l0 0.bias_ih_l0 0.bias_hh_l0]"; got != want {
		t.Errorf("names are %s, want %s", got, want)
	}
	before := n.params[2].Data[3]
	if err := n.FromPyTorch(arrays, sameName); err != nil || n.params[2].Data[3] != before+4 {
		t.Errorf("the bias is %v, was %v: %v", n.params[2].Data, before, err)
	}
	ours := []Array{{"0.weight_ih", Shape{4, 2}, make([]float32, 8)}, {"0.weight_hh", Shape{4, 1}, make([]float32, 4)}, {"0.bias", Shape{4}, []float32{4, 3, 2, 1}}}
	if err := n.FromPyTorch(ours, sameName); err != nil || n.params[2].Data[0] != 4 {
		t.Errorf("our names: %v, %v", n.params[2].Data, err)
	}
	for _, c := range []struct{ arrays []Array }{{arrays[:3]}, {ours[:2]}} {
		if err := n.FromPyTorch(c.arrays, sameName); err == nil || !strings.Contains(err.Error(), "missing are ") || !strings.Contains(err.Error(), "0.bias_hh_l0") {
			t.Errorf("got %v, want it to say what is missing", err)
		}
	}
}

// TestWeightsThatAreNotFiniteAreNamed says which tensor and where.
func TestWeightsThatAreNotFiniteAreNamed(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		n := scattered(t, Input{Shape: []int{3}}, Context{}, `[{"dense":{"units":2}}]`)
		arrays := n.ToPyTorch(sameName)
		arrays[0].Data[4] = float32(bad)
		if err := n.FromPyTorch(arrays, sameName); err == nil || !strings.Contains(err.Error(), `weights: "0.weight" has `) || !strings.Contains(err.Error(), "at [1 1]") {
			t.Errorf("got %v", err)
		}
		if err := n.Finite(); err != nil {
			t.Errorf("a refused file changes the weights: %v", err)
		}
	}
}

// TestVariancesBelowZeroAreNamed as those that are not finite: their roots are none.
func TestVariancesBelowZeroAreNamed(t *testing.T) {
	for value, refused := range map[float32]bool{-1e-6: true, -3: true, 0: false, 2: false} {
		n := scattered(t, Input{Shape: []int{3}}, Context{}, `[{"batch_norm":{}}]`)
		arrays := n.ToPyTorch(sameName)
		for _, a := range arrays {
			if a.Name == "0.running_mean" {
				a.Data[1] = -1 // which a mean may be
			}
			if a.Name == "0.running_var" {
				a.Data[0], a.Data[1], a.Data[2] = 1, value, 1
			}
		}
		err := n.FromPyTorch(arrays, sameName)
		if (err != nil) != refused || refused && !strings.Contains(err.Error(), `weights: "0.running_var" has `) {
			t.Errorf("%v: got %v", value, err)
		}
		for _, p := range n.Params() {
			if p.Name == "0.running_var" {
				p.Data[0], p.Data[1], p.Data[2] = 1, value, 1
			}
		}
		if err := n.Finite(); (err != nil) != refused {
			t.Errorf("%v: got %v", value, err)
		}
	}
}
