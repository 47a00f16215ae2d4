"""The layers of package nn for images, and the networks made of them."""

import torch
import torch.nn.functional as F

from layers import ACTIVATIONS, LAYERS, Layer, Named, draw, layer


def pair(value, dims):
    value = value if isinstance(value, list) else [value]
    return value * dims if len(value) == 1 else value


class Windows(Layer):
    """What convolutions and pooling share: channels last here, first in PyTorch."""

    dims = None

    def geometry(self, size, strides):
        self.dims = len(self.shape) - 1
        self.size, self.strides = pair(size, self.dims), pair(strides, self.dims)
        self.dilation = pair(self.config.get("dilation_rate", [1]), self.dims)
        padding, self.pads, out = self.config.get("padding", "valid"), [], []
        for n, k, s, d in zip(self.shape, self.size, self.strides, self.dilation):
            reach = (k - 1) * d + 1
            if padding == "same":
                total = max((-(-n // s) - 1) * s + reach - n, 0)
                self.pads.append((total // 2, total - total // 2))
            elif padding == "causal":
                self.pads.append((reach - 1, 0))
            else:
                zeros = 0 if padding == "valid" else int(padding)
                self.pads.append((zeros, zeros))
            out.append((n + sum(self.pads[-1]) - reach) // s + 1)
        return out

    def pad(self, x, value=0.0):
        return F.pad(x, [n for pads in reversed(self.pads) for n in pads], value=value)


class Convolution(Windows):
    def build(self, case, rng):
        filters, self.groups = self.config["filters"], self.config.get("groups", 1)
        out = self.geometry(self.config["kernel_size"], self.config.get("strides", [1]))
        self.params["weight"] = draw(rng, filters, *self.size, self.shape[-1] // self.groups)
        if self.config.get("use_bias", True):
            self.params["bias"] = draw(rng, filters)
        self.shape = out + [filters]

    def __call__(self, x, mask):
        f = {1: F.conv1d, 2: F.conv2d}[self.dims]
        y = f(self.pad(x.movedim(-1, 1)), self.params["weight"].movedim(-1, 1), self.params.get("bias"),
              stride=self.strides, dilation=self.dilation, groups=self.groups)
        return ACTIVATIONS[self.config.get("activation", "linear")](y.movedim(1, -1)), None


LAYERS["conv1d"] = LAYERS["conv2d"] = Convolution


class Pool(Windows):
    def build(self, case, rng):
        size = self.config.get("pool_size", [2])
        self.shape = self.geometry(size, self.config.get("strides") or size) + self.shape[-1:]


@layer("max_pool")
class MaxPool(Pool):
    def __call__(self, x, mask):
        f = {1: F.max_pool1d, 2: F.max_pool2d}[self.dims]
        return f(self.pad(x.movedim(-1, 1), -torch.inf), self.size, self.strides).movedim(1, -1), None


@layer("avg_pool")
class AvgPool(Pool):
    def __call__(self, x, mask):
        f = {1: F.avg_pool1d, 2: F.avg_pool2d}[self.dims]
        inside = self.pad(torch.ones_like(x.movedim(-1, 1)))
        sums = f(self.pad(x.movedim(-1, 1)), self.size, self.strides)
        return (sums / f(inside, self.size, self.strides)).movedim(1, -1), None


def conv(filters, size, stride=1, **more):
    return {"conv2d": {"filters": filters, "kernel_size": [size], "strides": [stride], "padding": str(size // 2), "use_bias": False, **more}}


NORM = {"batch_norm": {"epsilon": 1e-5}}
RELU = {"activation": {}}


class Block(Layer):
    """A residual block, with torchvision's names."""

    def __init__(self, width, stride, bottleneck, zeros, shape, case, rng):
        out = 4 * width if bottleneck else width
        convs = [(width, 1, 1), (width, 3, stride), (out, 1, 1)] if bottleneck else [(width, 3, stride), (width, 3, 1)]
        self.params, self.main, self.stride = {}, [], stride
        at = shape
        for i, c in enumerate(convs):
            for name, (kind, config) in [("conv", *conv(*c).items()), ("bn", *NORM.items())]:
                made = LAYERS[kind](config, at, case, rng)
                at = made.shape
                self.main.append(made)
                self.params |= {f"{name}{i + 1}.{key}": value for key, value in made.params.items()}
        self.around, self.pad = [], 0
        if zeros:
            self.pad = (out - shape[-1]) // 2
        elif shape[-1] != out or stride != 1:
            here = shape
            for i, (kind, config) in enumerate([*conv(out, 1, stride).items(), *NORM.items()]):
                made = LAYERS[kind](config, here, case, rng)
                here = made.shape
                self.around.append(made)
                self.params |= {f"downsample.{i}.{key}": value for key, value in made.params.items()}
        self.shape = at

    def __call__(self, x, mask):
        y, short = x, x
        for i, made in enumerate(self.main):
            y = made(y, None)[0]
            if i % 2 == 1 and i + 1 < len(self.main):
                y = torch.relu(y)
        for made in self.around:
            short = made(short, None)[0]
        if self.pad:
            short = F.pad(short[:, :: self.stride, :: self.stride], (self.pad, self.pad))
        return torch.relu(y + short), None


class ResNet(Named):
    def parts(self):
        width, blocks, bottleneck, zeros = self.config["width"], self.blocks, self.bottleneck, self.zeros
        yield from [("conv1", conv(width, 3 if zeros else 7, 1 if zeros else 2)), ("bn1", NORM), ("relu", RELU)]
        if not zeros:
            yield "maxpool", {"max_pool": {"pool_size": [3], "strides": [2], "padding": "1"}}
        for i, n in enumerate(blocks):
            for j in range(n):
                def block(shape, case, rng, w=width << i, s=2 if i > 0 and j == 0 else 1):
                    return Block(w, s, bottleneck, zeros, shape, case, rng)
                yield f"layer{i + 1}.{j}", block
        yield "avgpool", {"global_avg_pool": {}}


@layer("resnet18")
class ResNet18(ResNet):
    blocks, bottleneck, zeros = [2, 2, 2, 2], False, False


@layer("resnet34")
class ResNet34(ResNet):
    blocks, bottleneck, zeros = [3, 4, 6, 3], False, False


@layer("resnet50")
class ResNet50(ResNet):
    blocks, bottleneck, zeros = [3, 4, 6, 3], True, False


@layer("resnet20")
class ResNet20(ResNet):
    blocks, bottleneck, zeros = [3, 3, 3], False, True


class Fire(Layer):
    def __init__(self, width, shape, case, rng):
        make = lambda n, size, at: Convolution(conv(n, size, activation="relu", use_bias=True)["conv2d"], at, case, rng)
        self.squeeze = make(width, 1, shape)
        self.ones, self.threes = make(4 * width, 1, self.squeeze.shape), make(4 * width, 3, self.squeeze.shape)
        self.shape, self.params = shape[:-1] + [8 * width], {}
        for name, made in [("squeeze", self.squeeze), ("expand1x1", self.ones), ("expand3x3", self.threes)]:
            self.params |= {f"{name}.{key}": value for key, value in made.params.items()}

    def __call__(self, x, mask):
        x = self.squeeze(x, None)[0]
        return torch.cat([self.ones(x, None)[0], self.threes(x, None)[0]], -1), None


@layer("squeezenet")
class SqueezeNet(Named):
    def parts(self):
        width = self.config["width"]
        pool = {"max_pool": {"pool_size": [3], "strides": [2]}}
        yield "features.0", conv(4 * width, 3, 2, activation="relu", use_bias=True, padding="valid")
        # torchvision counts relus, which have no parameters, and pools.
        for index, times in [(2, 0), (3, 1), (4, 1), (5, 0), (6, 2), (7, 2), (8, 0), (9, 3), (10, 3), (11, 4), (12, 4)]:
            if times == 0:
                yield f"features.{index}", pool
            else:
                yield f"features.{index}", lambda shape, case, rng, w=times * width: Fire(w, shape, case, rng)
        yield "pool", {"global_avg_pool": {}}
