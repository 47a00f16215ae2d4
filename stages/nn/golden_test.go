package nn

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The files of testdata are written by goldens/record.py and record_keras.py, which
// compute them with PyTorch and Keras in float64. A value passes when it is off by at most the tolerance
// times the largest value of its array: a float32 sum of a few hundred terms is
// not closer. A case may state a larger one.
const goldenTolerance = 1e-5

// golden is one recorded case.
type golden struct {
	By           string            `json:"by"` // "keras", whose gradients are not recorded, or empty for PyTorch
	Input        Input             `json:"input"`
	Context      Context           `json:"context"`
	Layers       []json.RawMessage `json:"layers"`
	Loss         json.RawMessage   `json:"loss"`
	Optimizer    json.RawMessage   `json:"optimizer"`
	Target       string            `json:"target"`
	ClassWeights []float32         `json:"class_weights"`
	Tolerance    float64           `json:"tolerance"`
	arrays       map[string]Array  `json:"-"`
}

func TestEqualToPyTorchAndKeras(t *testing.T) {
	files, err := filepath.Glob("testdata/*.safetensors")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded cases: %v", err)
	}
	seen := map[string]bool{}
	for _, file := range files {
		g := readGolden(t, file)
		for _, raw := range append([]json.RawMessage{g.Loss, g.Optimizer}, g.Layers...) {
			seen[kindOf(t, raw)] = true
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".safetensors"), g.compare)
	}
	for _, kind := range append(append(LayerKinds(), LossKinds()...), OptimizerKinds()...) {
		if !seen[kind] {
			t.Errorf("%s is in no recorded case; add one to goldens/cases.py", kind)
		}
	}
}

func readGolden(t *testing.T, file string) *golden {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	arrays, metadata, err := ReadSafetensors(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	g := &golden{arrays: map[string]Array{}, Tolerance: goldenTolerance}
	if err := json.Unmarshal([]byte(metadata["case"]), g); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	for _, a := range arrays {
		g.arrays[a.Name] = a
	}
	return g
}

func kindOf(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil || len(m) != 1 {
		t.Fatalf("%s is not one kind: %v", raw, err)
	}
	return firstKey(m)
}

// network builds the case's network with its recorded parameters.
func (g *golden) network(t *testing.T) *Network {
	t.Helper()
	var stack []Layer
	for _, raw := range g.Layers {
		l, err := unmarshalKind(raw, NewLayer)
		if err != nil {
			t.Fatal(err)
		}
		stack = append(stack, l)
	}
	n, err := NewNetwork(g.Input, g.Context, stack, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range n.Params() {
		a, ok := g.arrays["param/"+p.Name]
		if !ok || !a.Shape.Equal(p.Shape) {
			t.Fatalf("parameter %s is %v, recorded as %v", p.Name, p.Shape, a.Shape)
		}
		copy(p.Data, a.Data)
	}
	return n
}

// input returns the recorded batch as a tensor that asks for its gradient.
func (g *golden) input(p *Pass) *Tensor {
	a := g.arrays["input"]
	if g.Input.Tokens {
		x := p.Tokens(a.Shape...)
		for i, v := range a.Data {
			x.IDs[i] = int32(v)
		}
		return x
	}
	x := p.Tensor(a.Shape...)
	copy(x.Data, a.Data)
	return x
}

func (g *golden) target() *Target {
	a := g.arrays["target"]
	if g.Target != "labels" {
		return &Target{Values: a.Data}
	}
	target := &Target{ClassWeights: g.ClassWeights}
	for _, v := range a.Data {
		target.Labels = append(target.Labels, int32(v))
	}
	return target
}

func (g *golden) compare(t *testing.T) {
	n := g.network(t)
	if g.By == "keras" || g.arrays["losses"].Data == nil { // the output is that of inference
		p := NewPass()
		g.near(t, "output", n.Forward(p, g.input(p)).Data)
	}
	if g.arrays["losses"].Data == nil {
		return
	}
	loss, err := unmarshalKind(g.Loss, NewLoss)
	if err != nil {
		t.Fatal(err)
	}
	optimizer, err := unmarshalKind(g.Optimizer, NewOptimizer)
	if err != nil {
		t.Fatal(err)
	}
	tr := mustTrainer(t, n, FitConfig{Epochs: 1, BatchSize: 1, Loss: loss, Optimizer: optimizer})
	p, target := tr.pass, g.target()
	for step := range g.arrays["losses"].Data {
		p.Reset()
		x := g.input(p)
		y := n.Forward(p, x)
		value := loss.Forward(p, y, target)
		for _, q := range tr.params {
			clear(q.Grad)
		}
		p.Backward(value)
		if step == 0 {
			if g.By != "keras" {
				g.near(t, "output", y.Data)
			}
			g.compareGradients(t, x, tr.params)
		}
		// A loss near zero is 1 minus nearly 1, and inherits the rounding of 1.
		want := g.arrays["losses"].Data[step]
		if off := math.Abs(float64(value.Data[0] - want)); !(off <= g.Tolerance*max(math.Abs(float64(want)), 1e-2)) {
			t.Fatalf("loss of step %d is %v, recorded is %v", step+1, value.Data[0], want)
		}
		for i, q := range tr.params {
			optimizer.Update(q, tr.slots[i], step+1, 1)
		}
	}
}

func (g *golden) compareGradients(t *testing.T, x *Tensor, params []*Param) {
	if g.By == "keras" {
		return
	}
	if x.Data != nil {
		g.near(t, "grad_input", x.Grad())
	}
	for _, q := range params {
		g.near(t, "grad/"+q.Name, q.Grad)
	}
}

// near compares with a recorded array. Where gradients cancel to almost nothing
// float32 leaves the rounding of what was cancelled, so the scale is at least
// 10⁻².
func (g *golden) near(t *testing.T, name string, got []float32) {
	t.Helper()
	want, ok := g.arrays[name]
	if !ok || len(want.Data) != len(got) {
		t.Errorf("%s has %d numbers, recorded are %d", name, len(got), len(want.Data))
		return
	}
	scale := 1e-2
	for _, v := range want.Data {
		scale = max(scale, math.Abs(float64(v)))
	}
	for i, v := range want.Data {
		if off := math.Abs(float64(got[i] - v)); !(off <= g.Tolerance*scale) {
			t.Errorf("%s[%d] is %v, recorded is %v", name, i, got[i], v)
			return
		}
	}
}
