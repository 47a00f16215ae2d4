package stages

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pipe/dag"
	"pipe/stages/nn"
	"pipe/stages/nn/onnx"
)

// An ONNX file for other pictures than the transform gives is told with what the
// transform must be told.
func TestONNXOfOtherPicturesSaysWhatToWrite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "model.onnx")
	n, err := nn.NewNetwork(nn.Input{Shape: []int{16, 12, 1}}, nn.Context{Classes: 2}, []nn.Layer{&nn.Flatten{}, &nn.Dense{Units: 2, Activation: nn.Softmax, KernelInitializer: "glorot_uniform"}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.NewModel(n, onnx.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Write(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	k := &ModelWeights{Weights: dag.Path(file), Classes: []string{"a", "b"}}
	for _, c := range []struct {
		gives []int
		want  string
	}{
		{[]int{16, 12, 1}, ""},
		{[]int{16, 12, 3}, "its network reads rows of shape (16, 12, 1), and the transform gives (16, 12, 3); write gray: true at the transform"},
		{[]int{8, 12, 1}, "; write height: 16, width: 12 at the transform"},
		{[]int{8, 8, 3}, "; write height: 16, width: 12, gray: true at the transform"},
		{[]int{192}, "and the transform gives (192)"},
	} {
		_, _, err := k.network(&dag.Signature{Shape: c.gives})
		if (err == nil) != (c.want == "") || err != nil && !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%v: got %v, want %q", c.gives, err, c.want)
		}
	}
}
