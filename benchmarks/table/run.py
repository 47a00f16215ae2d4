"""Times CSV to Parquet and back by pipe, pandas and polars, in turns, in one run.

Usage: run.py [ROWS [ROUNDS]]     (default: 2,000,000 rows, 3 rounds)

Needs Go, and a Python with pandas, pyarrow and polars. Each program runs as a process
of its own that starts with the file on disk and ends with the result on disk; the
best of the rounds counts. "cpu" is user plus system time of all threads: on a busy
machine it is the steadier figure.
"""
import os
import random
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = {
    "pandas": "import pandas as pd, sys\n"
              "a, b = sys.argv[1:]\n"
              "df = pd.read_csv(a, parse_dates=['at']) if a.endswith('.csv') else pd.read_parquet(a)\n"
              "df.to_parquet(b, compression='zstd') if b.endswith('.parquet') else df.to_csv(b, index=False)\n",
    "polars": "import polars as pl, sys\n"
              "a, b = sys.argv[1:]\n"
              "df = pl.read_csv(a, try_parse_dates=True) if a.endswith('.csv') else pl.read_parquet(a)\n"
              "df.write_parquet(b, compression='zstd') if b.endswith('.parquet') else df.write_csv(b)\n",
    "polars, streaming": "import polars as pl, sys\n"
              "a, b = sys.argv[1:]\n"
              "df = pl.scan_csv(a, try_parse_dates=True) if a.endswith('.csv') else pl.scan_parquet(a)\n"
              "df.sink_parquet(b, compression='zstd') if b.endswith('.parquet') else df.sink_csv(b)\n",
}


def write_csv(path, rows):
    r = random.Random(1)
    words = "the quick brown fox jumps over a lazy dog and would buy it again".split()
    with open(path, "w") as f:
        f.write("id,price,count,category,review,at,score\n")
        for i in range(rows):
            review = " ".join(r.choices(words, k=8))
            if i % 5 == 0:
                review = '"%s, ""really"""' % review
            f.write("%d,%.2f,%s,%s,%s,2026-%02d-%02dT%02d:%02d:00,%r\n" % (
                i, r.random() * 1000, r.randrange(100) if i % 50 else "", r.choice(["books", "music", "garden", "kitchen", "toys"]),
                review, r.randrange(1, 13), r.randrange(1, 29), r.randrange(24), r.randrange(60), round(r.gauss(0, 1), 6)))


def measure(command):
    start = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - start
    if status != 0:
        sys.exit("failed: " + " ".join(command))
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with tempfile.TemporaryDirectory() as dir:
        pipe = os.path.join(dir, "convert")
        subprocess.run(["go", "build", "-o", pipe, "./convert"], cwd=HERE, check=True)
        csv = os.path.join(dir, "in.csv")
        write_csv(csv, rows)
        size = os.path.getsize(csv)
        print("%d rows, %.0f MB of CSV, %d CPUs, best of %d" % (rows, size / 1e6, os.cpu_count(), rounds))
        programs = {"pipe": lambda a, b: [pipe, a, b]}
        for name, text in PEERS.items():
            programs[name] = lambda a, b, text=text: [sys.executable, "-c", text, a, b]
        for title, source, target in [("CSV to Parquet", csv, "out.parquet"), ("Parquet to CSV", None, "out.csv")]:
            best = {}
            for _ in range(rounds):
                for name, command in programs.items():
                    own = os.path.join(dir, name.replace(", ", "-"))
                    os.makedirs(own, exist_ok=True)
                    a, b = source or os.path.join(dir, "pipe", "out.parquet"), os.path.join(own, target)
                    got = measure(command(a, b))
                    best[name] = [min(x, y) for x, y in zip(best.get(name, got), got)]
            print("\n| %s | seconds | cpu | MB of CSV per second | peak MB | result MB |\n|---|---|---|---|---|---|" % title)
            for name, (wall, cpu, peak) in best.items():
                out = os.path.join(dir, name.replace(", ", "-"), target)
                print("| %s | %.2f | %.2f | %.0f | %.0f | %.1f |" % (name, wall, cpu, size / 1e6 / wall, peak, os.path.getsize(out) / 1e6))


main()
