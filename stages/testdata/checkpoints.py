"""Writes checkpoints in Hugging Face's layout: checkpoints.py FOLDER [STORIES].

gpt2 and llama have random weights. stories is the small story model of llama2.c, whose
folder, with stories260K.bin and tok512.bin, is STORIES. Each comes with prompt.json:
the prompt, its tokens, the logits behind it, and how the model goes on by itself, as
transformers has them.
"""
import json
import pathlib
import struct
import sys

import numpy as np
import tokenizers
import torch
import transformers

out = pathlib.Path(sys.argv[1])


def publish(name, model, tokenizer, prompt, more):
    folder = out / name
    model.eval().save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    ids = tokenizer.encode(prompt).ids
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0, -1]
        told = model.generate(torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.int64), max_new_tokens=more, do_sample=False, pad_token_id=0)[0]
    (folder / "prompt.json").write_text(json.dumps({
        "prompt": prompt, "tokens": ids, "logits": logits.tolist(), "text": tokenizer.decode(told.tolist(), skip_special_tokens=True)}))


def stories(folder):
    data = (folder / "stories260K.bin").read_bytes()
    dim, hidden, layers, heads, kv_heads, vocab, length = struct.unpack_from("<7i", data)
    numbers = np.frombuffer(data, "<f4", offset=28)
    at = 0

    def take(*shape):
        nonlocal at
        size = int(np.prod(shape))
        at += size
        return numbers[at - size:at].reshape(shape)

    size = dim // heads
    embedding = take(vocab, dim)
    parts = {}
    for part, rows, cols in [
            ("input_layernorm", dim, 0), ("self_attn.q_proj", heads * size, dim), ("self_attn.k_proj", kv_heads * size, dim),
            ("self_attn.v_proj", kv_heads * size, dim), ("self_attn.o_proj", dim, dim), ("post_attention_layernorm", dim, 0),
            ("mlp.gate_proj", hidden, dim), ("mlp.down_proj", dim, hidden), ("mlp.up_proj", hidden, dim)]:
        parts[part] = take(layers, rows, cols) if cols else take(layers, rows)
    weights = {"model.embed_tokens.weight": embedding, "model.norm.weight": take(dim), "lm_head.weight": embedding}
    for part, arrays in parts.items():
        for i, a in enumerate(arrays):
            if part.endswith(("q_proj", "k_proj")):  # neighbours are rotated there, halves here
                a = a.reshape(-1, size // 2, 2, dim).transpose(0, 2, 1, 3).reshape(-1, dim)
            weights[f"model.layers.{i}.{part}.weight"] = a
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(
        vocab_size=vocab, hidden_size=dim, intermediate_size=hidden, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=kv_heads,
        max_position_embeddings=length, rms_norm_eps=1e-5, tie_word_embeddings=True, bos_token_id=1, eos_token_id=2))
    model.load_state_dict({name: torch.tensor(np.array(a)) for name, a in weights.items()})

    pieces, raw, at = [], (folder / "tok512.bin").read_bytes(), 4
    while at < len(raw):
        score, n = struct.unpack_from("<fi", raw, at)
        pieces.append((raw[at + 8:at + 8 + n].decode(), score))
        at += 8 + n
    ids = {}
    for i, (piece, _) in enumerate(pieces):
        ids[{0: "<unk>", 1: "<s>", 2: "</s>"}.get(i, piece.replace(" ", "▁"))] = i
    ranks = {piece.replace(" ", "▁"): score for piece, score in pieces[259:]}
    merges = [(score, piece[:i], piece[i:]) for piece, score in ranks.items() for i in range(1, len(piece)) if piece[:i] in ids and piece[i:] in ids]
    merges.sort(key=lambda m: -m[0])
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=ids, merges=[(a, b) for _, a, b in merges], unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    tokenizer.normalizer = tokenizers.normalizers.Sequence([tokenizers.normalizers.Prepend("▁"), tokenizers.normalizers.Replace(" ", "▁")])
    tokenizer.decoder = tokenizers.decoders.Sequence([tokenizers.decoders.Replace("▁", " "), tokenizers.decoders.ByteFallback(), tokenizers.decoders.Fuse(), tokenizers.decoders.Strip(" ", 1, 0)])
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    publish("stories", model, tokenizer, "Once upon a time, there was a little girl named Lily.", 100)


torch.manual_seed(3)
tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = tokenizers.decoders.ByteLevel()
tokenizer.train_from_iterator([pathlib.Path(__file__).read_text()], tokenizers.trainers.BpeTrainer(
    vocab_size=400, special_tokens=["<|endoftext|>"], initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
vocab = tokenizer.get_vocab_size()
publish("gpt2", transformers.GPT2LMHeadModel(transformers.GPT2Config(
    vocab_size=vocab, n_positions=64, n_embd=48, n_layer=3, n_head=4, bos_token_id=0, eos_token_id=0, initializer_range=0.3)), tokenizer, "import struct, größer", 20)
publish("llama", transformers.LlamaForCausalLM(transformers.LlamaConfig(
    vocab_size=vocab, hidden_size=48, intermediate_size=80, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
    max_position_embeddings=64, bos_token_id=0, eos_token_id=0, initializer_range=0.3)), tokenizer, "import struct, größer", 20)
if len(sys.argv) > 2:
    stories(pathlib.Path(sys.argv[2]))
