"""Sentence embeddings as a Python service: FastAPI, uvicorn, PyTorch and the model
of transformers, with the weights and the tokenizer of FOLDER.

    python peer_encoder.py FOLDER PORT [THREADS]
"""
import sys

import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from tokenizers import Tokenizer
from transformers import AutoModel

torch.set_num_threads(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
tokenizer = Tokenizer.from_file(sys.argv[1] + "/tokenizer.json")
tokenizer.no_padding()
model = AutoModel.from_pretrained(sys.argv[1], add_pooling_layer=False).eval()
app = FastAPI()


class Row(BaseModel):
    input: str


@app.post("/v1/embeddings")
def embed(row: Row):
    with torch.inference_mode():
        states = model(input_ids=torch.tensor([tokenizer.encode(row.input).ids])).last_hidden_state
        vector = torch.nn.functional.normalize(states.mean(1), dim=-1)[0]
    return {"data": [{"embedding": vector.tolist()}]}


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning", access_log=False)
