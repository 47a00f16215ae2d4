package stages

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
	"pipe/stages/model"
	"pipe/stages/nn"
	"pipe/stages/tokenizer"
)

// said is prompt.json beside a checkpoint (testdata/checkpoints.py).
type said struct {
	Prompt string    `json:"prompt"`
	Tokens []int32   `json:"tokens"`
	Logits []float32 `json:"logits"`
	Text   string    `json:"text"`
}

// TestCheckpointsAnswerAsTransformers has transformers write checkpoints of GPT-2 and
// Llama, and the published story model as one, and compares tokens, logits and what
// each writes.
func TestCheckpointsAnswerAsTransformers(t *testing.T) {
	python := os.Getenv("PIPE_TORCH_PYTHON")
	if python == "" {
		t.Skip("skipped: PIPE_TORCH_PYTHON names no Python with torch and transformers")
	}
	dir, names := t.TempDir(), []string{"gpt2", "llama"}
	args := []string{"-W", "ignore", "testdata/checkpoints.py", dir}
	if stories := "../../shared/data/lm"; exists(filepath.Join(stories, "stories260K.bin")) {
		args, names = append(args, stories), append(names, "stories")
	}
	if out, err := exec.Command(python, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range names {
		folder := filepath.Join(dir, name)
		b, err := os.ReadFile(filepath.Join(folder, "prompt.json"))
		if err != nil {
			t.Fatal(err)
		}
		var want said
		if err := json.Unmarshal(b, &want); err != nil {
			t.Fatal(err)
		}
		s := dagtest.Store(t)
		m := languageModelOf(t, s, dagtest.Run(t, s, dagtest.New(t, &ModelHuggingFace{}, "{path: "+folder+"}"), nil)["out"])
		d, err := m.Network().NewDecoder(m.Window())
		if err != nil {
			t.Fatal(err)
		}
		var logits []float32
		for _, id := range want.Tokens {
			if logits, err = d.Next(context.Background(), id); err != nil {
				t.Fatal(err)
			}
		}
		// The decoder gives log-probabilities up to a constant: what counts is the
		// distance of each from the greatest.
		top, ours, worst := float32(math.Inf(-1)), float32(math.Inf(-1)), 0.0
		for i, v := range want.Logits {
			top, ours = max(top, v), max(ours, logits[i])
		}
		for i, v := range want.Logits {
			worst = max(worst, math.Abs(float64(logits[i]-ours-(v-top))))
		}
		t.Logf("%s: logits differ by %.1e", name, worst)
		if worst > 1e-3 {
			t.Errorf("%s: logits differ by %g", name, worst)
		}
		// Of bytes that are no text Python shows one sign each, and Go one for all.
		broken := regexp.MustCompile("\uFFFD+")
		told := broken.ReplaceAllString(strings.TrimPrefix(want.Text, want.Prompt), "\uFFFD")
		got := broken.ReplaceAllString(continued(t, m, want.Prompt, 20), "\uFFFD")
		if len(got) < 20 || !strings.HasPrefix(told, got) {
			t.Errorf("%s writes %q, and transformers %q", name, got, told)
		}
	}
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

func languageModelOf(t *testing.T, s *artifacts.Store, ref artifacts.Ref) *model.LanguageModel {
	t.Helper()
	folder, err := s.OpenFolder(ref)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.LoadLanguageModel(folder)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func continued(t *testing.T, m *model.LanguageModel, prompt string, tokens int) string {
	t.Helper()
	var b strings.Builder
	if _, err := m.Generate(context.Background(), model.Prompt{Text: prompt, MaxTokens: tokens}, func(p model.Piece) error {
		b.WriteString(p.Text)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestHuggingFaceFolderFromAnInput publishes a small Llama in a folder of an archive,
// and takes it from the archive as another stage gives it.
func TestHuggingFaceFolderFromAnInput(t *testing.T) {
	trainer := tokenizer.NewTrainer()
	trainer.Add("to be or not to be")
	words, err := trainer.Train(258, 1)
	if err != nil {
		t.Fatal(err)
	}
	n, err := nn.NewNetwork(nn.Input{Tokens: true, Shape: []int{16}}, nn.Context{Vocab: 258}, []nn.Layer{&nn.Llama{Layers: 1, Heads: 2, KVHeads: 1, Dim: 8, Hidden: 12, RopeBase: 1e4, Epsilon: 1e-5, Tied: true}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	arrays, err := n.ToHuggingFace()
	if err != nil {
		t.Fatal(err)
	}
	var weights strings.Builder
	if err := nn.WriteSafetensors(&weights, arrays, nil); err != nil {
		t.Fatal(err)
	}
	config := `{"model_type":"llama","vocab_size":258,"num_hidden_layers":1,"num_attention_heads":2,"num_key_value_heads":1,"hidden_size":8,"intermediate_size":12,"max_position_embeddings":16,"rope_theta":10000,"rms_norm_eps":1e-5,"hidden_act":"silu","tie_word_embeddings":true}`
	archive := zipOf(t, map[string][]byte{"pkg/model/config.json": []byte(config), "pkg/model/model.safetensors": []byte(weights.String()), "pkg/model/tokenizer.json": words.JSON(), "pkg/about.txt": []byte("a model")})
	s := dagtest.Store(t)
	t.Chdir(t.TempDir()) // where pipe.lock comes to lie
	for _, unpack := range []string{"false", "true"} {
		got := dagtest.Run(t, s, dagtest.New(t, &Fetch{}, `{url: "file://`+archive+`", unpack: `+unpack+`}`), nil)["out"]
		in := map[string]artifacts.Ref{"in": got}
		m := languageModelOf(t, s, dagtest.Run(t, s, dagtest.New(t, &ModelHuggingFace{}, "{folder: pkg/model}"), in)["out"])
		if m.Window() != 16 || continued(t, m, "to be", 5) == "" {
			t.Errorf("unpack %s: another model came", unpack)
		}
		_, _, err := dag.RunKind(context.Background(), s, dagtest.New(t, &ModelHuggingFace{}, "{folder: model}"), map[string][]artifacts.Ref{"in": {got}}, 1, nil, t.TempDir(), nil)
		if err == nil || !strings.Contains(err.Error(), `the input has no folder "model" (at its top are pkg)`) {
			t.Errorf("unpack %s, a folder that is not there: %v", unpack, err)
		}
	}
}
