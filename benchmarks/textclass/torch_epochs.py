"""Seconds of an epoch in PyTorch: torch_epochs.py NETWORK EXAMPLES.npz EPOCHS THREADS.

NETWORK is lstm or simple_rnn. Prints a JSON list, from the end of one epoch, with
its validation, to that of the next.
"""

import json
import sys
import time

import numpy as np
import torch


class Network(torch.nn.Module):
    def __init__(self, kind: str, vocabulary: int, outputs: int):
        super().__init__()
        self.embedding = torch.nn.Embedding(vocabulary, 128)
        recurrent = {"lstm": torch.nn.LSTM, "simple_rnn": torch.nn.RNN}[kind]
        self.recurrent = recurrent(128, 128, batch_first=True)
        self.dense = torch.nn.Linear(128, outputs)

    def forward(self, ids):
        states, _ = self.recurrent(self.embedding(ids))
        return self.dense(states[:, -1])


def main():
    kind, path, epochs = sys.argv[1], sys.argv[2], int(sys.argv[3])
    torch.set_num_threads(int(sys.argv[4]))
    data = {name: torch.from_numpy(a) for name, a in np.load(path).items()}
    binary = kind == "simple_rnn"
    network = Network(kind, int(data["x_train"].max()) + 1, 1 if binary else int(data["y_train"].max()) + 1)

    def loss(x, y):
        logits = network(x)
        if binary:
            return torch.nn.functional.binary_cross_entropy_with_logits(logits[:, 0], y.float())
        return torch.nn.functional.cross_entropy(logits, y)

    optimizer = torch.optim.Adam(network.parameters(), lr=0.001)
    ends = []
    for _ in range(epochs):
        network.train()
        for batch in torch.randperm(len(data["x_train"])).split(32):
            optimizer.zero_grad()
            loss(data["x_train"][batch], data["y_train"][batch]).backward()
            optimizer.step()
        network.eval()
        with torch.no_grad():
            for x, y in zip(data["x_validation"].split(32), data["y_validation"].split(32)):
                loss(x, y)
        ends.append(time.perf_counter())
    print(json.dumps([b - a for a, b in zip(ends, ends[1:])]))


if __name__ == "__main__":
    main()
