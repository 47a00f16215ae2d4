"""Records with PyTorch what the tests of package nn compare with.

    python3 -m venv venv && venv/bin/pip install torch numpy
    venv/bin/python stages/nn/goldens/record.py stages/nn/testdata [case…]

Each case is one safetensors file: a network as the package's JSON, its first
parameters, a batch, and what PyTorch makes of them: the output, the gradient of
the loss with respect to the input and every parameter, and the losses of ten
steps of training on that batch; or, of a case of inference, the output alone. All is computed in float64, so that what the
tests measure is the error of package nn alone.
"""

import json
import pathlib
import sys
import zlib

import numpy as np
import torch

import images  # noqa: F401, it registers its layers
import transformers  # noqa: F401, it registers its layers
from cases import CASES
from layers import LAYERS
from losses import LOSSES
from optimizers import OPTIMIZERS
from safetensors_writer import save

STEPS = 10


class Network:
    """The layers of a case, with parameters drawn from the case's own generator."""

    def __init__(self, case, rng):
        shape, self.layers, self.params = list(case["input"]["shape"]), [], {}
        for i, spec in enumerate(case["layers"]):
            (kind, config), = spec.items()
            layer = LAYERS[kind](config, shape, case, rng)
            shape = layer.shape
            self.layers.append(layer)
            for name, value in layer.params.items():
                self.params[f"{i}.{name}"] = value

    def __call__(self, x):
        mask = None
        for layer in self.layers:
            x, mask = layer(x, mask)
        return x, mask


def draw_input(case, rng):
    shape = [case["batch"]] + list(case["input"]["shape"])
    if not case["input"].get("tokens"):
        return torch.tensor(rng.normal(size=shape).astype("f4"), dtype=torch.float64, requires_grad=True)
    ids = rng.integers(1, case["context"]["vocab"], size=shape)
    if case.get("padded"):
        # Padding before, after and in between, and one example of nothing else.
        ids[0, :2], ids[1, -2:], ids[2, 1], ids[-1, :] = 0, 0, 0, 0
    return torch.tensor(ids)


def draw_target(case, shape, rng):
    rows = int(np.prod(shape[:-1]))
    if case["target"] == "labels":
        labels = rng.integers(0, case["context"]["classes"], size=rows)
        if "ctc" in case["loss"]:
            labels = rng.integers(1, case["context"]["classes"], size=shape[:-1])
            for b, length in enumerate([0, 1, shape[1] // 2, shape[1]]):
                labels[b, length:] = -1
            labels[2, 0] = labels[2, 1]  # a repeat needs a blank between
            return torch.tensor(labels.flatten())
        if case.get("ignored"):
            labels[0] = -1
        return torch.tensor(labels)
    values = rng.random(size=(rows, shape[-1])) if case["target"] == "probabilities" else rng.normal(size=(rows, shape[-1]))
    return torch.tensor(values.astype("f4"), dtype=torch.float64)


def record(name, case, folder):
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    network = Network(case, rng)
    x = draw_input(case, rng)
    (loss_kind, loss_config), = case["loss"].items()
    (optimizer_kind, optimizer_config), = case["optimizer"].items()

    y, mask = network(x)
    target = draw_target(case, y.shape, rng)
    arrays = {"input": x.detach().numpy(), "output": y.detach().numpy(), "target": target.numpy()}
    for key, value in network.params.items():
        arrays["param/" + key] = value.detach().numpy().copy()

    described = {k: case[k] for k in ("input", "context", "layers", "loss", "optimizer", "target", "class_weights", "tolerance") if k in case}
    metadata = {"case": json.dumps(described, sort_keys=True), "torch": torch.__version__}
    if case.get("inference"):
        save(folder / f"{name}.safetensors", arrays, metadata)
        return

    def measure():
        y, mask = network(x)
        return LOSSES[loss_kind](y, mask, target, loss_config, case)

    measure().backward()
    if x.grad is not None:
        arrays["grad_input"] = x.grad.numpy().copy()
    trained = {k: v for k, v in network.params.items() if v.requires_grad}
    for key, value in trained.items():
        arrays["grad/" + key] = value.grad.numpy().copy()

    optimizer, losses = OPTIMIZERS[optimizer_kind](list(trained.values()), optimizer_config), []
    for step in range(1, STEPS + 1):
        for value in trained.values():
            value.grad = None
        loss = measure()
        losses.append(loss.item())
        loss.backward()
        optimizer(step)
    arrays["losses"] = np.array(losses)

    save(folder / f"{name}.safetensors", arrays, metadata)


def main():
    folder, wanted = pathlib.Path(sys.argv[1]), sys.argv[2:]
    folder.mkdir(parents=True, exist_ok=True)
    for name, case in CASES.items():
        if not wanted or name in wanted:
            record(name, case, folder)


if __name__ == "__main__":
    main()
