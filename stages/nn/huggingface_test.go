package nn

import (
	"slices"
	"strings"
	"testing"
)

// TestPublishedNames compares names and shapes with those in the published
// checkpoints of gpt2, Llama and bert-base, at a smaller size.
func TestPublishedNames(t *testing.T) {
	for _, c := range []struct {
		layer Layer
		want  []string
	}{
		{&GPT{Layers: 1, Heads: 2, Dim: 4}, []string{
			"h.0.attn.c_attn.bias (12)", "h.0.attn.c_attn.weight (4, 12)", "h.0.attn.c_proj.bias (4)", "h.0.attn.c_proj.weight (4, 4)",
			"h.0.ln_1.bias (4)", "h.0.ln_1.weight (4)", "h.0.ln_2.bias (4)", "h.0.ln_2.weight (4)",
			"h.0.mlp.c_fc.bias (16)", "h.0.mlp.c_fc.weight (4, 16)", "h.0.mlp.c_proj.bias (4)", "h.0.mlp.c_proj.weight (16, 4)",
			"ln_f.bias (4)", "ln_f.weight (4)", "wpe.weight (6, 4)", "wte.weight (9, 4)"}},
		{&Llama{Layers: 1, Heads: 4, KVHeads: 2, Dim: 8, Hidden: 12, RopeBase: 1e4, Epsilon: 1e-5}, []string{
			"embed_tokens.weight (9, 8)", "layers.0.input_layernorm.weight (8)", "layers.0.mlp.down_proj.weight (8, 12)",
			"layers.0.mlp.gate_proj.weight (12, 8)", "layers.0.mlp.up_proj.weight (12, 8)", "layers.0.post_attention_layernorm.weight (8)",
			"layers.0.self_attn.k_proj.weight (4, 8)", "layers.0.self_attn.o_proj.weight (8, 8)", "layers.0.self_attn.q_proj.weight (8, 8)",
			"layers.0.self_attn.v_proj.weight (4, 8)", "lm_head.weight (9, 8)", "norm.weight (8)"}},
		{&BERT{Layers: 1, Heads: 2, Dim: 4, Positions: 7}, []string{
			"embeddings.LayerNorm.bias (4)", "embeddings.LayerNorm.weight (4)", "embeddings.position_embeddings.weight (7, 4)",
			"embeddings.token_type_embeddings.weight (2, 4)", "embeddings.word_embeddings.weight (9, 4)",
			"encoder.layer.0.attention.output.LayerNorm.bias (4)", "encoder.layer.0.attention.output.LayerNorm.weight (4)",
			"encoder.layer.0.attention.output.dense.bias (4)", "encoder.layer.0.attention.output.dense.weight (4, 4)",
			"encoder.layer.0.attention.self.key.bias (4)", "encoder.layer.0.attention.self.key.weight (4, 4)",
			"encoder.layer.0.attention.self.query.bias (4)", "encoder.layer.0.attention.self.query.weight (4, 4)",
			"encoder.layer.0.attention.self.value.bias (4)", "encoder.layer.0.attention.self.value.weight (4, 4)",
			"encoder.layer.0.intermediate.dense.bias (16)", "encoder.layer.0.intermediate.dense.weight (16, 4)",
			"encoder.layer.0.output.LayerNorm.bias (4)", "encoder.layer.0.output.LayerNorm.weight (4)",
			"encoder.layer.0.output.dense.bias (4)", "encoder.layer.0.output.dense.weight (4, 16)"}},
	} {
		make := func(seed uint64) *Network {
			n, err := NewNetwork(Input{Tokens: true, Shape: []int{6}}, Context{Vocab: 9}, []Layer{c.layer}, seed)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		n := make(1)
		arrays, err := n.ToHuggingFace()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range arrays {
			got = append(got, a.Name+" "+a.Shape.String())
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s:\n%s\nwant\n%s", LayerKind(c.layer), strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
		checkThereAndBack(t, n, arrays, make)
	}
}

func checkThereAndBack(t *testing.T, n *Network, arrays []Array, make func(seed uint64) *Network) {
	t.Helper()
	var want [][]float32
	for _, p := range n.Params() {
		want = append(want, p.Data)
	}
	again := make(2)
	if err := again.FromHuggingFace(arrays); err != nil {
		t.Fatal(err)
	}
	for i, p := range again.Params() {
		if !slices.Equal(p.Data, want[i]) {
			t.Errorf("%s changes on its way", p.Name)
		}
	}
	if err := again.FromHuggingFace(arrays[1:]); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("without %s: %v", arrays[0].Name, err)
	}
	extra := append(slices.Clone(arrays), Array{"adapter.weight", Shape{1}, []float32{1}})
	if err := again.FromHuggingFace(extra); err == nil || !strings.Contains(err.Error(), "no place for adapter.weight") {
		t.Errorf("with an array too many: %v", err)
	}
	wrong := slices.Clone(arrays)
	wrong[0] = Array{wrong[0].Name, Shape{len(wrong[0].Data), 1}, wrong[0].Data}
	if err := again.FromHuggingFace(wrong); err == nil || !strings.Contains(err.Error(), "shape") {
		t.Errorf("with a wrong shape: %v", err)
	}
}
