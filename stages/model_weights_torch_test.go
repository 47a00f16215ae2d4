package stages

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"pipe/artifacts"
	"pipe/dag/dagtest"
	"pipe/stages/model"
	"pipe/stages/nn"
)

// TestModelWeightsOfTorchvision reads what PyTorch writes of networks with torchvision's
// names, by the layers and renames that docs/images.md gives, and compares logits.
func TestModelWeightsOfTorchvision(t *testing.T) {
	python := os.Getenv("PIPE_TORCH_PYTHON")
	if python == "" {
		t.Skip("skipped: PIPE_TORCH_PYTHON names no Python with torch and safetensors")
	}
	dir := t.TempDir()
	if out, err := exec.Command(python, "testdata/torchvision_names.py", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s := dagtest.Store(t)
	pixels := dagtest.Run(t, s, dagtest.New(t, &ImagePixels{}, "{height: 63, width: 63}"), nil)["out"]
	for name, with := range map[string]string{
		"resnet18":   `layers: [resnet18: { width: 8 }, dense: { units: classes }], rename: { "0.": "", "1.": "fc." }`,
		"resnet34":   `layers: [resnet34: { width: 8 }, dense: { units: classes }], rename: { "0.": "", "1.": "fc." }`,
		"resnet50":   `layers: [resnet50: { width: 8 }, dense: { units: classes }], rename: { "0.": "", "1.": "fc." }`,
		"squeezenet": `layers: [squeezenet: { width: 8, pool: false }, conv2d: { filters: 5, kernel_size: [1], activation: relu }, global_avg_pool], rename: { "0.": "", "1.": "classifier.1." }`,
	} {
		path := filepath.Join(dir, name)
		k := dagtest.New(t, &ModelWeights{}, "{ weights: "+path+".safetensors, classes: [a, b, c, d, e], "+with+" }")
		folder, err := s.OpenFolder(dagtest.Run(t, s, k, map[string]artifacts.Ref{"in": pixels})["out"])
		if err != nil {
			t.Fatal(err)
		}
		m, err := model.Load(folder)
		if err != nil {
			t.Fatal(err)
		}
		var peer struct{ In, Out []float32 }
		data, err := os.ReadFile(path + ".json")
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &peer); err != nil {
			t.Fatal(err)
		}
		var got []float32
		err = m.Network().Predict(context.Background(), &nn.Examples{Count: 2, Features: peer.In}, 2, func(_ int, y []float32) error {
			got = append(got, y...)
			return nil
		})
		if err != nil || len(got) != len(peer.Out) {
			t.Fatalf("%s: %d logits, %v", name, len(got), err)
		}
		worst, top := 0.0, 0.0
		for i, v := range peer.Out {
			worst, top = max(worst, math.Abs(float64(v-got[i]))), max(top, math.Abs(float64(v)))
		}
		t.Logf("%s: logits up to %.2g differ by %.1e", name, top, worst)
		if worst > 1e-3 || top < 1e-2 {
			t.Errorf("%s: logits up to %g differ by %g", name, top, worst)
		}
	}
}
