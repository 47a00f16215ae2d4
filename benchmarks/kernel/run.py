"""Compares the matrix product of stages/nn/kernel with MKL and OpenBLAS, in one run on one machine.

    python3 -m venv /some/where && /some/where/bin/pip install numpy mkl scipy-openblas32
    /some/where/bin/python benchmarks/kernel/run.py

Every round measures every library at one thread and at all cores, so that a change of the machine's speed meets all of them;
the table shows medians over the rounds at each thread count and at each library's best. The shapes are m×k×n of C = A·B, row-major
float32.
"""
import argparse
import collections
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
LIBRARIES = ["pipe", "mkl", "openblas"]
SHAPES = ["32x128x512", "64x512x2048", "3200x128x512", "1024x1024x1024", "1280x512x10000"]


def measure(command, threads, seconds):
    """Yields what a measuring program prints."""
    out = subprocess.run([*command, "--threads", str(threads), "--seconds", str(seconds), *SHAPES],
                         check=True, capture_output=True, text=True).stdout
    for line in out.splitlines():
        yield json.loads(line)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=float, default=0.3, help="for each shape, library and round")
    p.add_argument("--statistic", choices=["median", "least"], default="median",
                   help="least is the fair one on a machine that others use at the same time")
    o = p.parse_args()
    cores = sorted({1, os.cpu_count() or 1})
    seen = collections.defaultdict(list)  # (library, threads, shape) -> seconds per call
    with tempfile.TemporaryDirectory() as folder:
        binary = os.path.join(folder, "kernel")
        subprocess.run(["go", "build", "-o", binary, "./benchmarks/kernel"], check=True, cwd=HERE.parent.parent)
        commands = {"pipe": [binary]} | {name: [sys.executable, HERE / "peers.py", "--library", name] for name in LIBRARIES[1:]}
        for _ in range(o.rounds):
            for n in cores:
                for library, command in commands.items():
                    for row in measure(command, n, o.seconds):
                        seen[library, n, row["shape"]].append(row[o.statistic])
    print("| m×k×n | threads | pipe | MKL | OpenBLAS | pipe ÷ best peer |")
    print("|---|---|---|---|---|---|")
    over = min if o.statistic == "least" else statistics.median
    for shape in SHAPES:
        m, k, n = map(int, shape.split("x"))
        speed = {key: 2e-9 * m * k * n / over(v) for key, v in seen.items() if key[2] == shape}
        for threads in [*cores, "best"]:
            row = [max(speed[library, t, shape] for t in (cores if threads == "best" else [threads])) for library in LIBRARIES]
            print(f"| {shape} | {threads} | " + " | ".join(f"{g:.0f}" for g in row) + f" | {row[0] / max(row[1:]):.2f} |")
    print(f"\nGFLOP/s from the {o.statistic} time of a call, over {o.rounds} rounds.")


if __name__ == "__main__":
    main()
