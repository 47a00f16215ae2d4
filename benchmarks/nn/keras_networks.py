"""The networks of networks.go in Keras with TensorFlow: keras_networks.py NETWORK THREADS [jit].

A step is one call of the compiled function in which Keras trains or predicts, on tensors that are there already.
"""
import os
import sys

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from keras import layers as K  # noqa: E402

import meter  # noqa: E402

rng = np.random.default_rng(1)
JIT = "jit" in sys.argv


def ints(high, *shape):
    return tf.constant(rng.integers(high, size=shape), dtype=tf.int32)


def train(model, x, target, loss, optimizer="adam"):
    model.compile(optimizer=optimizer, loss=loss, jit_compile=JIT)
    model.build(x.shape)
    model.make_train_function()
    batch = [(x, target)]
    return lambda: model.train_function(iter(batch))


def answer(model, x):
    call = tf.function(lambda x: model(x, training=False), jit_compile=JIT)
    return lambda: call(x).numpy()


def labels():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def lstm(tokens=None):
    model = keras.Sequential([K.Embedding(10000, 128), K.LSTM(128), K.Dense(10)])
    x = ints(10000, 32, 100) if tokens is None else tf.reshape(tf.constant(tokens, tf.int32), (32, 100))
    return train(model, x, ints(10, 32), labels())


def simple_rnn():
    model = keras.Sequential([K.Embedding(1000, 128), K.SimpleRNN(128), K.Dense(1)])
    return train(model, ints(1000, 32, 100), tf.cast(ints(2, 32, 1), tf.float32), keras.losses.BinaryCrossentropy(from_logits=True))


def language_model():
    model = keras.Sequential([K.Embedding(10000, 256), K.LSTM(512, return_sequences=True), K.LSTM(512, return_sequences=True),
                              K.Dense(10000)])
    return train(model, ints(10000, 64, 20), ints(10000, 64, 20), labels())


def cnn():
    model = keras.Sequential([K.Conv2D(32, 3, activation="relu"), K.MaxPool2D(), K.Conv2D(64, 3, activation="relu"), K.MaxPool2D(),
                              K.Flatten(), K.Dense(128, activation="relu"), K.Dense(10)])
    return train(model, tf.constant(rng.random((64, 28, 28, 1)), tf.float32), ints(10, 64), labels())


def resnet18():
    def conv(x, filters, size, stride):
        x = K.ZeroPadding2D(size // 2)(x) if size > 1 else x
        return K.BatchNormalization()(K.Conv2D(filters, size, stride, use_bias=False)(x))

    def block(x, filters, stride):
        y = conv(K.ReLU()(conv(x, filters, 3, stride)), filters, 3, 1)
        return K.ReLU()(K.Add()([y, conv(x, filters, 1, stride) if stride > 1 else x]))

    first = x = keras.Input((224, 224, 3))
    x = K.MaxPool2D(3, 2, "same")(K.ReLU()(conv(x, 64, 7, 2)))
    for filters, stride in [(64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1)]:
        x = block(x, filters, stride)
    model = keras.Model(first, K.Dense(1000)(K.GlobalAveragePooling2D()(x)))
    return answer(model, tf.constant(rng.random((1, 224, 224, 3)), tf.float32))


def resnet20():
    def conv(x, filters, stride=1):
        return K.BatchNormalization()(K.Conv2D(filters, 3, stride, use_bias=False)(K.ZeroPadding2D(1)(x)))

    def block(x, filters, stride):
        y = conv(K.ReLU()(conv(x, filters, stride)), filters)
        if stride > 1:
            x = K.AveragePooling2D(1, stride)(x)
            x = K.Concatenate()([0 * x[..., :filters // 4], x, 0 * x[..., :filters // 4]])
        return K.ReLU()(K.Add()([y, x]))

    first = keras.Input((32, 32, 3))
    x = K.ReLU()(conv(first, 16))
    for filters, stride in [(16, 1)] * 3 + [(32, 2)] + [(32, 1)] * 2 + [(64, 2)] + [(64, 1)] * 2:
        x = block(x, filters, stride)
    model = keras.Model(first, K.Dense(10)(K.GlobalAveragePooling2D()(x)))
    return train(model, tf.constant(rng.random((128, 32, 32, 3)), tf.float32), ints(10, 128), labels())


NETWORKS = {"lstm": lstm, "lstm_text": lambda: lstm(meter.tokens()), "simple_rnn": simple_rnn, "language_model": language_model, "cnn": cnn,
            "resnet18": resnet18, "resnet20": resnet20}

if __name__ == "__main__":
    threads = int(sys.argv[2])
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    meter.serve(NETWORKS[sys.argv[1]]())
