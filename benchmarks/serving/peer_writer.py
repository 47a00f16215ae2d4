"""A language model that writes on, as a Python service: FastAPI, uvicorn, PyTorch and
the GPT-2 of transformers, greedy, with its cache of keys and values and without the
checks of its generate().

    python peer_writer.py FOLDER PORT [THREADS]
"""
import sys

import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, DynamicCache

torch.set_num_threads(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
tokenizer = Tokenizer.from_file(sys.argv[1] + "/tokenizer.json")
model = AutoModelForCausalLM.from_pretrained(sys.argv[1]).eval()
app = FastAPI()


class Wish(BaseModel):
    prompt: str
    max_tokens: int


@app.post("/v1/completions")
def write(wish: Wish):
    written, ids, past = [], torch.tensor([tokenizer.encode(wish.prompt).ids]), DynamicCache()
    with torch.inference_mode():
        while len(written) < wish.max_tokens:
            ids = model(input_ids=ids, past_key_values=past, use_cache=True, logits_to_keep=1).logits[:, -1].argmax(-1, keepdim=True)
            written.append(int(ids))
    return {"choices": [{"text": tokenizer.decode(written)}], "usage": {"completion_tokens": len(written)}}


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning", access_log=False)
