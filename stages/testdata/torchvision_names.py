"""Writes networks with the names that torchvision's have: torchvision_names.py FOLDER.

NAME.safetensors is what PyTorch has in its state_dict, counters of batches as well;
NAME.json has pictures, channels last, and the logits that PyTorch computes of them.
"""
import json
import pathlib
import sys

import torch
from safetensors.torch import save_file
from torch import nn

folder, width, classes = pathlib.Path(sys.argv[1]), 8, 5


class Block(nn.Module):
    def __init__(self, before, inner, stride, deep):
        super().__init__()
        after = 4 * inner if deep else inner
        steps = [(before, inner, 1, 1), (inner, inner, 3, stride), (inner, after, 1, 1)] if deep else [(before, inner, 3, stride), (inner, inner, 3, 1)]
        for i, (a, b, size, s) in enumerate(steps, 1):
            setattr(self, f"conv{i}", nn.Conv2d(a, b, size, s, size // 2, bias=False))
            setattr(self, f"bn{i}", nn.BatchNorm2d(b))
        self.steps = len(steps)
        if stride > 1 or before != after:
            self.downsample = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, x):
        y = x
        for i in range(1, self.steps + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            y = torch.relu(y) if i < self.steps else y
        return torch.relu(y + (self.downsample(x) if hasattr(self, "downsample") else x))


class ResNet(nn.Module):
    def __init__(self, counts, deep):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width)
        channels = width
        for i, n in enumerate(counts):
            blocks = []
            for j in range(n):
                blocks.append(Block(channels, width << i, 2 if i and not j else 1, deep))
                channels = (width << i) * (4 if deep else 1)
            setattr(self, f"layer{i + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(channels, classes)

    def forward(self, x):
        x = nn.functional.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for i in range(1, 5):
            x = getattr(self, f"layer{i}")(x)
        return self.fc(x.mean((2, 3)))


class Fire(nn.Module):
    def __init__(self, before, inner):
        super().__init__()
        self.squeeze, self.expand1x1, self.expand3x3 = nn.Conv2d(before, inner, 1), nn.Conv2d(inner, 4 * inner, 1), nn.Conv2d(inner, 4 * inner, 3, padding=1)

    def forward(self, x):
        x = torch.relu(self.squeeze(x))
        return torch.relu(torch.cat([self.expand1x1(x), self.expand3x3(x)], 1))


class SqueezeNet(nn.Module):
    def __init__(self):
        super().__init__()
        def pool():
            return nn.MaxPool2d(3, 2, ceil_mode=True)
        w = width
        self.features = nn.Sequential(
            nn.Conv2d(3, 4 * w, 3, 2), nn.ReLU(), pool(), Fire(4 * w, w), Fire(8 * w, w), pool(), Fire(8 * w, 2 * w), Fire(16 * w, 2 * w), pool(),
            Fire(16 * w, 3 * w), Fire(24 * w, 3 * w), Fire(24 * w, 4 * w), Fire(32 * w, 4 * w))
        self.classifier = nn.Sequential(nn.Dropout(), nn.Conv2d(32 * w, classes, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1))

    def forward(self, x):
        return self.classifier(self.features(x)).flatten(1)


torch.manual_seed(1)
for name, network in {"resnet18": ResNet([2, 2, 2, 2], False), "resnet34": ResNet([3, 4, 6, 3], False), "resnet50": ResNet([3, 4, 6, 3], True),
                      "squeezenet": SqueezeNet()}.items():
    network.eval()
    for m in network.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.running_mean.normal_(0, 0.1)
            m.running_var.uniform_(0.5, 1.5)
    x = torch.randn(2, 3, 63, 63)
    with torch.no_grad():
        y = network(x)
    save_file(dict(network.state_dict()), folder / f"{name}.safetensors")
    (folder / f"{name}.json").write_text(json.dumps({"in": x.permute(0, 2, 3, 1).flatten().tolist(), "out": y.flatten().tolist()}))
