package stages

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
	"pipe/stages/model"
	"pipe/stages/nn"
	"pipe/stages/nn/onnx"
)

// TestONNXBecomesAModelAndGetsANewEnd lets a network come as an ONNX file, answers
// with it as it is, and trains a new end for other labels behind its frozen layers.
func TestONNXBecomesAModelAndGetsANewEnd(t *testing.T) {
	conv, _ := nn.NewLayer("conv2d")
	conv.(*nn.Conv2D).Filters, conv.(*nn.Conv2D).KernelSize, conv.(*nn.Conv2D).Activation = 24, []int{3}, nn.Relu
	norm, _ := nn.NewLayer("batch_norm")
	dense, _ := nn.NewLayer("dense")
	dense.(*nn.Dense).Units = nn.Classes
	net, err := nn.NewNetwork(nn.Input{Shape: []int{8, 8, 1}}, nn.Context{Classes: 3}, []nn.Layer{conv, norm, &nn.GlobalMaxPool{}, dense}, 4)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "net.onnx")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := onnx.Export(f, net, onnx.Options{}); err != nil {
		t.Fatal(err)
	}
	f.Close()

	s := dagtest.Store(t)
	load := func(ref artifacts.Ref) *model.Model {
		folder, err := s.OpenFolder(ref)
		if err != nil {
			t.Fatal(err)
		}
		m, err := model.Load(folder)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	pixels := dagtest.Run(t, s, dagtest.New(t, &ImagePixels{}, "{height: 8, width: 8, gray: true}"), nil)["out"]
	ref := dagtest.Run(t, s, dagtest.New(t, &ModelWeights{}, "{weights: "+path+", classes: [a, b, c]}"), map[string]artifacts.Ref{"in": pixels})["out"]
	first := load(ref)
	a, err := first.PredictRow(context.Background(), map[string]any{"content": stripes(t, true, 1)})
	if err != nil {
		t.Fatal(err)
	}
	sum := float32(0)
	for _, p := range a.Probabilities {
		sum += p
	}
	if len(a.Probabilities) != 3 || sum < 0.999 || sum > 1.001 {
		t.Errorf("logits were not made probabilities: %v", a.Probabilities)
	}

	files := map[string][]byte{}
	for i := range 8 {
		files[fmt.Sprintf("across/%d.png", i)], files[fmt.Sprintf("down/%d.png", i)] = stripes(t, true, i), stripes(t, false, i)
	}
	rows := dagtest.Run(t, s, dagtest.New(t, &SourceFiles{}, `{path: `+zipOf(t, files)+`, pattern: '(?P<label>[^/]+)/[^/]+$'}`), nil)["out"]
	train := `{target: label, loss: categorical_crossentropy, optimizer: {adam: {learning_rate: 0.05}}, epochs: 40, batch_size: 8, freeze: 3, augment: {flip: true, mixup: 0.2}, `
	tuned := load(dagtest.Run(t, s, dagtest.New(t, &Train{}, train+`layers: [{dense: {units: classes, activation: softmax}}]}`), map[string]artifacts.Ref{"train": rows, "model": ref})["out"])
	for label, across := range map[string]bool{"across": true, "down": false} {
		if a, err := tuned.PredictRow(context.Background(), map[string]any{"content": stripes(t, across, 3)}); err != nil || a.Prediction != label {
			t.Errorf("%s: %+v, %v", label, a, err)
		}
	}
	old, now := first.Network().Params(), tuned.Network().Params()
	for i, p := range now[:len(now)-2] {
		if !slices.Equal(p.Data, old[i].Data) {
			t.Errorf("%s was frozen and has changed", p.Name)
		}
	}
	_, _, err = dag.RunKind(context.Background(), s, dagtest.New(t, &Train{}, train+`keep: 9, layers: [{dense: {units: classes, activation: softmax}}]}`), map[string][]artifacts.Ref{"train": {rows}, "model": {ref}}, 1, nil, t.TempDir(), nil)
	if err == nil || !strings.Contains(err.Error(), "of which 9 cannot be kept") {
		t.Errorf("more layers than there are: %v", err)
	}
}

// TestComputedGraphEndsWithItsOwnSoftmax lets a graph of PyTorch's that is computed
// operator by operator be a model: its softmax is not applied again, and a training
// without a new end says why there is nothing to train.
func TestComputedGraphEndsWithItsOwnSoftmax(t *testing.T) {
	s := dagtest.Store(t)
	pixels := dagtest.Run(t, s, dagtest.New(t, &ImagePixels{}, "{height: 12, width: 10}"), nil)["out"]
	ref := dagtest.Run(t, s, dagtest.New(t, &ModelWeights{}, "{weights: nn/onnx/testdata/graphs/script_pictures.onnx, classes: [a, b, c, d, e]}"), map[string]artifacts.Ref{"in": pixels})["out"]
	folder, err := s.OpenFolder(ref)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := model.ReadManifest(folder); err != nil || m.Logits {
		t.Errorf("%+v, %v: what the graph gives are probabilities", m, err)
	}
	rows := dagtest.Run(t, s, dagtest.New(t, &SourceFiles{}, `{path: `+zipOf(t, map[string][]byte{"a/1.png": stripes(t, true, 1), "b/1.png": stripes(t, false, 1)})+`, pattern: '(?P<label>[^/]+)/[^/]+$'}`), nil)["out"]
	in := map[string]artifacts.Ref{"train": rows, "model": ref}
	if _, err := dagtest.TryRun(t, s, dagtest.New(t, &Train{}, `{target: label, loss: categorical_crossentropy, epochs: 1}`), in); err == nil || !strings.Contains(err.Error(), "trained no further; write layers") {
		t.Errorf("without a new end: %v", err)
	}
	dagtest.Run(t, s, dagtest.New(t, &Train{}, `{target: label, loss: categorical_crossentropy, epochs: 1, self_check: false, layers: [{dense: {units: classes, activation: softmax}}]}`), in)
}

func TestAugmentIsTheSameForEqualRowsAndEpochs(t *testing.T) {
	shape := []int{6, 7, 3}
	picture := func() []float32 {
		x := make([]float32, 6*7*3)
		for i := range x {
			x[i] = float32(i%11) / 11
		}
		return x
	}
	a := &Augment{Zoom: 0.5, Flip: true, Shift: 2, Contrast: 0.3, Saturation: 0.3, Brightness: 0.2}
	room := make([]float32, 6*7*3)
	apply := func(epoch int) []float32 {
		x := picture()
		a.apply(x, shape, 7, epoch, 3, room)
		return x
	}
	if !slices.Equal(apply(1), apply(1)) {
		t.Error("the same row in the same epoch was changed in two ways")
	}
	if slices.Equal(apply(1), apply(2)) || slices.Equal(apply(1), picture()) {
		t.Error("another epoch changes in the same way, or nothing is changed")
	}
	// A window as large as the picture is the picture, and one pixel is never left.
	for at := range 7 {
		if a, _, w := between(0, 1, at, 7); a != at || w != 0 {
			t.Errorf("pixel %d of the whole picture is between %d and the next by %v", at, a, w)
		}
	}
	flat := make([]float32, 6*7*3)
	for i := range flat {
		flat[i] = 0.5
	}
	(&Augment{Zoom: 0.9, Contrast: 0.9, Saturation: 0.9}).apply(flat, shape, 1, 0, 0, room)
	for i, v := range flat {
		if v < 0.4999 || v > 0.5001 {
			t.Fatalf("number %d of an even picture became %v", i, v)
		}
	}
}
