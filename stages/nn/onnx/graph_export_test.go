package onnx

import (
	"bytes"
	"encoding/binary"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"pipe/stages/nn"
)

// TestComputedGraphsAreWrittenOutAgain exports graphs that PyTorch and transformers made
// after they were imported: read again they are the same graph, and onnxruntime gives for
// the input of exported networks what it gave for theirs.
func TestComputedGraphsAreWrittenOutAgain(t *testing.T) {
	models, err := filepath.Glob("testdata/graphs/*.onnx")
	if err != nil || len(models) == 0 {
		t.Fatalf("no models: %v", err)
	}
	var examples []*example
	for _, path := range models {
		model, name := readFile(t, path), strings.TrimSuffix(path, ".onnx")
		net, err := Import(bytes.NewReader(model), int64(len(model)))
		if err != nil {
			t.Fatal(err)
		}
		var again bytes.Buffer
		if err := Export(&again, net, Options{}); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		back, err := Import(bytes.NewReader(again.Bytes()), int64(again.Len()))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if back.EndsWith() != net.EndsWith() || !back.OutShape().Equal(net.OutShape()) {
			t.Errorf("%s: it gave %v, %s, and gives %v, %s", path, net.OutShape(), net.EndsWith(), back.OutShape(), back.EndsWith())
		}
		e := &example{name: filepath.Base(name), net: net, in: readFile(t, name+".in")}
		for raw := readFile(t, name+".out"); len(raw) >= 4; raw = raw[4:] {
			e.out = append(e.out, math.Float32frombits(binary.LittleEndian.Uint32(raw)))
		}
		size := 4 * nn.Shape(net.Input.Shape).Size()
		if net.Input.Tokens {
			size *= 2
		}
		e.rows = len(e.in) / size
		examples = append(examples, e)
	}
	outs := runInRuntime(t, examples)
	for _, e := range examples {
		if d := distance(outs[e.name], e.out); !(d < 1e-5) {
			t.Errorf("%s: onnxruntime's numbers differ by %v", e.name, d)
		}
	}
}

// TestComputedGraphsThatCannotBeWrittenOutSayWhy wants what to do instead.
func TestComputedGraphsThatCannotBeWrittenOutSayWhy(t *testing.T) {
	for want, change := range map[string]func(l *Computed, further *nn.ActivationLayer) []nn.Layer{
		"computes one example at a time": func(l *Computed, _ *nn.ActivationLayer) []nn.Layer {
			l.Single = true
			return []nn.Layer{l}
		},
		"is written with version 20": func(l *Computed, further *nn.ActivationLayer) []nn.Layer {
			l.model.Opsets = []Opset{{Version: 20}}
			return []nn.Layer{l, further}
		},
		"has constants of data type 11": func(l *Computed, _ *nn.ActivationLayer) []nn.Layer {
			l.model.Graph.Inputs[1].Type = Float64
			return []nn.Layer{l}
		},
	} {
		model := readFile(t, "testdata/graphs/dynamo_pictures.onnx")
		net, err := Import(bytes.NewReader(model), int64(len(model)))
		if err != nil {
			t.Fatal(err)
		}
		net.Layers = change(net.Layers[0].(*Computed), &nn.ActivationLayer{Function: nn.Tanh})
		if err := Export(&bytes.Buffer{}, net, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
