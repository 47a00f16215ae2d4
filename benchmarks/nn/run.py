"""Compares steps of stages/nn with the same steps of PyTorch and Keras, in one run on one machine.

    python3 -m venv /torch && /torch/bin/pip install torch transformers
    python3 -m venv /keras && /keras/bin/pip install keras tensorflow-cpu
    python3 benchmarks/nn/run.py --torch /torch/bin/python --keras /keras/bin/python [NETWORK…]

Every contestant is a process that stays. In each round all of them work in turn for a second, at one thread and at two, so that a change of
the machine's speed meets all of them. What counts is each library's better number of threads (Keras': with and without its
compiler as well). With --busy, a process that never rests runs beside them.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
GOALS = {"lstm": 0.65, "simple_rnn": 0.5, "language_model": 0.9, "cnn": 0.6, "resnet_cifar": 1.0, "gpt": 0.7, "resnet18": 1.0,
         "resnet20": 1.0, "minilm": 0.8, "minilm_32": 0.8}
NO_KERAS = {"resnet_cifar", "gpt", "minilm", "minilm_32"}


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
    p.add_argument("--busy", action="store_true", help="beside a process that keeps one core busy")
    p.add_argument("--verbose", action="store_true")
    o = p.parse_args()
    print("| network | pipe, ms (threads) | PyTorch | Keras | pipe ÷ best peer | goal |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
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
