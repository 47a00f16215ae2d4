"""pipe beside pandas and polars on one table: CSV to Parquet, clean, derive, filter, join, sql.

    python -m venv venv && venv/bin/pip install pandas==3.1.1 polars==2.1.0 pyarrow==26.0.1
    venv/bin/python benchmarks/table/stages.py --pipe ./pipe --folder /somewhere --rows 10000000

Each step reads a file and writes one: CSV to Parquet (zstd) by all, the other
steps Arrow IPC to Arrow IPC, uncompressed, as pipe's stages hand tables on. The
programs take turns, each in a process of its own; the figures are medians of
wall time, of processor time and of the largest memory of the process. pipe's
stage is forced, so that nothing comes from its cache; its time is that of the
whole process, with the digest of what it reads and writes, the journal and the
registry.
"""

import argparse
import os
import random
import resource
import statistics
import subprocess
import sys
import time

STEPS = ["parquet", "clean", "derive", "filter", "join", "sql"]

PROGRAMS = {
    "pandas": """
import pandas as pd, sys
step, d = sys.argv[1:]
kw = dict(engine="pyarrow", dtype_backend="pyarrow")
if step == "parquet":
    pd.read_csv(d + "/rows.csv", **kw).to_parquet(d + "/out.parquet", compression="zstd")
else:
    t = pd.read_feather(d + "/rows.arrow", dtype_backend="pyarrow")
    if step == "clean":
        t["name"] = t["name"].str.strip().str.lower()
        t = t.dropna(subset=["price"])
    elif step == "derive":
        t["total"] = t["price"] * t["count"].astype("double[pyarrow]")
        t["dear"] = t["price"] > 500.0
    elif step == "filter":
        t = t[(t["price"] > 250.0) & (t["name"] != "name 7")]
    elif step == "join":
        t = t.merge(pd.read_feather(d + "/groups.arrow", dtype_backend="pyarrow"), on="group")
    elif step == "sql":
        t = t.groupby("group", as_index=False).agg(n=("id", "count"), mean=("price", "mean")).sort_values("group")
    t.reset_index(drop=True).to_feather(d + "/out.arrow", compression="uncompressed")
""",
    "polars": """
import polars as pl, sys
step, d = sys.argv[1:]
t = pl.scan_csv(d + "/rows.csv") if step == "parquet" else pl.scan_ipc(d + "/rows.arrow")
if step == "clean":
    t = t.with_columns(pl.col("name").str.strip_chars().str.to_lowercase()).drop_nulls("price")
elif step == "derive":
    t = t.with_columns((pl.col("price") * pl.col("count").cast(pl.Float64)).alias("total"), (pl.col("price") > 500.0).alias("dear"))
elif step == "filter":
    t = t.filter((pl.col("price") > 250.0) & (pl.col("name") != "name 7"))
elif step == "join":
    t = t.join(pl.scan_ipc(d + "/groups.arrow"), on="group", maintain_order="left")
elif step == "sql":
    t = t.group_by("group").agg(pl.col("id").count().alias("n"), pl.col("price").mean().alias("mean")).sort("group")
if step == "parquet":
    t.sink_parquet(d + "/out.parquet", compression="zstd")
else:
    t.sink_ipc(d + "/out.arrow", compression="uncompressed")
""",
}

PIPELINES = {
    "parquet": 'rows: { uses: source.csv, with: { path: rows.csv } }',
    "clean": 'made: { uses: clean, in: rows, with: { text: [strip, lowercase], columns: [name], drop_null: [price] } }',
    "derive": 'made: { uses: derive, in: rows, with: { columns: { total: "price * double(count)", dear: "price > 500.0" } } }',
    "filter": "made: { uses: filter, in: rows, with: { where: 'price > 250.0 && name != \"name 7\"' } }",
    "join": 'made: { uses: join, in: { left: rows, right: groups }, with: { on: [group] } }',
    "sql": 'made: { uses: sql, in: rows, with: { query: "SELECT \\"group\\", count(id) AS n, avg(price) AS mean FROM input GROUP BY ALL ORDER BY 1" } }',
}


def make(folder, rows):
    """Writes the tables, the same for everybody."""
    if os.path.exists(f"{folder}/rows.arrow"):
        return
    rng = random.Random(7)
    with open(f"{folder}/rows.csv", "w") as f:
        f.write("id,name,group,price,count\n")
        for i in range(rows):
            price = "" if i % 97 == 0 else f"{rng.random() * 1000:.4f}"
            f.write(f"{i}, Name {i % 1000} ,{i * 7919 % 5000},{price},{i % 13}\n")
    with open(f"{folder}/groups.csv", "w") as f:
        f.write("group,label\n")
        for g in range(5000):
            f.write(f"{g},label {g}\n")
    # In a process of its own: a child's largest memory counts from its parent's.
    text = """
import sys
from pyarrow import csv, feather
feather.write_feather(csv.read_csv(sys.argv[1] + ".csv"), sys.argv[1] + ".arrow", compression="uncompressed")
"""
    for name in ("rows", "groups"):
        subprocess.run([sys.executable, "-c", text, f"{folder}/{name}"], check=True)


def measured(command, folder):
    """Wall time, processor time and largest memory of a process."""
    begin = time.perf_counter()
    p = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    out = p.stdout.read()
    _, status, usage = os.wait4(p.pid, 0)
    if status:
        sys.exit(f"{command}: {out.decode()}")
    return dict(wall=time.perf_counter() - begin, cpu=usage.ru_utime + usage.ru_stime, mib=usage.ru_maxrss / 1024), out.decode()


def pipe(program, step, folder):
    """Runs the stage alone: what it reads has been run before."""
    sources = "" if step == "parquet" else "  rows: { uses: source.arrow, with: { path: rows.arrow } }\n"
    if step == "join":
        sources += "  groups: { uses: source.arrow, with: { path: groups.arrow } }\n"
    with open(f"{folder}/{step}.yaml", "w") as f:
        f.write(f"pipeline: {step}\nstages:\n{sources}  {PIPELINES[step]}\n")
    if sources:
        measured([program, "run", f"{step}.yaml", "rows"], folder)
    if step == "join":
        measured([program, "run", f"{step}.yaml", "groups"], folder)
    target = "rows" if step == "parquet" else "made"
    run = measured([program, "run", f"{step}.yaml", target, f"--force={target}"], folder)[0]
    if step == "parquet":
        if os.path.exists(f"{folder}/pipe.parquet"):
            os.remove(f"{folder}/pipe.parquet")
        export = measured([program, "artifacts", "export", "rows", "pipe.parquet"], folder)[0]
        run = dict(wall=run["wall"] + export["wall"], cpu=run["cpu"] + export["cpu"], mib=max(run["mib"], export["mib"]))
    return run


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--pipe", required=True)
    args.add_argument("--folder", required=True)
    args.add_argument("--rows", type=int, default=10_000_000)
    args.add_argument("--rounds", type=int, default=3)
    args.add_argument("--steps", default=",".join(STEPS))
    args = args.parse_args()
    os.makedirs(args.folder, exist_ok=True)
    make(args.folder, args.rows)
    program = os.path.abspath(args.pipe)
    print("| step | program | seconds | processor seconds | MiB | wall, pipe = 1 |\n|---|---|---|---|---|---|")
    for step in args.steps.split(","):
        runs = {"pipe": [], "pandas": [], "polars": []}
        for _ in range(args.rounds):
            runs["pipe"].append(pipe(program, step, args.folder))
            for name, text in PROGRAMS.items():
                runs[name].append(measured([sys.executable, "-c", text, step, args.folder], args.folder)[0])
        middle = {n: {k: statistics.median(r[k] for r in rs) for k in rs[0]} for n, rs in runs.items()}
        for name, m in middle.items():
            print(f"| {step} | {name} | {m['wall']:.2f} | {m['cpu']:.2f} | {m['mib']:.0f} | {m['wall'] / middle['pipe']['wall']:.2f} |", flush=True)


if __name__ == "__main__":
    main()
