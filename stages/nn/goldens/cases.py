"""What is recorded: each layer, loss and optimiser at least once."""

ADAM = {"adam": {"learning_rate": 0.01}}
SGD = {"sgd": {"learning_rate": 0.1}}


def classify(input_shape, *layers, loss=None, optimizer=ADAM, batch=4, classes=3, **more):
    """A network that ends in labels."""
    head = {"dense": {"units": "classes", "activation": "softmax"}}
    return {
        "input": {"shape": list(input_shape)}, "context": {"classes": classes}, "layers": [*layers, head], "batch": batch,
        "loss": loss or {"categorical_crossentropy": {}}, "optimizer": optimizer, "target": "labels", **more,
    }


def read(*layers, padded=False, time=6, vocab=9, **more):
    """A network that reads token ids."""
    case = classify([time], {"embedding": {"dim": 5, "mask_zero": padded}}, *layers, padded=padded, **more)
    case["input"]["tokens"] = True
    case["context"]["vocab"] = vocab
    return case


def regress(input_shape, *layers, target="numbers", loss=None, optimizer=SGD, batch=4, **more):
    """A network that ends in numbers."""
    return {"input": {"shape": list(input_shape)}, "context": {}, "layers": list(layers), "batch": batch,
            "loss": loss or {"mse": {}}, "optimizer": optimizer, "target": target, **more}


CASES = {
    "embedding": read({"flatten": {}}),
    "dense": classify([7], {"dense": {"units": 6, "activation": "tanh"}}),
    "dense_without_bias": classify([7], {"dense": {"units": 6, "use_bias": False}}),
    "dense_over_time": classify([4, 5], {"dense": {"units": 6, "activation": "relu"}}, {"global_avg_pool": {}}),
    "reshape": classify([12], {"reshape": {"shape": [3, -1]}}, {"lstm": {"units": 4}}),
    "dropout": classify([7], {"dropout": {"rate": 0}}),
    "global_max_pool": classify([5, 6], {"global_max_pool": {}}),
    "global_max_pool_masked": read({"global_max_pool": {}}, padded=True),
    "global_avg_pool": classify([2, 3, 6], {"global_avg_pool": {}}),
    "global_avg_pool_masked": read({"global_avg_pool": {}}, padded=True),
    "positions": read({"lstm": {"units": 4, "return_sequences": True}}, padded=True),
}

for f in ["linear", "relu", "sigmoid", "tanh", "softmax", "gelu", "gelu_tanh", "silu"]:
    CASES["activation_" + f] = classify([7], {"dense": {"units": 6}}, {"activation": {"function": f}})

for kind in ["simple_rnn", "lstm", "gru"]:
    CASES[kind] = classify([5, 3], {kind: {"units": 4}})
    CASES[kind + "_without_bias"] = classify([5, 3], {kind: {"units": 4, "use_bias": False}})
    CASES[kind + "_bidirectional"] = classify([5, 3], {kind: {"units": 4, "bidirectional": True}})
    CASES[kind + "_stacked"] = classify(
        [5, 3], {kind: {"units": 4, "bidirectional": True, "return_sequences": True}}, {kind: {"units": 3}})
    CASES[kind + "_masked"] = read({kind: {"units": 4}}, padded=True)
    CASES[kind + "_masked_stacked"] = read(
        {kind: {"units": 4, "bidirectional": True, "return_sequences": True}}, {kind: {"units": 3}}, padded=True)
    CASES[kind + "_learned"] = classify([5, 3], {kind: {"units": 4, "bidirectional": True, "initial_state": "learned"}})
    CASES[kind + "_learned_masked"] = read(
        {kind: {"units": 4, "bidirectional": True, "return_sequences": True, "initial_state": "learned"}},
        {kind: {"units": 3, "initial_state": "given"}}, padded=True)
CASES["simple_rnn_relu"] = classify([5, 3], {"simple_rnn": {"units": 4, "activation": "relu"}})

CASES |= {
    "mse": regress([7], {"dense": {"units": 3}}),
    "mse_labels": classify([7], loss={"mse": {}}),
    "binary_crossentropy": classify([7], {"dense": {"units": 5, "activation": "tanh"}}, classes=2, loss={"binary_crossentropy": {}}),
    "binary_crossentropy_smoothed": regress(
        [7], {"dense": {"units": 3, "activation": "sigmoid"}}, target="probabilities",
        loss={"binary_crossentropy": {"label_smoothing": 0.1}}),
    "binary_crossentropy_logits": regress(
        [7], {"dense": {"units": 3}}, target="probabilities", loss={"binary_crossentropy": {"from_logits": True}}),
    "categorical_crossentropy_smoothed": classify([7], loss={"categorical_crossentropy": {"label_smoothing": 0.2}}),
    "categorical_crossentropy_weighted": classify([7], batch=8, class_weights=[0.5, 1.0, 3.0]),
    "categorical_crossentropy_ignored": classify([7], batch=5, ignored=True),
    "categorical_crossentropy_logits": classify([7], loss={"categorical_crossentropy": {"from_logits": True}}),
    "sparse_categorical_crossentropy": classify([7], loss={"sparse_categorical_crossentropy": {}}),
}
CASES["binary_crossentropy"]["layers"][-1] = {"dense": {"units": 1, "activation": "sigmoid"}}
CASES["categorical_crossentropy_logits"]["layers"][-1] = {"dense": {"units": "classes"}}

for name, optimizer in {
    "sgd": {"sgd": {"learning_rate": 0.2}},
    "sgd_momentum": {"sgd": {"learning_rate": 0.1, "momentum": 0.9}},
    "sgd_nesterov": {"sgd": {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}},
    "adam": {"adam": {}},
    "adam_betas": {"adam": {"learning_rate": 0.05, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 0.001}},
    "adamw": {"adamw": {"learning_rate": 0.01}},
    "adamw_decay": {"adamw": {"learning_rate": 0.01, "weight_decay": 0.3}},
    "rmsprop": {"rmsprop": {"learning_rate": 0.01}},
    "rmsprop_momentum": {"rmsprop": {"learning_rate": 0.01, "momentum": 0.8}},
    "adagrad": {"adagrad": {"learning_rate": 0.1}},
}.items():
    CASES["optimizer_" + name] = classify([7], {"dense": {"units": 6, "activation": "relu"}}, optimizer=optimizer)

FLAT = {"flatten": {}}
for name, config in {
    "conv1d": {"kernel_size": [3]},
    "conv1d_same": {"kernel_size": [4], "strides": [2], "padding": "same", "activation": "relu"},
    "conv1d_causal": {"kernel_size": [3], "dilation_rate": [2], "padding": "causal", "use_bias": False},
}.items():
    CASES[name] = classify([8, 3], {"conv1d": {"filters": 4, **config}}, FLAT)
for name, config in {
    "conv2d": {"kernel_size": [3]},
    "conv2d_same": {"kernel_size": [3, 2], "strides": [2], "padding": "same"},
    "conv2d_padded": {"kernel_size": [3], "strides": [2, 1], "padding": "1"},
    "conv2d_dilated": {"kernel_size": [2, 3], "dilation_rate": [2, 1], "activation": "tanh"},
    "conv2d_grouped": {"kernel_size": [3], "groups": 2, "padding": "same"},
    "conv2d_depthwise": {"kernel_size": [3], "groups": 4, "padding": "same"},
    "conv2d_pointwise": {"kernel_size": [1]},
}.items():
    CASES[name] = classify([7, 6, 4], {"conv2d": {"filters": 4, **config}}, FLAT)
for kind in ["max_pool", "avg_pool"]:
    CASES[kind + "_1d"] = classify([7, 3], {kind: {}}, FLAT)
    CASES[kind + "_2d"] = classify([7, 6, 2], {kind: {"pool_size": [2, 3]}}, FLAT)
    CASES[kind + "_same"] = classify([7, 6, 2], {kind: {"pool_size": [3], "strides": [2], "padding": "same"}}, FLAT)
    CASES[kind + "_padded"] = classify([7, 6, 2], {kind: {"pool_size": [3], "strides": [2], "padding": "1"}}, FLAT)

CASES["batch_norm"] = classify([5], {"dense": {"units": 6}}, {"batch_norm": {}}, batch=8)
CASES["batch_norm_2d"] = classify([4, 3, 2], {"batch_norm": {"scale": False, "epsilon": 1e-5}}, FLAT)
CASES["layer_norm"] = classify([5, 6], {"layer_norm": {}}, {"global_avg_pool": {}})
CASES["unit_norm"] = classify([5, 6], {"unit_norm": {}}, {"global_avg_pool": {}})
CASES["rms_norm"] = classify([5, 6], {"rms_norm": {}}, {"global_avg_pool": {}})

MEAN = {"global_avg_pool": {}}
CASES["positional_encoding"] = classify([5, 6], {"positional_encoding": {}}, {"dense": {"units": 4, "activation": "tanh"}}, MEAN)
CASES["positional_encoding_learned"] = classify(
    [5, 6], {"positional_encoding": {"encoding": "learned"}}, {"dense": {"units": 4, "activation": "tanh"}}, MEAN)
for name, config in {
    "attention": {"heads": 2},
    "attention_causal": {"heads": 3, "causal": True, "use_bias": False},
    "attention_grouped": {"heads": 4, "kv_heads": 2, "head_dim": 4},
    "attention_rope": {"heads": 2, "head_dim": 4, "rope": True, "rope_base": 100.0, "causal": True},
}.items():
    CASES[name] = classify([5, 6], {"multi_head_attention": config}, MEAN)
# Longer than the tile in which weights are computed.
CASES["attention_long"] = classify([70, 4], {"multi_head_attention": {"heads": 2}}, MEAN)
CASES["attention_long_causal"] = classify([130, 4], {"multi_head_attention": {"heads": 2, "kv_heads": 1, "causal": True}}, MEAN, batch=2)
CASES["attention_masked"] = read({"multi_head_attention": {"heads": 5}}, MEAN, padded=True)
CASES["attention_masked_causal"] = read({"multi_head_attention": {"heads": 1, "causal": True}}, MEAN, padded=True)
for name, config in {
    "transformer_gpt": {"causal": True},
    "transformer_bert": {"norm_first": False, "epsilon": 1e-12, "hidden": 10},
    "transformer_llama": {"causal": True, "rope": True, "norm": "rms", "activation": "swiglu", "use_bias": False, "kv_heads": 1, "hidden": 7},
    "transformer_relu": {"activation": "relu", "norm": "rms", "norm_first": False},
}.items():
    CASES[name] = classify([5, 8], {"transformer_block": {"heads": 2, **config}}, MEAN)

CONV = {"filters": 4, "kernel_size": [3], "padding": "same", "use_bias": False}
CASES["residual"] = classify([4, 4, 3], {"residual": {
    "layers": [{"conv2d": {**CONV, "strides": [2]}}, {"batch_norm": {}}, {"activation": {}}, {"conv2d": CONV}, {"batch_norm": {}}],
    "shortcut": [{"conv2d": {**CONV, "kernel_size": [1], "strides": [2]}}, {"batch_norm": {}}],
    "activation": "relu"}}, MEAN)
CASES["residual_plain"] = classify([6], {"residual": {"layers": [{"dense": {"units": 6, "activation": "tanh"}}]}})
CASES["branches"] = read({"branches": {"branches": [
    [{"conv1d": {"filters": 3, "kernel_size": [2], "activation": "relu"}}, {"global_max_pool": {}}],
    [{"lstm": {"units": 4}}], [{"global_avg_pool": {}}]]}}, padded=True)
CASES["branches_of_tokens"] = read({"branches": {"branches": [
    [{"embedding": {"dim": 3, "mask_zero": True}}, {"gru": {"units": 2}}], [{"embedding": {"dim": 2}}, MEAN]]}}, padded=True)
CASES["branches_of_tokens"]["layers"].pop(0)

CASES["batch_norm_inference"] = classify([5], {"batch_norm": {}}, inference=True)
# Each of many normalisations enlarges the rounding of those before it; fifty in training leave nothing to compare.
CASES["resnet18"] = classify([64, 64, 1], {"resnet18": {"width": 2}}, tolerance=1e-4)
CASES["resnet34"] = classify([64, 64, 1], {"resnet34": {"width": 2}}, inference=True)
CASES["resnet50"] = classify([64, 64, 1], {"resnet50": {"width": 2}}, inference=True)
CASES["resnet20"] = classify([16, 16, 3], {"resnet20": {"width": 2}}, tolerance=1e-4)
CASES["squeezenet"] = classify([40, 40, 3], {"squeezenet": {"width": 2}})


def language_model(kind, **config):
    """A network that predicts a token at every position."""
    case = classify([6], {kind: {"layers": 2, "heads": 2, "dim": 8, **config}}, classes=9)
    case["layers"].pop()
    case["input"]["tokens"] = True
    case["context"]["vocab"] = 9
    return case


CASES["gpt"] = language_model("gpt")
CASES["llama"] = language_model("llama", kv_heads=1, hidden=12)
CASES["llama_untied"] = language_model("llama", tied=False)
CASES["bert"] = classify([6], {"bert": {"layers": 2, "heads": 2, "dim": 8, "positions": 6}}, {"global_avg_pool": {}}, padded=True)
CASES["bert"]["input"]["tokens"] = True
CASES["bert"]["context"]["vocab"] = 9

CASES["transformer"] = language_model("transformer", source=4, hidden=12)
CASES["transformer"]["input"]["shape"], CASES["transformer"]["padded"] = [9], True
for name, config in {
    "seq2seq": {},
    "seq2seq_states": {"attention": False},
    "seq2seq_gru": {"cell": "gru", "bidirectional": True},
    "seq2seq_rnn": {"cell": "simple_rnn", "bidirectional": True, "attention": False, "layers": 1},
}.items():
    CASES[name] = language_model("seq2seq", source=4, **config)
    CASES[name]["input"]["shape"], CASES[name]["padded"] = [9], True

for name, config in {"ctc": {"zero_infinity": True}, "ctc_logits": {"from_logits": True, "zero_infinity": True}}.items():
    CASES[name] = classify([8, 5], {"dense": {"units": 6, "activation": "tanh"}}, classes=4, loss={"ctc": config})
CASES["ctc_logits"]["layers"][-1] = {"dense": {"units": "classes"}}
