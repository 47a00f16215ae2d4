package nn

import "strings"

// splitBlock splits "blocks.3.up.weight" into "3" and "up.weight"; ok is false for
// parameters outside the blocks.
func splitBlock(param string) (index, rest string, ok bool) {
	rest, ok = strings.CutPrefix(param, "blocks.")
	if !ok {
		return "", param, false
	}
	index, rest, _ = strings.Cut(rest, ".")
	return index, rest, true
}

// renamed replaces the beginning of a name by what the table has for it.
func renamed(name string, table map[string]string) string {
	at := strings.LastIndexByte(name, '.')
	if to, ok := table[name[:at]]; ok {
		return to + name[at:]
	}
	return name
}

func (l *GPT) published(param string) published {
	index, rest, ok := splitBlock(param)
	if !ok {
		return published{names: []string{renamed(rest, map[string]string{"embedding": "wte", "position": "wpe", "norm": "ln_f"})}}
	}
	name := renamed(rest, map[string]string{"attention.in_proj": "attn.c_attn", "attention.out_proj": "attn.c_proj",
		"norm1": "ln_1", "norm2": "ln_2", "up": "mlp.c_fc", "down": "mlp.c_proj"})
	return published{names: []string{"h." + index + "." + name}, columns: true}
}

// The causal masks are stored as if they were weights, and the output where it is
// the table.
func (l *GPT) strange(name string) bool {
	return strings.HasSuffix(name, ".attn.bias") || strings.HasSuffix(name, ".attn.masked_bias") || name == "lm_head.weight"
}

func (l *Llama) published(param string) published {
	index, rest, ok := splitBlock(param)
	if !ok {
		return published{names: []string{renamed(rest, map[string]string{"embedding": "embed_tokens", "head": "lm_head"})}}
	}
	before := "layers." + index + "."
	if rest == "attention.in_proj.weight" {
		at := before + "self_attn."
		return published{names: []string{at + "q_proj.weight", at + "k_proj.weight", at + "v_proj.weight"}}
	}
	return published{names: []string{before + renamed(rest, map[string]string{"attention.out_proj": "self_attn.o_proj",
		"norm1": "input_layernorm", "norm2": "post_attention_layernorm",
		"gate": "mlp.gate_proj", "up": "mlp.up_proj", "down": "mlp.down_proj"})}}
}

func (l *Llama) strange(name string) bool {
	return strings.HasSuffix(name, ".rotary_emb.inv_freq") || l.Tied && name == "lm_head.weight"
}

func (l *BERT) published(param string) published {
	index, rest, ok := splitBlock(param)
	if !ok {
		return published{names: []string{"embeddings." + renamed(rest, map[string]string{"embedding": "word_embeddings",
			"position": "position_embeddings", "segment": "token_type_embeddings", "norm": "LayerNorm"})}}
	}
	before := "encoder.layer." + index + "."
	if kind, in := strings.CutPrefix(rest, "attention.in_proj."); in {
		at := before + "attention.self."
		return published{names: []string{at + "query." + kind, at + "key." + kind, at + "value." + kind}}
	}
	return published{names: []string{before + renamed(rest, map[string]string{"attention.out_proj": "attention.output.dense",
		"norm1": "attention.output.LayerNorm", "norm2": "output.LayerNorm", "up": "intermediate.dense", "down": "output.dense"})}}
}

// The pooler is for the task that BERT was trained on, and the numbers of the
// positions are stored as if they were weights.
func (l *BERT) strange(name string) bool {
	return strings.HasPrefix(name, "pooler.") || name == "embeddings.position_ids" || strings.HasPrefix(name, "cls.")
}
