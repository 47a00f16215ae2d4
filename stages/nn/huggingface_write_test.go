package nn

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// intoFolder gives files of a folder to WriteHuggingFace.
func intoFolder(dir string) func(name string) (io.WriteCloser, error) {
	return func(name string) (io.WriteCloser, error) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return nil, err
		}
		return os.Create(path)
	}
}

// publishable are networks that Hugging Face has words for.
var publishable = map[string]string{
	"gpt":      `[{"gpt":{"layers":2,"heads":2,"dim":8}}]`,
	"llama":    `[{"llama":{"layers":2,"heads":4,"kv_heads":2,"dim":8,"hidden":12,"tied":false}}]`,
	"tied":     `[{"llama":{"layers":1,"heads":2,"dim":8,"rope_base":500}}]`,
	"bert":     `[{"bert":{"layers":1,"heads":2,"dim":8}}]`,
	"sentence": `[{"bert":{"layers":1,"heads":2,"dim":8}},{"global_avg_pool":{}},{"unit_norm":{}}]`,
	"largest":  `[{"bert":{"layers":1,"heads":2,"dim":8}},{"global_max_pool":{}}]`,
}

func TestHuggingFaceFolderThereAndBack(t *testing.T) {
	for name, layers := range publishable {
		n := scattered(t, Input{true, []int{6}}, Context{Vocab: 9}, layers)
		dir := t.TempDir()
		if !n.Published() {
			t.Fatalf("%s cannot be written", name)
		}
		if err := n.WriteHuggingFace(intoFolder(dir), nil); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		again, err := OpenHuggingFace(os.DirFS(dir))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var first, second bytes.Buffer
		if err := n.WriteWeights(&first); err != nil {
			t.Fatal(err)
		}
		if err := again.WriteWeights(&second); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Errorf("%s: the weights come back as others: %v", name, err)
		}
		if len(again.Layers) != len(n.Layers) || name != "bert" && !again.OutShape().Equal(n.OutShape()) {
			t.Errorf("%s comes back with %d layers that give %v", name, len(again.Layers), again.OutShape())
		}
		sameAnswers(t, again, n, 3, 1, 4)
	}
	for _, layers := range []string{`[{"embedding":{"dim":4}},{"lstm":{"units":3}}]`, `[{"bert":{"layers":1,"heads":2,"dim":8}},{"global_avg_pool":{}},{"dense":{"units":2}}]`} {
		if scattered(t, Input{true, []int{6}}, Context{Vocab: 9}, layers).Published() {
			t.Errorf("%s has a published form", layers)
		}
	}
}

// TestTransformersReadsWhatIsWritten compares probabilities and vectors.
func TestTransformersReadsWhatIsWritten(t *testing.T) {
	python := os.Getenv("PIPE_TORCH_PYTHON")
	if python == "" {
		t.Skip("skipped: PIPE_TORCH_PYTHON names no Python with torch and transformers")
	}
	const program = `
import json, pathlib, sys, torch, transformers
for folder in map(pathlib.Path, sys.argv[1:]):
    kind = json.loads((folder / "config.json").read_text())["model_type"]
    cls = transformers.AutoModel if kind == "bert" else transformers.AutoModelForCausalLM
    model, info = cls.from_pretrained(folder, output_loading_info=True)
    missing = [k for k in info["missing_keys"] if not k.startswith("pooler.")]
    assert not missing and not info["unexpected_keys"] and not info["mismatched_keys"], info
    with torch.no_grad():
        y = model.eval()(torch.tensor([[3, 1, 4, 1, 5, 2]]))
    y = y.last_hidden_state if kind == "bert" else y.logits.softmax(-1)
    (folder / "out.json").write_text(json.dumps(y.flatten().tolist()))
`
	root := t.TempDir()
	args := []string{"-c", program}
	want := map[string][]float32{}
	for _, name := range []string{"gpt", "llama", "tied", "bert"} {
		n := scattered(t, Input{true, []int{6}}, Context{Vocab: 9}, publishable[name])
		dir := filepath.Join(root, name)
		if err := n.WriteHuggingFace(intoFolder(dir), nil); err != nil {
			t.Fatal(err)
		}
		err := n.Predict(context.Background(), &Examples{Count: 1, Tokens: []int32{3, 1, 4, 1, 5, 2}}, 1, func(_ int, y []float32) error {
			want[dir] = append(want[dir], y...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, dir)
	}
	if out, err := exec.Command(python, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for dir, ours := range want {
		data, err := os.ReadFile(filepath.Join(dir, "out.json"))
		if err != nil {
			t.Fatal(err)
		}
		var theirs []float32
		if err := json.Unmarshal(data, &theirs); err != nil || len(theirs) != len(ours) {
			t.Fatalf("%s: %d numbers, want %d: %v", dir, len(theirs), len(ours), err)
		}
		worst := 0.0
		for i, v := range ours {
			worst = max(worst, math.Abs(float64(v-theirs[i])))
		}
		t.Logf("%s: %.1e", dir[strings.LastIndexByte(dir, '/')+1:], worst)
		if worst > 1e-4 {
			t.Errorf("%s: transformers gives numbers that differ by %g", dir, worst)
		}
	}
}
