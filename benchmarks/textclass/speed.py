"""Seconds of a training epoch in pipe, Keras and PyTorch, for both recurrent networks.

    python speed.py --pipe ./pipe --workspace /somewhere --spam SMSSpamCollection

The three train in turn, several times, so that whatever else the machine does
hits them alike. An epoch is training and validation; the first of each training
does not count, because TensorFlow compiles in it. By default each has one thread:
on a machine that is not quiet, the threads of one wait for the slowest of them.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

import numpy as np
import tensorflow

import keras_network
import pipe_runs

HERE = pathlib.Path(__file__).resolve().parent
PIPELINES = HERE.parents[1] / "pipelines"


def epochs_of_torch(args, task: keras_network.Task, examples: pathlib.Path) -> list[float]:
    kind = "simple_rnn" if task.binary else "lstm"
    done = subprocess.run(
        [args.torch_python, str(HERE / "torch_epochs.py"), kind, str(examples), str(args.epochs), str(args.threads)],
        check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def measure(args, task: keras_network.Task, params: dict) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {"pipe": [], "Keras (TensorFlow)": [], "PyTorch": []}
    for _ in range(args.rounds):
        run = pipe_runs.run(args.pipe, PIPELINES / task.pipeline, args.workspace, "--force=train", epochs=args.epochs, **params)
        seconds["pipe"] += run.epoch_seconds()
        data = keras_network.examples(task, **{name: run.part(name) for name in ("train", "validation", "test")})
        seconds["Keras (TensorFlow)"] += keras_network.train(task, data, 1, args.epochs)[1]
        examples = args.workspace / "examples.npz"
        np.savez(examples, **data)
        seconds["PyTorch"] += epochs_of_torch(args, task, examples)
    return seconds


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--pipe", default="pipe", help="the binary")
    p.add_argument("--workspace", type=pathlib.Path, required=True, help="folder in which the pipelines run")
    p.add_argument("--spam", type=pathlib.Path, help="the SMS Spam Collection; without it, its network is left out")
    p.add_argument("--torch-python", default=sys.executable, help="an interpreter that has torch and numpy")
    p.add_argument("--epochs", type=int, default=4)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--threads", type=int, default=1)
    args = p.parse_args()
    os.environ["GOMAXPROCS"] = str(args.threads)
    tensorflow.config.threading.set_intra_op_parallelism_threads(args.threads)
    tensorflow.config.threading.set_inter_op_parallelism_threads(args.threads)
    tasks = [(keras_network.TEXTCLASS, {})]
    if args.spam:
        tasks.append((keras_network.SPAM, {"data": args.spam.resolve()}))
    print("| network | library | median s/epoch | least to most | times pipe |\n|---|---|---|---|---|")
    for task, params in tasks:
        seconds = measure(args, task, params)
        pipe = statistics.median(seconds["pipe"])
        for name, all_ in seconds.items():
            median = statistics.median(all_)
            print(f"| {task.pipeline} | {name} | {median:.2f} | {min(all_):.2f} to {max(all_):.2f} | {median / pipe:.2f} |", flush=True)


if __name__ == "__main__":
    main()
