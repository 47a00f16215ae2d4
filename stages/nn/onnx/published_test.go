package onnx

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"pipe/stages/nn"
)

// TestPublishedArchitectures imports ResNet-18, -34 and -50 and SqueezeNet 1.1 as
// PyTorch exports them and compares logits with onnxruntime's.
func TestPublishedArchitectures(t *testing.T) {
	python := os.Getenv("PIPE_TORCH_PYTHON")
	if python == "" {
		t.Skip("skipped: PIPE_TORCH_PYTHON names no Python with torch, onnx and onnxruntime")
	}
	dir := t.TempDir()
	if out, err := exec.Command(python, "testdata/published.py", dir, "66").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range []string{"resnet18", "resnet34", "resnet50", "squeezenet"} {
		f, err := os.Open(filepath.Join(dir, name+".onnx"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		net, err := Import(f, info.Size())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		shape := nn.Shape{66, 66, 3}
		e := &example{name: name, rows: 2}
		e.in = bytesOf(channelsLastOf(numbersIn(t, filepath.Join(dir, name+".in")), shape))
		want := numbersIn(t, filepath.Join(dir, name+".out"))
		top := 0.0
		for _, v := range want {
			top = max(top, math.Abs(float64(v)))
		}
		d := distance(predictions(t, net, e), want)
		t.Logf("%s: logits up to %.2g differ by %.1e", name, top, d)
		if d > 1e-3 || top < 1e-2 {
			t.Errorf("%s: logits up to %g differ by %g", name, top, d)
		}
	}
}
