"""A recurrent network over word ids in Keras, fed as pipe's text.vectorize feeds
its own: Tokenizer(num_words), texts_to_sequences, pad_sequences.

Keras 3 no longer has Tokenizer and pad_sequences; the few lines below give the
same ids as Keras 2 does for its default settings.
"""

import collections
import os
import time
from dataclasses import dataclass

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from pipe_runs import Part

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
SEPARATE = str.maketrans(dict.fromkeys(FILTERS, " "))


def split_words(text: str) -> list[str]:
    return [w for w in text.lower().translate(SEPARATE).split(" ") if w]


class Tokenizer:
    """Numbers words by falling frequency, and by first appearance where that is
    equal. With a name for unknown words, that is number 1; else they are left out."""

    def __init__(self, texts: list[str], num_words: int, oov: str | None = None):
        counts = collections.Counter(w for t in texts for w in split_words(t))
        first = 2 if oov else 1
        self.unknown = 1 if oov else None
        self.index = {w: i for i, (w, _) in enumerate(counts.most_common(num_words - first), first)}

    def ids(self, texts: list[str], maxlen: int) -> np.ndarray:
        """Rows of maxlen ids, padded and cut at the front."""
        rows = np.zeros((len(texts), maxlen), np.int32)
        for row, text in zip(rows, texts):
            ids = [i for w in split_words(text) if (i := self.index.get(w, self.unknown)) is not None][-maxlen:]
            if ids:
                row[-len(ids):] = ids
        return rows


class EpochTimes(keras.callbacks.Callback):
    """Seconds from the end of one epoch, with its validation, to that of the next:
    the first epoch, in which TensorFlow compiles, is left out."""

    def on_train_begin(self, logs=None):
        self.ends = []

    def on_epoch_end(self, epoch, logs=None):
        self.ends.append(time.perf_counter())

    @property
    def seconds(self) -> list[float]:
        return [b - a for a, b in zip(self.ends, self.ends[1:])]


@dataclass(frozen=True)
class Task:
    """What a pipeline's vectorize and train stages are configured with."""

    pipeline: str
    recurrent: type[keras.layers.Layer]
    num_words: int
    maxlen: int
    oov: str | None
    epochs: int
    binary: bool


TEXTCLASS = Task("textclass.yaml", keras.layers.LSTM, 10000, 40, None, 10, False)
SPAM = Task("spam.yaml", keras.layers.SimpleRNN, 1000, 30, "<OOV>", 5, True)


def examples(task: Task, train: Part, validation: Part, test: Part) -> dict[str, np.ndarray]:
    """The ids x_train, x_validation and x_test, and the numbers of the classes, y_…"""
    tokenizer = Tokenizer(train.texts, task.num_words, task.oov)
    classes = sorted(set(train.labels))
    made = {}
    for name, part in dict(train=train, validation=validation, test=test).items():
        made["x_" + name] = tokenizer.ids(part.texts, task.maxlen)
        made["y_" + name] = np.array([classes.index(label) for label in part.labels])
    return made


def network(task: Task, data: dict[str, np.ndarray]) -> keras.Model:
    """The network of the task's pipeline."""
    if task.binary:
        last, loss = keras.layers.Dense(1, activation="sigmoid"), "binary_crossentropy"
    else:
        last, loss = keras.layers.Dense(int(data["y_train"].max()) + 1, activation="softmax"), "sparse_categorical_crossentropy"
    vocabulary = int(data["x_train"].max()) + 1
    model = keras.Sequential([keras.layers.Embedding(vocabulary, 128), task.recurrent(128), last])
    model.compile(keras.optimizers.Adam(0.001), loss)
    return model


def train(task: Task, data: dict[str, np.ndarray], seed: int, epochs: int | None = None) -> tuple[float, list[float]]:
    """Trains as the pipeline does: all epochs, and the last weights count. Returns
    the test accuracy and the seconds of each epoch but the first."""
    keras.utils.set_random_seed(seed)
    model = network(task, data)
    times = EpochTimes()
    model.fit(data["x_train"], data["y_train"], batch_size=32, epochs=epochs or task.epochs, verbose=0,
              validation_data=(data["x_validation"], data["y_validation"]), callbacks=[times])
    answers = model.predict(data["x_test"], verbose=0)
    best = answers[:, 0] > 0.5 if task.binary else np.argmax(answers, axis=1)
    return float(np.mean(best == data["y_test"])), times.seconds
