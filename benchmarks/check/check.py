"""Processor time of `pipe check` on 1,000 stages: python3 check.py PATH-TO-PIPE"""
import os
import resource
import statistics
import subprocess
import sys
import tempfile


def written_out():
    lines = ["pipeline: wide", "stages:", "  rows: { uses: source.csv, with: { path: rows.csv } }"]
    for i in range(999):
        if i % 10 == 0:
            lines.append(f'  s{i}: {{ uses: filter, in: rows, with: {{ where: "a >= {i % 7}" }} }}')
        else:
            lines.append(f'  s{i}: {{ uses: derive, in: s{i - 1}, with: {{ columns: {{ c{i % 10}: "a + {i % 50}" }} }} }}')
    return "\n".join(lines) + "\n"


def matrix():
    low, plus = ",".join(map(str, range(25))), ",".join(map(str, range(20)))
    return f"""pipeline: grid
stages:
  rows: {{ uses: source.csv, with: {{ path: rows.csv }} }}
  try:
    matrix: {{ low: [{low}], plus: [{plus}] }}
    stages:
      low: {{ uses: filter, in: rows, with: {{ where: "a >= ${{matrix.low}}" }} }}
      sum: {{ uses: derive, in: low, with: {{ columns: {{ s: "a + ${{matrix.plus}}" }} }} }}
  all: {{ uses: gather, in: {{ tables: try.sum }} }}
"""


def processor_ms(args):
    times = []
    for _ in range(11):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(args, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000)
    return f"{statistics.median(times):.0f} ms (least {min(times):.0f})"


pipe = os.path.abspath(sys.argv[1])
with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    for name, text in ("rows.csv", "a\n1\n"), ("written_out.yaml", written_out()), ("matrix.yaml", matrix()):
        with open(name, "w") as f:
            f.write(text)
    print("version", processor_ms([pipe, "version"]))
    for name in "written_out.yaml", "matrix.yaml":
        print("check", name, processor_ms([pipe, "check", name]))
