#!/usr/bin/env python3
"""Times pipe beside other runners on a layered graph of programs that do nothing.

Layers of ten stages; each stage runs `true` and waits for one of the layer
before; all runners start it by a shell, as their users write it. Two times: the first run, and one where nothing has changed. The start
of the process counts. Of several rounds the median is shown, wall time and
processor time, and the ratio to pipe. Each round has new folders, which are
removed at the end: for minutes after files were removed, ext4 takes several
times as long to make new ones. A runner that is not there is left out.

  python3 benchmarks/runner/layered.py --pipe ./pipe --task ~/go/bin/task \
      --dvc venv/bin/dvc --luigi venv/bin/python --stages 100,1000
"""

import argparse
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

WIDTH = 10


def before(i):
    return i - WIDTH if i >= WIDTH else None


def pipe_files(folder, n):
    lines = ["pipeline: layered", "stages:"]
    for i in range(n):
        after = f"in: {{ up: s{before(i)}.log }}, " if before(i) is not None else ""
        lines.append(f'  s{i}: {{ uses: exec, {after}with: {{ run: "true {i}" }} }}')
    (folder / "pipeline.yaml").write_text("\n".join(lines) + "\n")


def ninja_files(folder, n):
    lines = ["rule stage", "  command = true $x && echo $x > $out"]
    for i in range(n):
        after = f" o/s{before(i)}" if before(i) is not None else ""
        lines += [f"build o/s{i}: stage{after}", f"  x = {i}"]
    (folder / "build.ninja").write_text("\n".join(lines) + "\n")


def task_files(folder, n):
    lines = ["version: '3'", "tasks:", "  default:", "    deps: [" + ", ".join(f"s{i}" for i in range(max(0, n - WIDTH), n)) + "]"]
    for i in range(n):
        lines += [f"  s{i}:", f"    cmds: ['true {i} && echo {i} > o{i}']", f"    generates: [o{i}]"]
        if before(i) is not None:
            lines += [f"    deps: [s{before(i)}]", f"    sources: [o{before(i)}]"]
        else:
            lines += ["    sources: [Taskfile.yml]"]
    (folder / "Taskfile.yml").write_text("\n".join(lines) + "\n")


def dvc_files(folder, n):
    lines = ["stages:"]
    for i in range(n):
        lines += [f"  s{i}:", f"    cmd: true {i} && echo {i} > o{i}", f"    outs: [o{i}]"]
        if before(i) is not None:
            lines += [f"    deps: [o{before(i)}]"]
    (folder / "dvc.yaml").write_text("\n".join(lines) + "\n")


def luigi_files(folder, n):
    (folder / "layered.py").write_text(f"""import subprocess, luigi
class Stage(luigi.Task):
    i = luigi.IntParameter()
    def requires(self):
        return [Stage(self.i - {WIDTH})] if self.i >= {WIDTH} else []
    def output(self):
        return luigi.LocalTarget(f"o{{self.i}}")
    def run(self):
        subprocess.check_call(["true", str(self.i)])
        with self.output().open("w") as f:
            f.write(str(self.i))
ok = luigi.build([Stage(i) for i in range({max(0, n - WIDTH)}, {n})], local_scheduler=True, workers=2, log_level="ERROR")
raise SystemExit(not ok)
""")


def run(command, folder):
    """Runs a command and returns its wall and processor seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    wall = time.monotonic() - start
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise SystemExit(f"{command} failed:\n{done.stdout.decode()[-2000:]}")
    return wall, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime


def prepare_dvc(dvc, folder):
    run([dvc, "init", "--no-scm", "-q"], folder)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--pipe", required=True, help="the program pipe")
    p.add_argument("--ninja", default=shutil.which("ninja"))
    p.add_argument("--task", default=shutil.which("task"), help="the program task of go-task")
    p.add_argument("--dvc", default=shutil.which("dvc"))
    p.add_argument("--luigi", help="a Python that has luigi")
    p.add_argument("--stages", default="100,1000")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--slow-rounds", type=int, default=1, help="rounds of runners that take long: dvc, luigi")
    p.add_argument("--max-dvc", type=int, default=100, help="more stages than this are not tried with dvc")
    p.add_argument("--folder", help="where to work; by default a new temporary folder")
    a = p.parse_args()

    tool = lambda path: path and os.path.abspath(path) if path and os.sep in path else path
    runners = [
        ("pipe", tool(a.pipe), pipe_files, lambda t: [t, "run", "-q", "pipeline.yaml"], None, a.rounds),
        ("ninja", tool(a.ninja), ninja_files, lambda t: [t, f"-j{os.cpu_count()}"], None, a.rounds),
        ("go-task", tool(a.task), task_files, lambda t: [t], None, a.rounds),
        ("luigi", tool(a.luigi), luigi_files, lambda t: [t, "layered.py"], None, a.slow_rounds),
        ("dvc", tool(a.dvc), dvc_files, lambda t: [t, "repro", "-q"], prepare_dvc, a.slow_rounds),
    ]
    with tempfile.TemporaryDirectory(dir=a.folder) as top:
        for n in map(int, a.stages.split(",")):
            measure(runners, n, pathlib.Path(top), a.max_dvc)


def measure(runners, n, top, max_dvc):
    """Times all runners in turn, round by round, so that all see the same machine."""
    present = []
    for runner in runners:
        name, program = runner[:2]
        if not program or name == "dvc" and n > max_dvc:
            print(f"{name}, {n} stages: left out", file=sys.stderr)
        else:
            present.append(runner)
    times = {name: ([], []) for name, *_ in present}
    for r in range(max(rounds for *_, rounds in present)):
        for name, program, write, command, prepare, rounds in present:
            if r >= rounds:
                continue
            folder = top / f"{name}-{n}-{r}"
            folder.mkdir()
            write(folder, n)
            if prepare:
                prepare(program, folder)
            times[name][0].append(run(command(program), folder))
            for _ in range(3 if rounds > 1 else 1):
                times[name][1].append(run(command(program), folder))
    print(f"\n{n} stages, medians in seconds; in brackets processor time\n")
    print("| runner | first run | × pipe | nothing changed | × pipe |\n|---|---|---|---|---|")
    median = lambda list, i: statistics.median(x[i] for x in list)
    base = [median(times["pipe"][k], 0) for k in (0, 1)]
    for name, *_ in present:
        row = [f"{median(times[name][k], 0):.3f} ({median(times[name][k], 1):.3f}) | {median(times[name][k], 0) / base[k]:.2f}" for k in (0, 1)]
        print(f"| {name} | {row[0]} | {row[1]} |", flush=True)


if __name__ == "__main__":
    main()
