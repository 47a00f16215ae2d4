#!/usr/bin/env python3
"""Times pipe where there are many stages or many bytes.

Plans a graph of 100,000 programs, runs 1,000 stages inside the process, and
puts a big file and many small ones into the store, beside `dvc add` and
beside the hash alone.

  python3 benchmarks/runner/store.py --pipe ./pipe --dvc venv/bin/dvc
"""

import argparse
import hashlib
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

import layered


def peak(command, folder):
    """Runs a command; returns its wall and processor seconds and its peak memory in bytes."""
    start = time.monotonic()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"{command} failed")
    return time.monotonic() - start, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024


def plan(pipe, folder, rounds):
    layered.pipe_files(folder, 100_000)
    all = [peak([pipe, "plan", "pipeline.yaml"], folder) for _ in range(rounds)]
    wall, cpu, memory = (statistics.median(x) for x in zip(*all))
    print(f"plan of 100,000 stages: {wall:.2f} s ({cpu:.2f} s of processor time), {memory / 2**20:.0f} MiB")


def in_process(pipe, folder, rounds, n=1000):
    lines = ["pipeline: inside", "stages:", "  s0: { uses: source.csv, with: { path: rows.csv } }"]
    for i in range(1, n):
        up = i - layered.WIDTH if i > layered.WIDTH else 0
        lines.append(f"  s{i}: {{ uses: select, in: s{up}, with: {{ rename: {{ name{up}: name{i} }} }} }}")
    times = []
    for r in range(rounds):  # each in a new folder: see layered.py
        new = folder / str(r)
        new.mkdir()
        (new / "rows.csv").write_text("id,name0\n1,one\n")
        (new / "pipeline.yaml").write_text("\n".join(lines) + "\n")
        times.append(peak([pipe, "run", "-q", "pipeline.yaml"], new)[:2])
    wall, cpu = (statistics.median(x) for x in zip(*times))
    print(f"{n} stages in the process: {wall / n * 1e3:.2f} ms each ({cpu / n * 1e3:.2f} ms of processor time)")


def store(pipe, dvc, folder, rounds):
    data = folder / "data"
    data.mkdir()
    print("\n| put into the store | pipe | hash alone | dvc add |\n|---|---|---|---|")
    big = data / "big"
    with open(big, "wb") as f:
        for _ in range(1024):
            f.write(os.urandom(1 << 20))
    add("1 GiB in a file", pipe, dvc, folder, rounds)
    big.unlink()
    for i in range(10_000):
        (data / f"{i}").write_text(f"small file {i}\n")
    add("10,000 small files", pipe, dvc, folder, rounds)


def add(what, pipe, dvc, folder, rounds):
    """Puts the folder data into the stores, round by round."""
    ours, alone, theirs = [], [], []
    for r in range(rounds):
        start = time.monotonic()
        for path in sorted((folder / "data").iterdir()):
            with open(path, "rb") as f:
                hashlib.file_digest(f, "sha256")
        alone.append(time.monotonic() - start)
        ours.append(stage(pipe, folder, r))
        if dvc:
            scratch = folder / "dvc"
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir()
            layered.run([dvc, "init", "--no-scm", "-q"], scratch)
            os.rename(folder / "data", scratch / "data")
            theirs.append(layered.run([dvc, "add", "-q", "data"], scratch)[0])
            os.rename(scratch / "data", folder / "data")
    show = lambda x: f"{statistics.median(x):.2f} s" if x else "left out"
    print(f"| {what} | {show(ours)} | {show(alone)} | {show(theirs)} |", flush=True)


def stage(pipe, folder, r):
    """Times a run whose program only moves a folder to where its output is to be."""
    shutil.rmtree(folder / ".pipe", ignore_errors=True)
    shutil.copytree(folder / "data", folder / "made")
    os.sync()
    (folder / "pipeline.yaml").write_text(f"""pipeline: add
stages:
  data:
    uses: exec
    with: {{ run: "mv made $PIPE_OUTPUT_ALL/ && : {r}", outputs: {{ all: folder }} }}
""")
    return layered.run([pipe, "run", "-q", "pipeline.yaml"], folder)[0]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--pipe", required=True, help="the program pipe")
    p.add_argument("--dvc", default=shutil.which("dvc"))
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--folder", help="where to work; by default a new temporary folder")
    a = p.parse_args()
    pipe, dvc = os.path.abspath(a.pipe), a.dvc and os.path.abspath(a.dvc)
    for part in (plan, in_process):
        with tempfile.TemporaryDirectory(dir=a.folder) as top:
            part(pipe, pathlib.Path(top), a.rounds)
    with tempfile.TemporaryDirectory(dir=a.folder) as top:
        store(pipe, dvc, pathlib.Path(top), a.rounds)


if __name__ == "__main__":
    main()
