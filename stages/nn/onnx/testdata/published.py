"""Writes published architectures as PyTorch exports them: published.py FOLDER SIZE.

NAME.onnx comes with NAME.in, pictures with the channels second, and NAME.out, what
onnxruntime computes of them; raw float32. Weights and running means are random:
what is compared is the architecture.
"""
import pathlib
import sys

import numpy as np
import onnxruntime
import torch
from torch import nn

folder, size = pathlib.Path(sys.argv[1]), int(sys.argv[2])


def conv(a, b, kernel, stride=1):
    return nn.Conv2d(a, b, kernel, stride, kernel // 2, bias=False)


class Block(nn.Module):
    """Two 3×3 convolutions, or 1×1, 3×3 and 1×1 with four times the channels."""

    def __init__(self, a, width, stride, deep):
        super().__init__()
        out = 4 * width if deep else width
        if deep:
            steps = [(conv(a, width, 1), width), (conv(width, width, 3, stride), width), (conv(width, out, 1), out)]
        else:
            steps = [(conv(a, width, 3, stride), width), (conv(width, width, 3), width)]
        layers = []
        for layer, channels in steps:
            layers += [layer, nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
        self.main = nn.Sequential(*layers[:-1])
        self.around = nn.Sequential(conv(a, out, 1, stride), nn.BatchNorm2d(out)) if stride > 1 or a != out else nn.Identity()
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(self.main(x) + self.around(x))


def resnet(blocks, deep, classes=10):
    layers = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    channels = 64
    for i, n in enumerate(blocks):
        for j in range(n):
            layers.append(Block(channels, 64 << i, 2 if i and not j else 1, deep))
            channels = (64 << i) * (4 if deep else 1)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


class Fire(nn.Module):
    def __init__(self, a, squeeze, expand):
        super().__init__()
        self.squeeze, self.one, self.three = nn.Conv2d(a, squeeze, 1), nn.Conv2d(squeeze, expand, 1), nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, x):
        x = torch.relu(self.squeeze(x))
        return torch.cat([torch.relu(self.one(x)), torch.relu(self.three(x))], 1)


def squeezenet(classes=10):
    def pool():
        return nn.MaxPool2d(3, 2, ceil_mode=True)

    return nn.Sequential(
        nn.Conv2d(3, 64, 3, 2), nn.ReLU(), pool(), Fire(64, 16, 64), Fire(128, 16, 64), pool(), Fire(128, 32, 128), Fire(256, 32, 128), pool(),
        Fire(256, 48, 192), Fire(384, 48, 192), Fire(384, 64, 256), Fire(512, 64, 256),
        nn.Dropout(0.5), nn.Conv2d(512, classes, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())


torch.manual_seed(1)
networks = {
    "resnet18": resnet([2, 2, 2, 2], False), "resnet34": resnet([3, 4, 6, 3], False),
    "resnet50": resnet([3, 4, 6, 3], True), "squeezenet": squeezenet(),
}
for name, network in networks.items():
    for m in network.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.running_mean.normal_(0, 0.1)
            m.running_var.uniform_(0.5, 1.5)
    network.eval()
    x = torch.randn(2, 3, size, size)
    path = folder / f"{name}.onnx"
    torch.onnx.export(network, (x,), path, input_names=["x"], output_names=["y"], dynamic_axes={"x": {0: "n"}, "y": {0: "n"}}, dynamo=False)
    y = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {"x": x.numpy()})[0]
    with torch.no_grad():
        assert np.abs(y - network(x).numpy()).max() < 1e-3 * max(1, np.abs(y).max()), name
    x.numpy().tofile(folder / f"{name}.in")
    y.tofile(folder / f"{name}.out")
