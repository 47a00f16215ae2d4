"""Compares steps of stages/nn with the same steps of PyTorch and Keras, in one run on one machine.

    python3 -m venv /torch && /torch/bin/pip install torch transformers
    python3 -m venv /keras && /keras/bin/pip install keras tensorflow-cpu
    python3 benchmarks/nn/run.py --torch /torch/bin/python --keras /keras/bin/python [NETWORK…]

Every contestant is a process that stays. In each round all of them work in turn for a second, at one thread and at two, so that a change of
the machine's speed meets all of them. What counts is each library's better number of threads (Keras': with and without its
compiler as well). With --busy, a process that never rests runs beside them.

The network lstm reads tokens that are drawn evenly; lstm_text is the same network with the words of a text, of which a batch has some again
and again: those of the file that --tokens names, or drawn by Zipf's law.
"""
import argparse
import collections
import json
import os
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
GOALS = {"lstm": 0.65, "lstm_text": 0.65, "simple_rnn": 0.5, "language_model": 0.9, "cnn": 0.6, "resnet_cifar": 1.0, "gpt": 0.7, "resnet18": 1.0,
         "resnet20": 1.0, "minilm": 0.8, "minilm_32": 0.8}
NO_KERAS = {"resnet_cifar", "gpt", "minilm", "minilm_32"}


# With this exponent, 3,200 words that are drawn from 9,999 are as many distinct ones, 1,030, as in 32 pieces of 100 words of Tiny Shakespeare
# (1,028; of the documentation of Go's library, 942). The exponent of that text's own frequencies is 0.99, but a text repeats its words nearby.
ZIPF = 1.08


def words(path, rows, time, vocabulary):
    """Token ids of so many pieces of a text: 1 is its most frequent word, 0 a word outside the vocabulary."""
    rng = random.Random(1)
    if not path:
        weights = [rank ** -ZIPF for rank in range(1, vocabulary)]
        return rng.choices(range(1, vocabulary), weights, k=rows * time)
    text = re.findall(r"\w+", pathlib.Path(path).read_text().lower())
    if len(text) < time:
        raise SystemExit(f"{path} has {len(text)} words; a text of {time} or more is needed")
    ids = {w: i + 1 for i, (w, _) in enumerate(collections.Counter(text).most_common(vocabulary - 1))}
    starts = [rng.randrange(len(text) - time + 1) for _ in range(rows)]
    return [ids.get(w, 0) for at in starts for w in text[at:at + time]]


class Contestant:
    def __init__(self, library, setting, command, threads):
        self.library, self.setting = library, setting
        env = dict(os.environ, OMP_NUM_THREADS=str(threads), TF_NUM_INTRAOP_THREADS=str(threads))
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env)
        self.steps, self.least, self.processor = [], [], []

    def work(self, seconds, counts=True):
        print(seconds, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.library} ({self.setting}) has ended")
        if counts:
            result = json.loads(line)
            self.steps.append(statistics.median(result["steps"]))
            self.least.append(min(result["steps"]))
            self.processor.append(result["processor"] / len(result["steps"]))

    def time(self, statistic):
        return min(self.least) if statistic == "least" else statistics.median(self.steps)


def contestants(network, binary, o):
    for threads in o.threads:
        yield Contestant("pipe", f"{threads}", [binary, "-threads", str(threads), network], threads)
        if o.torch:
            yield Contestant("PyTorch", f"{threads}", [o.torch, HERE / "torch_networks.py", network, str(threads)], threads)
        if o.keras and network not in NO_KERAS:
            for jit in ["", "jit"]:
                yield Contestant("Keras", f"{threads} {jit}".strip(), [o.keras, HERE / "keras_networks.py", network, str(threads), jit], threads)


def compare(network, binary, o):
    all = list(contestants(network, binary, o))
    best = {}
    try:
        for c in all:
            c.work(o.seconds, counts=False)
        for _ in range(o.rounds):
            for c in all:
                c.work(o.seconds)
    finally:
        for c in all:
            c.process.stdin.close()
        for c in all:
            c.process.wait()
    for c in all:
        if c.library not in best or c.time(o.statistic) < best[c.library].time(o.statistic):
            best[c.library] = c
        if o.verbose:
            print(f"  {network} {c.library} {c.setting}: {1e3 * c.time(o.statistic):.2f} ms, "
                  f"processor {1e3 * statistics.median(c.processor):.2f} ms", file=sys.stderr)
    row, peers = [network], [best[p].time(o.statistic) for p in best if p != "pipe"]
    for library in ["pipe", "PyTorch", "Keras"]:
        c = best.get(library)
        row.append(f"{1e3 * c.time(o.statistic):.2f} ({c.setting})" if c else "–")
    row += [f"{best['pipe'].time(o.statistic) / min(peers):.2f}" if peers else "–", f"{GOALS[network]}"]
    print("| " + " | ".join(row) + " |", flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("networks", nargs="*", default=list(GOALS))
    p.add_argument("--torch", help="a Python with torch and transformers")
    p.add_argument("--keras", help="a Python with keras and tensorflow-cpu")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=float, default=1.0, help="for each contestant and round")
    p.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    p.add_argument("--statistic", choices=["median", "least"], default="median",
                   help="least is the fair one on a machine that others use at the same time")
    p.add_argument("--tokens", help="a text file whose words lstm_text reads")
    p.add_argument("--busy", action="store_true", help="beside a process that keeps one core busy")
    p.add_argument("--verbose", action="store_true")
    o = p.parse_args()
    ids = words(o.tokens, 32, 100, 10000)
    if o.verbose:
        print(f"  lstm_text reads {len(ids)} tokens, {len(set(ids))} distinct", file=sys.stderr)
    print("| network | pipe, ms (threads) | PyTorch | Keras | pipe ÷ best peer | goal |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TOKENS"] = os.path.join(folder, "tokens.json")
        pathlib.Path(os.environ["TOKENS"]).write_text(json.dumps(ids))
        binary = os.path.join(folder, "nn")
        subprocess.run(["go", "build", "-o", binary, "./benchmarks/nn"], check=True, cwd=HERE.parent.parent)
        busy = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if o.busy else None
        try:
            for network in o.networks:
                compare(network, binary, o)
        finally:
            if busy:
                busy.kill()


if __name__ == "__main__":
    main()
