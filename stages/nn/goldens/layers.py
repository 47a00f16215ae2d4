"""The layers of package nn, each made of the PyTorch function it should equal."""

import numpy as np
import torch
import torch.nn.functional as F

ACTIVATIONS = {
    "linear": lambda x: x,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softmax": lambda x: torch.softmax(x, -1),
    "gelu": F.gelu,
    "silu": F.silu,
}

LAYERS = {}


def layer(kind):
    def add(cls):
        LAYERS[kind] = cls
        return cls
    return add


def draw(rng, *shape, scale=0.3):
    value = (scale * rng.normal(size=shape)).astype("f4")
    return torch.tensor(value, dtype=torch.float64, requires_grad=True)


class Layer:
    def __init__(self, config, shape, case, rng):
        self.config, self.shape, self.params = config, list(shape), {}
        self.build(case, rng)

    def build(self, case, rng):
        pass

    def units(self, case):
        units = self.config["units"]
        return case["context"]["classes"] if units == "classes" else int(units)


@layer("embedding")
class Embedding(Layer):
    def build(self, case, rng):
        self.params["weight"] = draw(rng, case["context"]["vocab"], self.config["dim"])
        self.shape = self.shape + [self.config["dim"]]

    def __call__(self, x, mask):
        return F.embedding(x, self.params["weight"]), (x != 0 if self.config.get("mask_zero") else None)


@layer("dense")
class Dense(Layer):
    def build(self, case, rng):
        units = self.units(case)
        self.params["weight"] = draw(rng, units, self.shape[-1])
        if self.config.get("use_bias", True):
            self.params["bias"] = draw(rng, units)
        self.shape = self.shape[:-1] + [units]

    def __call__(self, x, mask):
        z = F.linear(x, self.params["weight"], self.params.get("bias"))
        return ACTIVATIONS[self.config.get("activation", "linear")](z), mask


@layer("activation")
class Activation(Layer):
    def __call__(self, x, mask):
        return ACTIVATIONS[self.config.get("function", "relu")](x), mask


@layer("flatten")
class Flatten(Layer):
    def build(self, case, rng):
        self.shape = [int(np.prod(self.shape))]

    def __call__(self, x, mask):
        return x.flatten(1), None


@layer("dropout")
class Dropout(Layer):
    """Only a rate of 0 can be compared: the draws are not PyTorch's."""

    def __call__(self, x, mask):
        assert self.config["rate"] == 0
        return F.dropout(x, 0.0), mask


class Recurrent(Layer):
    gates, two_biases = 1, False

    def build(self, case, rng):
        units, features = self.units(case), self.shape[-1]
        self.size = units
        for suffix in self.suffixes():
            self.params["weight_ih" + suffix] = draw(rng, self.gates * units, features)
            self.params["weight_hh" + suffix] = draw(rng, self.gates * units, units)
            if self.config.get("use_bias", True):
                names = ["bias_ih", "bias_hh"] if self.two_biases else ["bias"]
                for name in names:
                    self.params[name + suffix] = draw(rng, self.gates * units)
        width = units * len(self.suffixes())
        self.shape = [self.shape[0], width] if self.config.get("return_sequences") else [width]

    def suffixes(self):
        return ["", "_reverse"] if self.config.get("bidirectional") else [""]

    def biases(self, suffix):
        zero = torch.zeros(self.gates * self.size, dtype=torch.float64)
        if not self.config.get("use_bias", True):
            return zero, zero
        if self.two_biases:
            return self.params["bias_ih" + suffix], self.params["bias_hh" + suffix]
        return self.params["bias" + suffix], zero

    def flat(self):
        flat = []
        for suffix in self.suffixes():
            flat += [self.params["weight_ih" + suffix], self.params["weight_hh" + suffix], *self.biases(suffix)]
        return flat

    def __call__(self, x, mask):
        if mask is not None:
            return self.stepwise(x, mask)
        start = torch.zeros(len(self.suffixes()), x.shape[0], self.size, dtype=torch.float64)
        y, last = self.whole(x, start, len(self.suffixes()) == 2)
        if self.config.get("return_sequences"):
            return y, None
        return torch.cat(list(last), -1), None

    def stepwise(self, x, mask):
        """PyTorch has no masks but packed ends: its cell, step by step, and Keras' rule for masked steps."""
        sequences, lasts = [], []
        for suffix in self.suffixes():
            weights = [self.params["weight_ih" + suffix], self.params["weight_hh" + suffix], *self.biases(suffix)]
            times = range(x.shape[1]) if suffix == "" else reversed(range(x.shape[1]))
            state, states = self.start(x.shape[0]), [None] * x.shape[1]
            for t in times:
                new = self.step(x[:, t], state, weights)
                state = [torch.where(mask[:, t, None], n, s) for n, s in zip(new, state)]
                states[t] = state[0]
            sequences.append(torch.stack(states, 1))
            lasts.append(state[0])
        if self.config.get("return_sequences"):
            return torch.cat(sequences, -1), mask
        return torch.cat(lasts, -1), None

    def start(self, batch):
        return [torch.zeros(batch, self.size, dtype=torch.float64)]


@layer("simple_rnn")
class SimpleRNN(Recurrent):
    def whole(self, x, start, both):
        f = {"tanh": torch.rnn_tanh, "relu": torch.rnn_relu}[self.config.get("activation", "tanh")]
        return f(x, start, self.flat(), True, 1, 0.0, False, both, True)

    def step(self, x, state, weights):
        f = {"tanh": torch.rnn_tanh_cell, "relu": torch.rnn_relu_cell}[self.config.get("activation", "tanh")]
        return [f(x, state[0], *weights)]


@layer("lstm")
class LSTM(Recurrent):
    gates = 4

    def whole(self, x, start, both):
        y, last, _ = torch.lstm(x, (start, start), self.flat(), True, 1, 0.0, False, both, True)
        return y, last

    def start(self, batch):
        return super().start(batch) * 2

    def step(self, x, state, weights):
        return torch.lstm_cell(x, state, *weights)


@layer("gru")
class GRU(Recurrent):
    gates, two_biases = 3, True

    def whole(self, x, start, both):
        return torch.gru(x, start, self.flat(), True, 1, 0.0, False, both, True)

    def step(self, x, state, weights):
        return [torch.gru_cell(x, state[0], *weights)]


@layer("global_max_pool")
class GlobalMaxPool(Layer):
    def build(self, case, rng):
        self.shape = self.shape[-1:]

    def __call__(self, x, mask):
        x = x.flatten(1, -2)
        if mask is None:
            return x.amax(1), None
        best = x.masked_fill(~mask[..., None], -torch.inf).amax(1)
        return torch.where(mask.any(1)[:, None], best, 0.0), None


@layer("global_avg_pool")
class GlobalAvgPool(Layer):
    def build(self, case, rng):
        self.shape = self.shape[-1:]

    def __call__(self, x, mask):
        x = x.flatten(1, -2)
        if mask is None:
            return x.mean(1), None
        return (x * mask[..., None]).sum(1) / mask.sum(1).clamp(min=1)[:, None], None


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


@layer("batch_norm")
class BatchNorm(Layer):
    def build(self, case, rng):
        n = self.shape[-1]
        if self.config.get("scale", True):
            self.params["weight"] = (1 + draw(rng, n).detach() / 3).float().double().requires_grad_()
        if self.config.get("center", True):
            self.params["bias"] = draw(rng, n)
        for name in ["running_mean", "running_var"]:
            self.params[name] = (1 + draw(rng, n).detach() / 3).float().double()
        self.training = not case.get("inference")

    def __call__(self, x, mask):
        rows, running = x.reshape(-1, x.shape[-1]), (None, None)
        if not self.training:
            running = self.params["running_mean"], self.params["running_var"]
        y = F.batch_norm(rows, *running, self.params.get("weight"), self.params.get("bias"), self.training,
                         eps=self.config.get("epsilon", 1e-3))
        return y.reshape(x.shape), mask


@layer("layer_norm")
class LayerNorm(Layer):
    def build(self, case, rng):
        self.params["weight"], self.params["bias"] = draw(rng, self.shape[-1]), draw(rng, self.shape[-1])

    def __call__(self, x, mask):
        return F.layer_norm(x, x.shape[-1:], self.params["weight"], self.params["bias"], self.config.get("epsilon", 1e-3)), mask


@layer("rms_norm")
class RMSNorm(Layer):
    def build(self, case, rng):
        self.params["weight"] = draw(rng, self.shape[-1])

    def __call__(self, x, mask):
        return F.rms_norm(x, x.shape[-1:], self.params["weight"], self.config.get("epsilon", 1e-6)), mask


@layer("positional_encoding")
class PositionalEncoding(Layer):
    def build(self, case, rng):
        time, features = self.shape
        if self.config.get("encoding") == "learned":
            self.table = self.params["weight"] = draw(rng, time, features)
            return
        self.table = torch.zeros(time, features, dtype=torch.float64)
        rates = torch.exp(-np.log(10000.0) * torch.arange(0, features, 2, dtype=torch.float64) / features)
        angles = torch.arange(time, dtype=torch.float64)[:, None] * rates
        self.table[:, 0::2], self.table[:, 1::2] = angles.sin(), angles.cos()[:, : features // 2]

    def __call__(self, x, mask):
        return x + self.table, mask


def rotate(x, base):
    """Rotary embedding of (batch, heads, time, dim), element i with element i + dim/2."""
    time, dim = x.shape[-2:]
    rates = base ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    turns = torch.polar(torch.ones(time, dim // 2, dtype=torch.float64), torch.arange(time, dtype=torch.float64)[:, None] * rates)
    turned = torch.complex(x[..., : dim // 2], x[..., dim // 2 :]) * turns
    return torch.cat([turned.real, turned.imag], -1)


@layer("multi_head_attention")
class MultiHeadAttention(Layer):
    def build(self, case, rng):
        features, self.heads = self.shape[-1], self.config["heads"]
        self.kv = self.config.get("kv_heads") or self.heads
        self.dim = self.config.get("head_dim") or features // self.heads
        width = (self.heads + 2 * self.kv) * self.dim
        self.params["in_proj.weight"] = draw(rng, width, features)
        self.params["out_proj.weight"] = draw(rng, features, self.heads * self.dim)
        if self.config.get("use_bias", True):
            self.params["in_proj.bias"], self.params["out_proj.bias"] = draw(rng, width), draw(rng, features)

    def __call__(self, x, mask):
        batch, time, _ = x.shape
        qkv = F.linear(x, self.params["in_proj.weight"], self.params.get("in_proj.bias"))
        q, k, v = (t.unflatten(-1, (-1, self.dim)).transpose(1, 2)
                   for t in qkv.split([self.heads * self.dim, self.kv * self.dim, self.kv * self.dim], -1))
        if self.config.get("rope"):
            q, k = rotate(q, self.config.get("rope_base", 10000)), rotate(k, self.config.get("rope_base", 10000))
        allowed = torch.ones(batch, 1, time, time, dtype=torch.bool)
        if self.config.get("causal"):
            allowed = allowed.tril()
        if mask is not None:
            allowed = allowed & mask[:, None, None, :]
        # A position that may read nothing is not defined in PyTorch; here it gives 0.
        readable = allowed.any(-1, keepdim=True)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed | ~readable, enable_gqa=True)
        y = torch.where(readable, y, 0.0).transpose(1, 2).flatten(2)
        return F.linear(y, self.params["out_proj.weight"], self.params.get("out_proj.bias")), mask


@layer("transformer_block")
class TransformerBlock(Layer):
    def build(self, case, rng):
        features, bias = self.shape[-1], self.config.get("use_bias", True)
        hidden = self.config.get("hidden") or 4 * features
        norm = LAYERS["rms_norm" if self.config.get("norm") == "rms" else "layer_norm"]
        epsilon = {"epsilon": self.config.get("epsilon", 1e-5)}
        activation = self.config.get("activation", "gelu")
        swiglu = activation == "swiglu"
        self.parts = {
            "attention": MultiHeadAttention(self.config, self.shape, case, rng),
            "norm1": norm(epsilon, self.shape, case, rng),
            "norm2": norm(epsilon, self.shape, case, rng),
            "up": Dense({"units": hidden, "activation": "linear" if swiglu else activation, "use_bias": bias}, self.shape, case, rng),
            "down": Dense({"units": features, "use_bias": bias}, [hidden], case, rng),
        }
        if swiglu:
            self.parts["gate"] = Dense({"units": hidden, "activation": "silu", "use_bias": bias}, self.shape, case, rng)
        self.params = {f"{part}.{name}": value for part, layer in self.parts.items() for name, value in layer.params.items()}

    def feed_forward(self, x):
        inner = self.parts["up"](x, None)[0]
        if "gate" in self.parts:
            inner = inner * self.parts["gate"](x, None)[0]
        return self.parts["down"](inner, None)[0]

    def __call__(self, x, mask):
        for norm, f in [("norm1", lambda x: self.parts["attention"](x, mask)[0]), ("norm2", self.feed_forward)]:
            if self.config.get("norm_first", True):
                x = x + f(self.parts[norm](x, None)[0])
            else:
                x = self.parts[norm](x + f(x), None)[0]
        return x, mask


class Sequence:
    """The layers of a list inside a layer."""

    def __init__(self, specs, shape, case, rng):
        self.layers, self.params = [], {}
        for i, spec in enumerate(specs):
            (kind, config), = spec.items()
            made = LAYERS[kind](config, shape, case, rng)
            shape = made.shape
            self.layers.append(made)
            self.params |= {f"{i}.{name}": value for name, value in made.params.items()}
        self.shape = list(shape)

    def __call__(self, x, mask):
        for made in self.layers:
            x, mask = made(x, mask)
        return x, mask


@layer("residual")
class Residual(Layer):
    def build(self, case, rng):
        self.main = Sequence(self.config["layers"], self.shape, case, rng)
        self.around = Sequence(self.config.get("shortcut", []), self.shape, case, rng)
        for name, part in [("layers", self.main), ("shortcut", self.around)]:
            self.params |= {f"{name}.{key}": value for key, value in part.params.items()}
        self.shape = self.main.shape

    def __call__(self, x, mask):
        y, out_mask = self.main(x, mask)
        return ACTIVATIONS[self.config.get("activation", "linear")](y + self.around(x, mask)[0]), out_mask


@layer("branches")
class Branches(Layer):
    def build(self, case, rng):
        self.parts = [Sequence(specs, self.shape, case, rng) for specs in self.config["branches"]]
        for i, part in enumerate(self.parts):
            self.params |= {f"{i}.{key}": value for key, value in part.params.items()}
        self.shape = self.parts[0].shape[:-1] + [sum(part.shape[-1] for part in self.parts)]

    def __call__(self, x, mask):
        outs = [part(x, mask) for part in self.parts]
        return torch.cat([y for y, _ in outs], -1), outs[0][1]


def conv(filters, size, stride=1, **more):
    return {"conv2d": {"filters": filters, "kernel_size": [size], "strides": [stride], "padding": str(size // 2), "use_bias": False, **more}}


NORM = {"batch_norm": {"epsilon": 1e-5}}
RELU = {"activation": {}}


class Named(Layer):
    """Layers one after the other, each under a name."""

    def build(self, case, rng):
        self.made = []
        for name, spec in self.parts():
            if isinstance(spec, dict):
                (kind, config), = spec.items()
                made = LAYERS[kind](config, self.shape, case, rng)
            else:
                made = spec(self.shape, case, rng)
            self.made.append(made)
            self.params |= {f"{name}.{key}": value for key, value in made.params.items()}
            self.shape = made.shape

    def __call__(self, x, mask):
        for made in self.made:
            x, mask = made(x, mask)
        return x, mask


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
