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
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
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


@layer("reshape")
class Reshape(Layer):
    def build(self, case, rng):
        self.shape = list(np.empty(self.shape).reshape(self.config["shape"]).shape)

    def __call__(self, x, mask):
        return x.reshape([-1] + self.shape), None


@layer("dropout")
class Dropout(Layer):
    """Only a rate of 0 can be compared: the draws are not PyTorch's."""

    def __call__(self, x, mask):
        assert self.config["rate"] == 0
        return F.dropout(x, 0.0), mask


class Recurrent(Layer):
    gates, two_biases, states = 1, False, ["h0"]

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
            if self.config.get("initial_state", "zeros") != "zeros":
                for name in self.states:
                    first = draw(rng, units)
                    self.params[name + suffix] = first if self.config["initial_state"] == "learned" else first.detach()
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
        starts = [self.start(x.shape[0], suffix) for suffix in self.suffixes()]
        y, last = self.whole(x, [torch.stack(parts) for parts in zip(*starts)], len(self.suffixes()) == 2)
        if self.config.get("return_sequences"):
            return y, None
        return torch.cat(list(last[0]), -1), None

    def zeros(self, batch):
        return [torch.zeros(batch, self.shape[-1], dtype=torch.float64) for _ in self.states]

    def whole_from(self, x, start):
        """From states, those of both directions side by side, to all outputs and the last states."""
        both = len(self.suffixes()) == 2
        y, last = self.whole(x, [torch.stack(s.split(self.size, -1)) for s in start], both)
        return y, [torch.cat(list(s), -1) for s in last]

    def stepwise(self, x, mask):
        """PyTorch has no masks but packed ends: its cell, step by step, and Keras' rule for masked steps."""
        sequences, lasts = [], []
        for suffix in self.suffixes():
            weights = [self.params["weight_ih" + suffix], self.params["weight_hh" + suffix], *self.biases(suffix)]
            times = range(x.shape[1]) if suffix == "" else reversed(range(x.shape[1]))
            state, states = self.start(x.shape[0], suffix), [None] * x.shape[1]
            for t in times:
                new = self.step(x[:, t], state, weights)
                state = [torch.where(mask[:, t, None], n, s) for n, s in zip(new, state)]
                states[t] = state[0]
            sequences.append(torch.stack(states, 1))
            lasts.append(state[0])
        if self.config.get("return_sequences"):
            return torch.cat(sequences, -1), mask
        return torch.cat(lasts, -1), None

    def start(self, batch, suffix):
        zero = torch.zeros(self.size, dtype=torch.float64)
        return [self.params.get(name + suffix, zero).expand(batch, -1) for name in self.states]


@layer("simple_rnn")
class SimpleRNN(Recurrent):
    def whole(self, x, start, both):
        f = {"tanh": torch.rnn_tanh, "relu": torch.rnn_relu}[self.config.get("activation", "tanh")]
        y, h = f(x, start[0], self.flat(), True, 1, 0.0, False, both, True)
        return y, [h]

    def step(self, x, state, weights):
        f = {"tanh": torch.rnn_tanh_cell, "relu": torch.rnn_relu_cell}[self.config.get("activation", "tanh")]
        return [f(x, state[0], *weights)]


@layer("lstm")
class LSTM(Recurrent):
    gates, states = 4, ["h0", "c0"]

    def whole(self, x, start, both):
        y, h, c = torch.lstm(x, tuple(start), self.flat(), True, 1, 0.0, False, both, True)
        return y, [h, c]

    def step(self, x, state, weights):
        return torch.lstm_cell(x, state, *weights)


@layer("gru")
class GRU(Recurrent):
    gates, two_biases = 3, True

    def whole(self, x, start, both):
        y, h = torch.gru(x, start[0], self.flat(), True, 1, 0.0, False, both, True)
        return y, [h]

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


@layer("unit_norm")
class UnitNorm(Layer):
    def __call__(self, x, mask):
        return F.normalize(x, dim=-1), mask


@layer("rms_norm")
class RMSNorm(Layer):
    def build(self, case, rng):
        self.params["weight"] = draw(rng, self.shape[-1])

    def __call__(self, x, mask):
        return F.rms_norm(x, x.shape[-1:], self.params["weight"], self.config.get("epsilon", 1e-6)), mask


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
