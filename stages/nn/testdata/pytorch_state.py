"""Computes exported networks in PyTorch: pytorch_state.py FOLDER.

For each case NAME.json has the numbers of the input, channels last, and NAME.safetensors
the weights, which must load into the nn.Sequential of the case by name. What it gives is
written to NAME.out.json, channels last.
"""
import json
import pathlib
import sys

import torch
from safetensors.torch import load_file
from torch import nn

folder = pathlib.Path(sys.argv[1])


class Last(nn.Module):
    """A recurrent layer's states, and of them the last: of the reverse direction that is the first."""

    def forward(self, x):
        states, last = x
        h = last[0] if isinstance(last, tuple) else last
        return torch.cat(list(h), -1)


class Sequence(nn.Sequential):
    """nn.Sequential whose keys skip what only torch needs, so that numbers are those of pipe's layers."""

    def __init__(self, *modules):
        super().__init__()
        at = 0
        for m in modules:
            name = f"helper{len(self)}" if isinstance(m, (Last, First, Mean, Channels, States, View)) else str(at)
            at += not name.startswith("helper")
            self.add_module(name, m)


class First(nn.Module):
    def forward(self, x):
        return x[0]


class States(nn.Module):
    def forward(self, x):
        return x[0]


class Mean(nn.Module):
    """The mean over the time of (batch, time, features)."""

    def forward(self, x):
        return x.mean(1)


class Channels(nn.Module):
    """(batch, time, channels) to (batch, channels, time) and back."""

    def forward(self, x):
        return x.transpose(1, 2)


class View(nn.Module):
    def __init__(self, *shape):
        super().__init__()
        self.shape = shape

    def forward(self, x):
        return x.view(len(x), *self.shape)


class Attention(nn.MultiheadAttention):
    def forward(self, x):
        return super().forward(x, x, x, need_weights=False)



bn = dict(eps=1e-3)
CASES = {
    "dense": lambda: Sequence(nn.Linear(5, 4), nn.Linear(4, 3)),
    "embedding_lstm": lambda: Sequence(nn.Embedding(11, 4), nn.LSTM(4, 3, batch_first=True), Last(), nn.Linear(3, 2)),
    "bidirectional": lambda: Sequence(nn.Embedding(11, 4), nn.LSTM(4, 3, batch_first=True, bidirectional=True), Last(), nn.Linear(6, 2)),
    "gru": lambda: Sequence(nn.Embedding(11, 4), nn.GRU(4, 3, batch_first=True), Last(), nn.Linear(3, 2)),
    "rnn": lambda: Sequence(nn.Embedding(11, 4), nn.RNN(4, 3, batch_first=True), Last(), nn.Linear(3, 2)),
    "conv1d": lambda: Sequence(nn.Embedding(11, 3), Channels(), nn.Conv1d(3, 4, 3), nn.ReLU(), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(4 * 3, 2)),
    "conv1d_wide": lambda: Sequence(nn.Embedding(11, 8), Channels(), nn.Conv1d(8, 8, 3), nn.Flatten(), nn.Linear(8 * 6, 2)),
    "conv2d": lambda: Sequence(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, **bn), nn.ReLU(), nn.Conv2d(4, 4, (2, 3), groups=2), nn.Flatten(),
                               nn.BatchNorm1d(4 * 3 * 2, **bn), nn.Dropout(), nn.Linear(4 * 3 * 2, 5), nn.Linear(5, 3)),
    "depthwise": lambda: Sequence(nn.Conv2d(3, 3, 3, groups=3), nn.Conv2d(3, 3, 3), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(3, 2)),
    "reshaped": lambda: Sequence(nn.Embedding(11, 4), View(1, 8, 4), nn.Identity(), nn.Conv2d(1, 3, 1), nn.Conv2d(3, 3, 3), nn.Flatten(), nn.Linear(3 * 6 * 2, 3)),
    "norms": lambda: Sequence(nn.Linear(5, 6), nn.LayerNorm(6, eps=1e-3), nn.RMSNorm(6, eps=1e-6), nn.BatchNorm1d(6, **bn), nn.Linear(6, 2)),
    "attention": lambda: Sequence(nn.Embedding(11, 4), Attention(4, 2, batch_first=True), First(), Mean(), nn.Identity(), nn.Linear(4, 2)),
    "picture": lambda: Sequence(nn.Flatten(), nn.Linear(5 * 5 * 3, 2)),
}

for name, make in CASES.items():
    case = json.loads((folder / f"{name}.json").read_text())
    network = make().eval()
    network.load_state_dict(load_file(folder / f"{name}.safetensors"))  # strict: every name, every shape
    x = torch.tensor(case["in"], dtype=torch.int64 if case["tokens"] else torch.float32).view(case["shape"])
    if x.dim() == 4:
        x = x.permute(0, 3, 1, 2)
    with torch.no_grad():
        y = network(x)
    (folder / f"{name}.out.json").write_text(json.dumps(y.flatten().tolist()))
