"""Records with Keras that its words mean the same here: layers with masks, the
losses, and the optimisers with their defaults.

    venv/bin/pip install keras
    KERAS_BACKEND=torch venv/bin/python stages/nn/goldens/record_keras.py stages/nn/testdata

The files are like those of record.py, without gradients: the output, and the
losses of ten steps of training, in float64.
"""

import json
import pathlib
import sys
import zlib

import keras
import numpy as np
from keras import layers as K

from safetensors_writer import save

keras.config.set_floatx("float64")
STEPS = 10


def gates(kernel, order):
    """(in, gates·units) in Keras' order to (gates·units, in) in PyTorch's."""
    parts = np.split(kernel, len(order), axis=-1)
    return np.concatenate([parts[i] for i in order], axis=-1).T


def recurrent(order, weights, suffix=""):
    kernel, hidden, bias = weights
    named = {"weight_ih" + suffix: gates(kernel, order), "weight_hh" + suffix: gates(hidden, order)}
    if bias.ndim == 2:  # the GRU has one for each product
        named["bias_ih" + suffix], named["bias_hh" + suffix] = gates(bias[0], order), gates(bias[1], order)
    else:
        named["bias" + suffix] = gates(bias, order)
    return named


ORDERS = {K.SimpleRNN: [0], K.LSTM: [0, 1, 2, 3], K.GRU: [1, 0, 2]}


def named_weights(layer):
    """A layer's weights under the names and in the layout of package nn."""
    w = layer.get_weights()
    if isinstance(layer, K.Bidirectional):
        order, half = ORDERS[type(layer.forward_layer)], len(w) // 2
        return recurrent(order, w[:half]) | recurrent(order, w[half:], "_reverse")
    if type(layer) in ORDERS:
        return recurrent(ORDERS[type(layer)], w)
    if isinstance(layer, K.Embedding):
        return {"weight": w[0]}
    if isinstance(layer, K.Dense):
        return {"weight": w[0].T, "bias": w[1]}
    if isinstance(layer, (K.Conv1D, K.Conv2D)):
        return {"weight": np.moveaxis(w[0], -1, 0), "bias": w[1]}
    if isinstance(layer, K.BatchNormalization):
        return dict(zip(["weight", "bias", "running_mean", "running_var"], w))
    if isinstance(layer, K.LayerNormalization):
        return {"weight": w[0], "bias": w[1]}
    if isinstance(layer, K.RMSNormalization):
        return {"weight": w[0]}
    assert not w, type(layer)
    return {}


def words(*stack, **more):
    return {"input": {"tokens": True, "shape": [6]}, "context": {"classes": 3, "vocab": 9}, "stack": stack, **more}


def numbers(shape, *stack, **more):
    return {"input": {"shape": shape}, "context": {"classes": 3}, "stack": stack, **more}


# Each layer as Keras and as this package spells it.
EMBEDDING = (K.Embedding(9, 5, mask_zero=True), {"embedding": {"dim": 5, "mask_zero": True}})
DENSE = (K.Dense(6, activation="gelu"), {"dense": {"units": 6, "activation": "gelu"}})
SOFTMAX = (K.Dense(3, activation="softmax"), {"dense": {"units": "classes", "activation": "softmax"}})
SIGMOID = (K.Dense(1, activation="sigmoid"), {"dense": {"units": 1, "activation": "sigmoid"}})
FLAT = (K.Flatten(), {"flatten": {}})


def both(kind, made, **config):
    return made, {kind: config}


CASES = {
    "lstm": lambda: words(EMBEDDING, both("lstm", K.LSTM(4), units=4), SOFTMAX),
    "simple_rnn": lambda: words(EMBEDDING, both("simple_rnn", K.SimpleRNN(4), units=4), SIGMOID,
                                context={"classes": 2, "vocab": 9}, loss={"binary_crossentropy": {}}),
    "stacked": lambda: words(
        EMBEDDING, both("gru", K.Bidirectional(K.GRU(4, return_sequences=True)), units=4, bidirectional=True, return_sequences=True),
        both("lstm", K.Bidirectional(K.LSTM(3)), units=3, bidirectional=True), SOFTMAX),
    "average": lambda: words(EMBEDDING, both("global_avg_pool", K.GlobalAveragePooling1D()), SOFTMAX),
    "image": lambda: numbers(
        [7, 6, 2], both("conv2d", K.Conv2D(4, 3, strides=2, padding="same"), filters=4, kernel_size=[3], strides=[2], padding="same"),
        both("batch_norm", K.BatchNormalization()), both("activation", K.Activation("relu"), function="relu"),
        both("max_pool", K.MaxPooling2D(2), pool_size=[2]), FLAT, SOFTMAX),
    "sequence": lambda: numbers(
        [8, 3], both("conv1d", K.Conv1D(4, 3, padding="causal", dilation_rate=2, activation="silu"),
                     filters=4, kernel_size=[3], padding="causal", dilation_rate=[2], activation="silu"),
        both("layer_norm", K.LayerNormalization()), both("rms_norm", K.RMSNormalization()),
        both("global_max_pool", K.GlobalMaxPooling1D()), SOFTMAX),
    "smoothed": lambda: numbers([7], DENSE, SOFTMAX, loss={"categorical_crossentropy": {"label_smoothing": 0.2}}),
    "weighted": lambda: numbers([7], DENSE, SOFTMAX, class_weights=[0.5, 1.0, 3.0]),
}
OPTIMIZERS = {
    "sgd": (keras.optimizers.SGD(0.1), {"learning_rate": 0.1}),
    "sgd_momentum": (keras.optimizers.SGD(0.1, momentum=0.9), {"learning_rate": 0.1, "momentum": 0.9}),
    "sgd_nesterov": (keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True), {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}),
    "adam": (keras.optimizers.Adam(0.01), {"learning_rate": 0.01}),
    "adam_epsilon": (keras.optimizers.Adam(0.01, epsilon=0.01), {"learning_rate": 0.01, "epsilon": 0.01}),
    "adamw": (keras.optimizers.AdamW(0.01), {"learning_rate": 0.01}),
    "rmsprop": (keras.optimizers.RMSprop(0.01, momentum=0.5, epsilon=0.001), {"learning_rate": 0.01, "momentum": 0.5, "epsilon": 0.001}),
    "adagrad": (keras.optimizers.Adagrad(0.1), {"learning_rate": 0.1}),
}
for name, (made, config) in OPTIMIZERS.items():
    CASES["optimizer_" + name] = lambda made=made, name=name, config=config: numbers(
        [7], DENSE, SOFTMAX, optimizer=(made, {name.split("_")[0]: config}))


def record(name, case, folder):
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    keras.backend.clear_session()
    model = keras.Sequential([keras.Input(case["input"]["shape"], dtype="int32" if "tokens" in case["input"] else "float64")]
                             + [made.__class__.from_config(made.get_config()) for made, _ in case["stack"]])
    # Values that float32 holds exactly; moving variances must be positive.
    draws = [(0.3 * rng.normal(size=w.shape)).astype("f4") for w in model.get_weights()]
    for i, w in enumerate(model.weights):
        if "variance" in w.path:
            draws[i] = np.abs(draws[i]) + np.float32(1)
    model.set_weights(draws)

    batch, classes = 4, case["context"]["classes"]
    if "tokens" in case["input"]:
        x = rng.integers(1, case["context"]["vocab"], size=[batch, *case["input"]["shape"]])
        x[0, :2], x[1, -2:], x[2, 1] = 0, 0, 0
    else:
        x = rng.normal(size=[batch, *case["input"]["shape"]]).astype("f4").astype("f8")
    labels = rng.integers(0, classes, size=batch)

    arrays = {"input": x, "target": labels, "output": model.predict_on_batch(x)}
    for i, layer in enumerate(model.layers):
        for key, value in named_weights(layer).items():
            arrays[f"param/{i}.{key}"] = value

    (loss, loss_config), = case.get("loss", {"sparse_categorical_crossentropy": {}}).items()
    made, wanted = case.get("optimizer", (keras.optimizers.Adam(0.01), {"adam": {"learning_rate": 0.01}}))
    made_loss = {"binary_crossentropy": keras.losses.BinaryCrossentropy, "categorical_crossentropy": keras.losses.CategoricalCrossentropy,
                 "sparse_categorical_crossentropy": keras.losses.SparseCategoricalCrossentropy}[loss](**loss_config)
    y = np.eye(classes)[labels] if loss == "categorical_crossentropy" else labels.astype("f8")
    weights = np.ones(batch)
    if "class_weights" in case:
        weights = np.array(case["class_weights"])[labels]
    model.compile(optimizer=made.__class__.from_config(made.get_config()), loss=made_loss)
    losses = []
    for _ in range(STEPS):
        model.reset_metrics()  # else it is the mean so far
        losses.append(float(model.train_on_batch(x, y, sample_weight=weights)))
    arrays["losses"] = np.array(losses)
    described = {"by": "keras", "input": case["input"], "context": case["context"], "layers": [spec for _, spec in case["stack"]],
                 "loss": {loss: loss_config}, "optimizer": wanted, "target": "labels"}
    if "class_weights" in case:
        described["class_weights"] = case["class_weights"]
    save(folder / f"keras_{name}.safetensors", arrays, {"case": json.dumps(described, sort_keys=True), "keras": keras.__version__})


def main():
    folder = pathlib.Path(sys.argv[1])
    for name, make in CASES.items():
        record(name, make(), folder)


if __name__ == "__main__":
    main()
