"""Attention, and the networks made of it."""

import numpy as np
import torch
import torch.nn.functional as F

from layers import LAYERS, Dense, Layer, Named, draw, layer


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


class LanguageModel(Named):
    """Token ids to probabilities of the next token, or (for BERT) to features."""

    def blocks(self, **config):
        for i in range(self.config["layers"]):
            yield f"blocks.{i}", {"transformer_block": {"heads": self.config["heads"], **config}}

    def __call__(self, x, mask):
        x, mask = super().__call__(x, mask)
        head = self.params.get("head.weight", self.params["embedding.weight"])
        return torch.softmax(F.linear(x, head), -1), mask


@layer("gpt")
class GPT(LanguageModel):
    def parts(self):
        yield "embedding", {"embedding": {"dim": self.config["dim"]}}
        yield "position", {"positional_encoding": {"encoding": "learned"}}
        yield from self.blocks(causal=True, activation="gelu_tanh")
        yield "norm", {"layer_norm": {"epsilon": 1e-5}}


@layer("llama")
class Llama(LanguageModel):
    def build(self, case, rng):
        super().build(case, rng)
        if not self.config.get("tied", True):
            self.params["head.weight"] = draw(rng, case["context"]["vocab"], self.config["dim"])

    def parts(self):
        yield "embedding", {"embedding": {"dim": self.config["dim"]}}
        yield from self.blocks(causal=True, rope=True, norm="rms", activation="swiglu", use_bias=False,
                               kv_heads=self.config.get("kv_heads"), hidden=self.config.get("hidden"))
        yield "norm", {"rms_norm": {"epsilon": 1e-5}}


class Segment(Layer):
    """The embedding of the first of two segments, at every position."""

    def __init__(self, shape, case, rng):
        self.params, self.shape = {"weight": draw(rng, 2, shape[-1])}, shape

    def __call__(self, x, mask):
        return x + self.params["weight"][0], mask


@layer("bert")
class BERT(LanguageModel):
    def parts(self):
        yield "embedding", {"embedding": {"dim": self.config["dim"], "mask_zero": True}}
        yield "position", {"positional_encoding": {"encoding": "learned"}}
        yield "segment", Segment
        yield "norm", {"layer_norm": {"epsilon": 1e-12}}
        yield from self.blocks(norm_first=False, epsilon=1e-12)

    def __call__(self, x, mask):
        return Named.__call__(self, x, mask)


class CrossAttention(Layer):
    """Reads from the memory that it is given."""

    def build(self, case, rng):
        features = self.shape[-1]
        for name, width in [("q_proj", features), ("kv_proj", 2 * features), ("out_proj", features)]:
            self.params[name + ".weight"], self.params[name + ".bias"] = draw(rng, width, features), draw(rng, width)

    def project(self, name, x):
        return F.linear(x, self.params[name + ".weight"], self.params[name + ".bias"])

    def __call__(self, x, memory, mask):
        heads = [t.unflatten(-1, (self.config["heads"], -1)).transpose(1, 2)
                 for t in (self.project("q_proj", x), *self.project("kv_proj", memory).chunk(2, -1))]
        allowed = mask[:, None, None, :].expand(-1, 1, x.shape[1], -1)
        readable = allowed.any(-1, keepdim=True)
        y = F.scaled_dot_product_attention(*heads, attn_mask=allowed | ~readable)
        return self.project("out_proj", torch.where(readable, y, 0.0).transpose(1, 2).flatten(2))


@layer("transformer")
class Transformer(Layer):
    def build(self, case, rng):
        self.source, dim = self.config["source"], self.config["dim"]
        source, target = [self.source, dim], [self.shape[0] - self.source, dim]
        hidden = self.config.get("hidden") or 4 * dim
        heads, learned = {"heads": self.config["heads"]}, {"encoding": "learned"}
        self.layers = {
            "embedding": LAYERS["embedding"]({"dim": dim}, self.shape, case, rng),
            "source_position": PositionalEncoding(learned, source, case, rng),
            "target_position": PositionalEncoding(learned, target, case, rng),
            "encoder_norm": LAYERS["layer_norm"]({"epsilon": 1e-5}, source, case, rng),
            "norm": LAYERS["layer_norm"]({"epsilon": 1e-5}, target, case, rng),
        }
        for i in range(self.config["layers"]):
            self.layers[f"encoder.{i}"] = TransformerBlock({**heads, "hidden": hidden}, source, case, rng)
            self.layers[f"decoder.{i}.attention"] = MultiHeadAttention({**heads, "causal": True}, target, case, rng)
            self.layers[f"decoder.{i}.cross"] = CrossAttention(heads, target, case, rng)
            for n in "123":
                self.layers[f"decoder.{i}.norm{n}"] = LAYERS["layer_norm"]({"epsilon": 1e-5}, target, case, rng)
            self.layers[f"decoder.{i}.up"] = Dense({"units": hidden, "activation": "gelu"}, target, case, rng)
            self.layers[f"decoder.{i}.down"] = Dense({"units": dim}, [hidden], case, rng)
        self.params = {f"{part}.{name}": value for part, made in self.layers.items() for name, value in made.params.items()}

    def __call__(self, x, mask):
        apply = lambda part, x: self.layers[part](x, None)[0]
        source, target = x[:, :self.source], x[:, self.source:]
        readable = source != 0
        memory = apply("source_position", apply("embedding", source))
        y = apply("target_position", apply("embedding", target))
        for i in range(self.config["layers"]):
            memory = self.layers[f"encoder.{i}"](memory, readable)[0]
        memory = apply("encoder_norm", memory)
        for i in range(self.config["layers"]):
            block = f"decoder.{i}."
            y = y + apply(block + "attention", apply(block + "norm1", y))
            y = y + self.layers[block + "cross"](apply(block + "norm2", y), memory, readable)
            y = y + apply(block + "down", apply(block + "up", apply(block + "norm3", y)))
        return torch.softmax(F.linear(apply("norm", y), self.params["embedding.weight"]), -1), None


@layer("seq2seq")
class Seq2Seq(Layer):
    """Each layer of the decoder begins with the states in which the encoder's ends."""

    def build(self, case, rng):
        self.source, dim, both = self.config["source"], self.config["dim"], self.config.get("bidirectional", False)
        source, target = [self.source, dim], [self.shape[0] - self.source, dim]
        cell = LAYERS[self.config.get("cell", "lstm")]
        config = {"units": dim, "return_sequences": True}
        self.layers = {"embedding": LAYERS["embedding"]({"dim": dim}, self.shape, case, rng)}
        for i in range(self.config["layers"]):
            half = {"units": dim // 2, "bidirectional": True, "return_sequences": True}
            self.layers[f"encoder.{i}"] = cell(half if both else config, source, case, rng)
            self.layers[f"decoder.{i}"] = cell(config, target, case, rng)
        if self.config.get("attention", True):
            self.layers["cross"] = CrossAttention({"heads": self.config.get("heads", 1)}, target, case, rng)
        self.layers["norm"] = LAYERS["layer_norm"]({"epsilon": 1e-5}, target, case, rng)
        self.params = {f"{part}.{name}": value for part, made in self.layers.items() for name, value in made.params.items()}

    def __call__(self, x, mask):
        apply = lambda part, x: self.layers[part](x, None)[0]
        source, target = x[:, :self.source], x[:, self.source:]
        readable = source != 0
        memory, y, states = apply("embedding", source), apply("embedding", target), []
        for i in range(self.config["layers"]):
            memory, last = self.packed(self.layers[f"encoder.{i}"], memory, readable)
            states.append(last)
        for i, first in enumerate(states):
            y, _ = self.layers[f"decoder.{i}"].whole_from(y, first)
        if "cross" in self.layers:
            y = y + self.layers["cross"](y, memory, readable)
        return torch.softmax(F.linear(apply("norm", y), self.params["embedding.weight"]), -1), None

    def packed(self, layer, x, readable):
        """Every text by itself and without its padding, as a packed sequence is read."""
        outs, lasts = [], []
        for b in range(x.shape[0]):
            steps = readable[b].nonzero().flatten()
            out, last = x.new_zeros(1, x.shape[1], layer.shape[-1]), layer.zeros(1)
            if len(steps):
                y, last = layer.whole_from(x[b : b + 1, steps], last)
                out = out.index_copy(1, steps, y)
            outs.append(out)
            lasts.append(last)
        return torch.cat(outs), [torch.cat(s) for s in zip(*lasts)]
