"""Records what both of PyTorch's exporters write: record_pytorch.py FOLDER.

script_NAME.onnx and dynamo_NAME.onnx come with NAME.in and NAME.out, raw float32
with the channels second, as PyTorch has them.
"""
import pathlib
import sys

import onnx
import torch
from torch import nn

folder = pathlib.Path(sys.argv[1])


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, groups=2), nn.BatchNorm2d(width))

    def forward(self, x):
        return torch.relu(x + self.main(x))


class Fire(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.squeeze = nn.Conv2d(width, 2, 1)
        self.one, self.three = nn.Conv2d(2, 3, 1), nn.Conv2d(2, 3, 3, padding=1)

    def forward(self, x):
        x = torch.relu(self.squeeze(x))
        return torch.cat([torch.relu(self.one(x)), torch.relu(self.three(x))], 1)


networks = {
    "cnn": ((1, 12, 10), nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, stride=2, padding=1), nn.Tanh(), nn.Dropout(0.5),
        nn.Flatten(), nn.Linear(36, 8), nn.Sigmoid(), nn.Linear(8, 3), nn.Softmax(-1))),
    "residual": ((3, 9, 8), nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(3, 2, 1), Block(4), Fire(4), Block(6),
        nn.AvgPool2d(2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3))),
}
torch.manual_seed(7)
for name, (shape, net) in networks.items():
    x = torch.randn(5, *shape)
    net(x)  # in training mode: the running means move
    net.eval()
    x.numpy().tofile(folder / f"{name}.in")
    net(x).detach().numpy().tofile(folder / f"{name}.out")
    torch.onnx.export(net, (x,), str(folder / f"script_{name}.onnx"), input_names=["input"], dynamo=False, opset_version=17,
                      dynamic_axes={"input": {0: "batch"}})
    path = str(folder / f"dynamo_{name}.onnx")
    torch.onnx.export(net, (x,), path, input_names=["input"], dynamo=True, opset_version=18, external_data=False,
                      dynamic_shapes=({0: "batch"},))
    # The traces of the program that was exported tell where it lay.
    model = onnx.load(path)
    for part in [model, model.graph, *model.graph.node, *model.graph.input, *model.graph.output, *model.graph.value_info]:
        del part.metadata_props[:]
    onnx.save(model, path)
