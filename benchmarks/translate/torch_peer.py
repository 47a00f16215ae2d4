"""The Transformer of main.go in PyTorch, with the same first weights, batches, loss, optimiser and schedule:

    torch_peer.py train FOLDER THREADS    answers each line of standard input, a number of seconds, by training as long
    torch_peer.py decode FOLDER           translates the test, the likeliest token at every step: torch.greedy.json
"""
import json
import math
import pathlib
import sys
import time

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

SOURCE, TARGET, BATCH, WARM_UP, EPOCHS = 20, 20, 64, 400, 400


class Attention(nn.Module):
    def __init__(self, dim, heads, drop, causal):
        super().__init__()
        self.heads, self.drop, self.causal = heads, drop, causal
        self.in_proj, self.out_proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x, mask):
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in self.in_proj(x).chunk(3, -1))
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=self.causal, dropout_p=self.drop if self.training else 0)
        return self.out_proj(y.transpose(1, 2).flatten(2))


class Across(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.q_proj, self.kv_proj, self.out_proj = nn.Linear(dim, dim), nn.Linear(dim, 2 * dim), nn.Linear(dim, dim)

    def forward(self, x, memory, mask):
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in (self.q_proj(x), *self.kv_proj(memory).chunk(2, -1)))
        return self.out_proj(F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2))


class Encoder(nn.Module):
    def __init__(self, dim, heads, drop):
        super().__init__()
        self.attention, self.drop = Attention(dim, heads, drop, False), nn.Dropout(drop)
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.up, self.down = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, x, mask):
        x = x + self.drop(self.attention(self.norm1(x), mask))
        return x + self.drop(self.down(F.gelu(self.up(self.norm2(x)))))


class Decoder(nn.Module):
    def __init__(self, dim, heads, drop):
        super().__init__()
        self.attention, self.cross, self.drop = Attention(dim, heads, drop, True), Across(dim, heads), nn.Dropout(drop)
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(dim), nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.up, self.down = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, x, memory, mask):
        x = x + self.drop(self.attention(self.norm1(x), None))
        x = x + self.drop(self.cross(self.norm2(x), memory, mask))
        return x + self.drop(self.down(F.gelu(self.up(self.norm3(x)))))


class Transformer(nn.Module):
    def __init__(self, vocab, layers, dim, heads, dropout):
        super().__init__()
        self.embedding, self.drop = nn.Embedding(vocab, dim), nn.Dropout(dropout)
        self.source_position, self.target_position = nn.Embedding(SOURCE, dim), nn.Embedding(TARGET + 1, dim)
        self.encoder = nn.ModuleList(Encoder(dim, heads, dropout) for _ in range(layers))
        self.decoder = nn.ModuleList(Decoder(dim, heads, dropout) for _ in range(layers))
        self.encoder_norm, self.norm = nn.LayerNorm(dim), nn.LayerNorm(dim)

    def encode(self, source):
        mask = (source != 0)[:, None, None, :]
        x = self.drop(self.embedding(source) + self.source_position.weight)
        for block in self.encoder:
            x = block(x, mask)
        return self.encoder_norm(x), mask

    def decode(self, target, memory, mask):
        x = self.drop(self.embedding(target) + self.target_position.weight[:target.shape[1]])
        for block in self.decoder:
            x = block(x, memory, mask)
        return F.linear(self.norm(x), self.embedding.weight)

    def forward(self, source, target):
        return self.decode(target, *self.encode(source))


def load(folder, name):
    settings = json.loads((folder / "settings.json").read_text())
    data = json.loads((folder / "ids.json").read_text())
    model = Transformer(data["vocab"], *(settings[k] for k in ("layers", "dim", "heads", "dropout")))
    weights = load_file(folder / f"{name}.safetensors")
    model.load_state_dict({k.removeprefix("0."): v for k, v in weights.items()})
    return settings, data, model


def tensors(pairs):
    """Texts filled up with 0; 0 and their translations; these followed by 0, and by -1 where nothing counts."""
    source = np.zeros((len(pairs), SOURCE), np.int64)
    target = np.zeros((len(pairs), TARGET + 1), np.int64)
    labels = np.full((len(pairs), TARGET + 1), -1)
    for i, (a, b) in enumerate(pairs):
        source[i, :len(a)] = a
        target[i, 1:len(b) + 1] = b
        labels[i, :len(b) + 1] = [*b, 0]
    return torch.from_numpy(source), torch.from_numpy(target), torch.from_numpy(labels)


def loss_of(model, source, target, labels):
    return F.cross_entropy(model(source, target).flatten(0, 1), labels.flatten(), ignore_index=-1, label_smoothing=0.1)


def train(folder, threads):
    torch.set_num_threads(threads)
    torch.manual_seed(7)
    settings, data, model = load(folder, "first")
    source, target, labels = tensors(data["train"])
    orders = torch.from_numpy(np.fromfile(folder / "orders.bin", np.int32).reshape(EPOCHS, -1).astype(np.int64))
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.98), eps=1e-7, weight_decay=0.01, fused=True)
    updates, epoch, first, trained, idle = 0, 0, 0, 0.0, None
    for line in sys.stdin:
        idle = time.process_time() if idle is None else idle
        begin = last = time.perf_counter()
        until, steps, losses = begin + float(line), [], []
        while last < until:
            rate = (updates + 1) / WARM_UP
            if updates >= WARM_UP:
                done = updates / settings["updates"] if settings["updates"] else (trained + last - begin) / settings["seconds"]
                rate = 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(done, 1)))
            for group in optimizer.param_groups:
                group["lr"] = settings["rate"] * rate
            some = orders[epoch % EPOCHS][first:first + BATCH]
            first += BATCH
            if first >= len(source):
                epoch, first = epoch + 1, 0
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(model, source[some], target[some], labels[some])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
            updates += 1
            now = time.perf_counter()
            steps.append(now - last)
            last = now
        trained += last - begin
        print(json.dumps({"updates": updates, "seconds": trained, "processor": time.process_time() - idle,
                          "steps": steps, "losses": losses}), flush=True)
    save_file({"0." + k: v for k, v in model.state_dict().items()}, folder / "torch.safetensors")
    model.eval()
    with torch.inference_mode():
        pairs = data["validation"]
        batches = [pairs[i:i + BATCH] for i in range(0, len(pairs), BATCH)]
        mean = sum(loss_of(model, *tensors(b)).item() * len(b) for b in batches) / len(pairs)
    print(json.dumps({"validation": mean}))


def decode(folder):
    from tokenizers import Tokenizer
    _, data, model = load(folder, "torch")
    model.eval()
    ids = []
    with torch.inference_mode():
        for i in range(0, len(data["tokens"]), BATCH):
            memory, mask = model.encode(tensors([(t, []) for t in data["tokens"][i:i + BATCH]])[0])
            target = torch.zeros(len(memory), 1, dtype=torch.long)
            for _ in range(TARGET + 1):
                last = model.decode(target, memory, mask)[:, -1].argmax(-1, keepdim=True)
                target = torch.cat([target, last], 1)
            ids += [row[:row.index(0)] if 0 in row else row for row in target[:, 1:].tolist()]
    texts = Tokenizer.from_file(str(folder / "tokenizer.json")).decode_batch(ids)
    (folder / "torch.greedy.json").write_text(json.dumps(texts))


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[2])
    train(folder, int(sys.argv[3])) if sys.argv[1] == "train" else decode(folder)
