"""Records recurrent networks as PyTorch's script exporter writes them: record_recurrent.py FOLDER.

recurrent_NAME.onnx comes with NAME.in, raw int64 ids or float32, and NAME.out, raw float32.
"""
import pathlib
import sys

import torch
from torch import nn

folder = pathlib.Path(sys.argv[1])


class Steps(nn.Module):
    def __init__(self, layer, width):
        super().__init__()
        self.embedding, self.layer, self.dense = nn.Embedding(11, 6), layer, nn.Linear(width, 3)

    def forward(self, ids):
        return self.dense(self.layer(self.embedding(ids))[0])


class LastStep(Steps):
    def forward(self, ids):
        return self.dense(torch.relu(self.layer(self.embedding(ids))[0][:, -1]))


class LastState(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.dense = nn.LSTM(5, 4, batch_first=True), nn.Linear(4, 2)

    def forward(self, x):
        return self.dense(self.layer(x)[1][0][-1])


torch.manual_seed(7)
ids, numbers = torch.randint(0, 11, (5, 7)), torch.randn(5, 7, 5)
for name, x, net in [
        ("lstm", ids, Steps(nn.LSTM(6, 4, num_layers=2, bidirectional=True, batch_first=True), 8)),
        ("gru", ids, Steps(nn.GRU(6, 4, bidirectional=True, batch_first=True), 8)),
        ("rnn", ids, LastStep(nn.RNN(6, 4, nonlinearity="relu", num_layers=2, batch_first=True), 4)),
        ("state", numbers, LastState())]:
    net.eval()
    x.numpy().tofile(folder / f"{name}.in")
    net(x).detach().numpy().tofile(folder / f"{name}.out")
    torch.onnx.export(net, (x,), str(folder / f"recurrent_{name}.onnx"), input_names=["input"], dynamo=False, opset_version=17,
                      dynamic_axes={"input": {0: "batch"}})
