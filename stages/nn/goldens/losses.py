"""The losses of package nn, each made of the PyTorch function it should equal.

The mean is Keras': over the rows that count, whatever their class weights are.
"""

import torch
import torch.nn.functional as F


def one_hot(target, y):
    """Labels as numbers, for losses that compare numbers."""
    if target.dtype.is_floating_point:
        return target
    if y.shape[-1] == 1:
        return target[:, None].double()
    return F.one_hot(target.clamp(min=0), y.shape[-1]).double()


def mean(values, mask, target, case):
    """The mean of one value per row."""
    counts = torch.ones_like(values, dtype=torch.bool)
    if mask is not None:
        counts &= mask.flatten()
    weights = torch.ones_like(values)
    if not target.dtype.is_floating_point:
        counts &= target >= 0
        if "class_weights" in case:
            weights = torch.tensor(case["class_weights"], dtype=torch.float64)[target.clamp(min=0)]
    return (values * weights * counts).sum() / counts.sum()


def logit(y):
    """What a sigmoid made y from."""
    return torch.log(y) - torch.log1p(-y)


def mse(y, mask, target, config, case):
    y = y.reshape(-1, y.shape[-1])
    return mean(F.mse_loss(y, one_hot(target, y), reduction="none").mean(-1), mask, target, case)


def binary_crossentropy(y, mask, target, config, case):
    y = y.reshape(-1, y.shape[-1])
    z = y if config.get("from_logits") else logit(y)
    smoothing = config.get("label_smoothing", 0)
    wanted = one_hot(target, y) * (1 - smoothing) + 0.5 * smoothing
    values = F.binary_cross_entropy_with_logits(z, wanted, reduction="none")
    return mean(values.mean(-1), mask, target, case)


def categorical_crossentropy(y, mask, target, config, case):
    y = y.reshape(-1, y.shape[-1])
    z = y if config.get("from_logits") else torch.log(y)
    values = F.cross_entropy(z, target.clamp(min=0), reduction="none", label_smoothing=config.get("label_smoothing", 0))
    return mean(values, mask, target, case)


def ctc(y, mask, target, config, case):
    z = y if config.get("from_logits") else torch.log(y)
    labels = target.reshape(y.shape[:2])
    lengths = (labels >= 0).sum(1)
    values = F.ctc_loss(z.log_softmax(-1).transpose(0, 1), labels.clamp(min=1), torch.full_like(lengths, y.shape[1]), lengths,
                        reduction="none", zero_infinity=config.get("zero_infinity", False))
    return values.mean()


LOSSES = {
    "ctc": ctc,
    "mse": mse,
    "binary_crossentropy": binary_crossentropy,
    "categorical_crossentropy": categorical_crossentropy,
    "sparse_categorical_crossentropy": categorical_crossentropy,
}
