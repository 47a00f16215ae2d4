"""The usual Python service: FastAPI, uvicorn and PyTorch, with the weights that
`pipe models export MODEL FOLDER --format safetensors` wrote.

    python peer_classifier.py FOLDER PORT [THREADS]
"""
import json, pathlib, re, sys

import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from safetensors.torch import load_file

folder = pathlib.Path(sys.argv[1])
weights = load_file(folder / "weights.safetensors")
manifest = json.loads((folder / "model.json").read_text())
words = json.loads((folder / "transform" / "tokenizer.json").read_text())["model"]["vocab"]
classes = manifest["classes"]
config = json.loads((folder / "transform" / "transform.json").read_text())["config"]
length = config["maxlen"]
by = {name.split(".", 1)[1] + "@" + name.split(".", 1)[0]: w for name, w in weights.items()}
embedding = torch.nn.Embedding.from_pretrained(weights["0.weight"])
lstm = torch.nn.LSTM(weights["0.weight"].shape[1], weights["1.weight_hh"].shape[1], batch_first=True)
with torch.no_grad():
    lstm.weight_ih_l0.copy_(weights["1.weight_ih"])
    lstm.weight_hh_l0.copy_(weights["1.weight_hh"])
    bias = weights.get("1.bias", weights.get("1.bias_ih"))
    lstm.bias_ih_l0.copy_(bias)
    lstm.bias_hh_l0.zero_()
    dense = torch.nn.Linear(lstm.hidden_size, len(classes))
    dense.weight.copy_(weights["2.weight"] if weights["2.weight"].shape[0] == len(classes) else weights["2.weight"].T)
    dense.bias.copy_(weights["2.bias"])
torch.set_num_threads(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
split = re.compile(r"[^\w']+")
app = FastAPI()


class Row(BaseModel):
    text: str


@app.post("/predict/textclass")
def predict(row: Row):
    ids = [words[w] for w in split.split(row.text.lower()) if w in words][-length:]
    ids = [0] * (length - len(ids)) + ids
    with torch.inference_mode():
        out, _ = lstm(embedding(torch.tensor([ids])))
        p = torch.softmax(dense(out[:, -1]), -1)[0]
    best = int(p.argmax())
    return {"prediction": classes[best], "probability": float(p[best]), "probabilities": dict(zip(classes, p.tolist()))}


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning", access_log=False)
