package nn

import (
	"io"
	"strings"
)

// Published reports whether WriteHuggingFace can write the network: a gpt or a llama by
// itself, or a bert with at most a pooling and unit_norm behind it.
func (n *Network) Published() bool { return n.publishedConfig() != nil }

// WriteHuggingFace writes the network as files of a folder in Hugging Face's layout,
// which OpenHuggingFace and transformers read: config.json, with further settings such as
// eos_token_id, and model.safetensors; of an encoder with a pooling also the files that
// sentence-transformers reads. The network must be Published.
func (n *Network) WriteHuggingFace(create func(name string) (io.WriteCloser, error), further map[string]any) error {
	config := n.publishedConfig()
	arrays, err := n.ToHuggingFace()
	if err != nil {
		return err
	}
	prefix := map[any]string{"gpt2": "transformer.", "llama": "model."}[config["model_type"]]
	for i := range arrays {
		if arrays[i].Name != "lm_head.weight" {
			arrays[i].Name = prefix + arrays[i].Name
		}
	}
	for key, v := range further {
		config[key] = v
	}
	if err := WriteJSON(create, "config.json", config); err != nil {
		return err
	}
	err = WriteFile(create, "model.safetensors", func(w io.Writer) error {
		return WriteSafetensors(w, arrays, map[string]string{"format": pyTorchFormat})
	})
	if err != nil || len(n.Layers) == 1 {
		return err
	}
	return n.writeSentences(create)
}

// publishedConfig is what config.json says of the network, nil where it has no words
// for it.
func (n *Network) publishedConfig() map[string]any {
	config := map[string]any{"vocab_size": n.Context.Vocab, "dtype": "float32", "bos_token_id": nil, "eos_token_id": nil}
	set := func(kind, architecture string, more map[string]any) map[string]any {
		config["model_type"], config["architectures"] = kind, []string{architecture}
		for key, v := range more {
			config[key] = v
		}
		return config
	}
	switch l := n.Layers[0].(type) {
	case *GPT:
		if len(n.Layers) > 1 {
			return nil
		}
		return set("gpt2", "GPT2LMHeadModel", map[string]any{"n_layer": l.Layers, "n_head": l.Heads, "n_embd": l.Dim, "n_positions": n.positions(),
			"activation_function": "gelu_new", "layer_norm_epsilon": 1e-5, "tie_word_embeddings": true,
			"attn_pdrop": l.Dropout, "embd_pdrop": l.Dropout, "resid_pdrop": l.Dropout})
	case *Llama:
		if len(n.Layers) > 1 {
			return nil
		}
		return set("llama", "LlamaForCausalLM", map[string]any{"num_hidden_layers": l.Layers, "num_attention_heads": l.Heads, "num_key_value_heads": or(l.KVHeads, l.Heads),
			"hidden_size": l.Dim, "intermediate_size": or(l.Hidden, 4*l.Dim), "max_position_embeddings": n.positions(), "hidden_act": "silu",
			"rms_norm_eps": l.Epsilon, "rope_theta": l.RopeBase, "tie_word_embeddings": l.Tied})
	case *BERT:
		if !n.sentences() {
			return nil
		}
		return set("bert", "BertModel", map[string]any{"num_hidden_layers": l.Layers, "num_attention_heads": l.Heads, "hidden_size": l.Dim,
			"intermediate_size": or(l.Hidden, 4*l.Dim), "max_position_embeddings": n.positions(), "hidden_act": "gelu", "layer_norm_eps": 1e-12,
			"type_vocab_size": 2, "attention_probs_dropout_prob": l.Dropout, "hidden_dropout_prob": l.Dropout, "pad_token_id": 0})
	}
	return nil
}

func or(n, missing int) int {
	if n == 0 {
		return missing
	}
	return n
}

// positions is how many positions the architecture knows.
func (n *Network) positions() int {
	for _, p := range n.Layers[0].Params() {
		if strings.HasSuffix(p.Name, "position.weight") {
			return p.Shape[0]
		}
	}
	return n.Input.Shape[0]
}

// sentences reports whether sentence-transformers has words for what follows the first
// layer.
func (n *Network) sentences() bool {
	for i, l := range n.Layers[1:] {
		switch l.(type) {
		case *GlobalAvgPool, *GlobalMaxPool:
			if i > 0 {
				return false
			}
		case *UnitNorm:
			if i != 1 || len(n.Layers) != 3 {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// writeSentences writes what sentenceLayers reads.
func (n *Network) writeSentences(create func(name string) (io.WriteCloser, error)) error {
	const pool = "1_Pooling"
	type module struct {
		Index int    `json:"idx"`
		Name  string `json:"name"`
		Path  string `json:"path"`
		Type  string `json:"type"`
	}
	modules := []module{{0, "0", "", "sentence_transformers.models.Transformer"}, {1, "1", pool, "sentence_transformers.models.Pooling"}}
	if len(n.Layers) > 2 {
		modules = append(modules, module{2, "2", "2_Normalize", "sentence_transformers.models.Normalize"})
	}
	_, largest := n.Layers[1].(*GlobalMaxPool)
	if err := WriteJSON(create, "modules.json", modules); err != nil {
		return err
	}
	err := WriteJSON(create, pool+"/config.json", map[string]any{"word_embedding_dimension": n.OutShape().Last(),
		"pooling_mode_mean_tokens": !largest, "pooling_mode_max_tokens": largest, "pooling_mode_cls_token": false})
	if err != nil {
		return err
	}
	return WriteJSON(create, "sentence_bert_config.json", map[string]any{"max_seq_length": n.Input.Shape[0], "do_lower_case": false})
}
