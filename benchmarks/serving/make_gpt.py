"""Makes a GPT-2 of DistilGPT2's shape with random weights, and a tokenizer learnt
from Go's own sources: the time to write a token does not depend on the weights.

    python make_gpt.py FOLDER GOROOT
"""
import pathlib, sys

import torch
from tokenizers import ByteLevelBPETokenizer
from transformers import GPT2Config, GPT2LMHeadModel

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
tokenizer = ByteLevelBPETokenizer()
tokenizer.train([str(p) for p in sorted((pathlib.Path(sys.argv[2]) / "src/net/http").glob("*.go"))], vocab_size=8192, special_tokens=["<|endoftext|>"], show_progress=False)
tokenizer.save(str(folder / "tokenizer.json"))
torch.manual_seed(1)
config = GPT2Config(vocab_size=tokenizer.get_vocab_size(), n_layer=6, n_head=12, n_embd=768, n_positions=512, bos_token_id=0, eos_token_id=0, initializer_range=0.2)
GPT2LMHeadModel(config).save_pretrained(folder)
