"""The optimisers of package nn, made of PyTorch's.

Each entry takes the parameters and the configuration, and returns a function
that makes step number 1, 2, … from the gradients.
"""

import math

import torch


def sgd(params, config):
    made = torch.optim.SGD(params, lr=config.get("learning_rate", 0.01), momentum=config.get("momentum", 0),
                           nesterov=config.get("nesterov", False), weight_decay=config.get("weight_decay", 0))
    return lambda step: made.step()


def adam_with(kind, decay):
    def make(params, config):
        beta2, epsilon = config.get("beta_2", 0.999), config.get("epsilon", 1e-7)
        made = kind(params, lr=config.get("learning_rate", 0.001), betas=(config.get("beta_1", 0.9), beta2),
                    weight_decay=config.get("weight_decay", decay))

        def step(number):
            # Keras adds epsilon before the correction of the second moment, PyTorch after it.
            for group in made.param_groups:
                group["eps"] = epsilon / math.sqrt(1 - beta2**number)
            made.step()

        return step
    return make


def rmsprop(params, config):
    """Keras' formula, whose epsilon is under the root, where PyTorch's is not."""
    rate, rho = config.get("learning_rate", 0.001), config.get("rho", 0.9)
    momentum, epsilon = config.get("momentum", 0), config.get("epsilon", 1e-7)
    square, velocity = [torch.zeros_like(p) for p in params], [torch.zeros_like(p) for p in params]

    @torch.no_grad()
    def step(number):
        for p, s, v in zip(params, square, velocity):
            s.mul_(rho).addcmul_(p.grad, p.grad, value=1 - rho)
            v.mul_(momentum).addcdiv_(p.grad, (s + epsilon).sqrt(), value=rate)
            p.sub_(v)

    return step


def adagrad(params, config):
    """Keras' formula, whose epsilon is under the root, where PyTorch's is not."""
    rate, epsilon = config.get("learning_rate", 0.001), config.get("epsilon", 1e-7)
    square = [torch.full_like(p, config.get("initial_accumulator_value", 0.1)) for p in params]

    @torch.no_grad()
    def step(number):
        for p, s in zip(params, square):
            s.addcmul_(p.grad, p.grad)
            p.addcdiv_(p.grad, (s + epsilon).sqrt(), value=-rate)

    return step


OPTIMIZERS = {
    "sgd": sgd,
    "adam": adam_with(torch.optim.Adam, 0),
    "adamw": adam_with(torch.optim.AdamW, 0.004),
    "rmsprop": rmsprop,
    "adagrad": adagrad,
}
