#!/usr/bin/env python3
"""Times `pipe up` beside MLflow's own server and FastTrackML, by one client.

The client (benchmarks/registry/load, Go) keeps its connections and hardly looks
at the answers, so that the servers are measured and not the client. Servers run
one at a time, each on a fresh SQLite database. A server that is not there is
left out.

  go build -o load ./benchmarks/registry/load
  python3 benchmarks/registry/run.py --pipe ./pipe --load ./load --client venv/bin/python \
      --mlflow venv/bin/mlflow --fasttrackml venv2/bin/fml --runs 1000,10000,100000,1000000 --peer-runs 10000
"""

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def command(name, args, folder, port):
    if name == "pipe":
        return [args.pipe, "up", "--port", str(port), "--store", folder]
    if name == "mlflow":
        return [args.mlflow, "server", "--workers", "1", "--port", str(port), "--backend-store-uri", f"sqlite:///{folder}/db", "--artifacts-destination", folder]
    return [args.fasttrackml, "server", "--listen-address", f"127.0.0.1:{port}", "--database-uri", f"sqlite://{folder}/db"]


def memory(group):
    """Resident MiB of a server's processes."""
    total = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError, ProcessLookupError):
            if os.getpgid(int(pid)) == group:
                with open(f"/proc/{pid}/status") as f:
                    total += sum(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
    return total / 1024


@contextlib.contextmanager
def server(name, args, fill=0):
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        if fill:  # before it starts: a million runs over HTTP would take half an hour
            subprocess.run([args.load, "-work", "fill", "-store", folder, "-runs", str(fill)], check=True, stdout=subprocess.DEVNULL)
        began = time.monotonic()
        process = subprocess.Popen(command(name, args, folder, port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, cwd=folder)
        try:
            base = f"http://127.0.0.1:{port}"
            while True:
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(base + "/health").read()
                    break
                if time.monotonic() - began > 120:
                    raise SystemExit(f"{name} does not answer")
                time.sleep(0.002)
            yield base, (time.monotonic() - began) * 1000, process.pid
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def load(args, base, work, **flags):
    out = subprocess.run([args.load, "-base", base, "-work", work] + [f"-{k}={v}" for k, v in flags.items()], capture_output=True, text=True)
    if out.returncode:
        return {"error": out.stderr.strip()[:200]}
    return json.loads(out.stdout)


# What the clients' own users do, by the Python client.
CLIENT = {
    "metric": """
import mlflow, time, sys
mlflow.set_tracking_uri(sys.argv[1])
with mlflow.start_run():
    mlflow.log_metric("m", 0.0, step=0)
    began, n = time.time(), 0
    while time.time() - began < 5:
        n += 1
        mlflow.log_metric("m", float(n), step=n)
    print("=", round(n / (time.time() - began), 1))
""",
    "search": """
import mlflow, time, sys
mlflow.set_tracking_uri(sys.argv[1])
took = []
for _ in range(3):
    began = time.time()
    rows = mlflow.search_runs(["0"], max_results=10_000)
    took.append(time.time() - began)
    assert len(rows) == 10_000, len(rows)
print("=", round(sorted(took)[1], 2))
""",
}


def client(args, base, what):
    out = subprocess.run([args.client, "-c", CLIENT[what], base], capture_output=True, text=True, env=os.environ | {"MLFLOW_ENABLE_ASYNC_LOGGING": "false"})
    said = [line[2:] for line in out.stdout.splitlines() if line.startswith("= ")]  # beside what the client says
    return said[0] if said else out.stderr.strip()[-200:]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pipe", required=True)
    parser.add_argument("--load", required=True)
    parser.add_argument("--mlflow")
    parser.add_argument("--fasttrackml")
    parser.add_argument("--client", help="a Python that has mlflow, to measure its client as well")
    parser.add_argument("--runs", default="1000,10000", help="sizes at which pipe's searches are timed")
    parser.add_argument("--peer-runs", type=int, default=0, help="the size at which the peers' are")
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=5)
    args = parser.parse_args()
    args.pipe, args.load = os.path.abspath(args.pipe), os.path.abspath(args.load)
    args.client = args.client and os.path.join(os.path.abspath(os.path.dirname(args.client)), os.path.basename(args.client))
    for name in ["pipe"] + [n for n in ("fasttrackml", "mlflow") if getattr(args, n)]:
        if name != "pipe":
            setattr(args, name, os.path.abspath(getattr(args, name)))
        with server(name, args) as (base, ready, pid):
            print(f"{name}: first answer after {ready:.0f} ms, {memory(pid):.0f} MiB", flush=True)
            for clients in (1, 8, 32):
                rate = load(args, base, "log-metric", clients=clients, seconds=args.seconds)
                print(f"  log-metric, {clients} clients: {rate.get('per_second', rate)}", flush=True)
            for keys in (1, 10, 1000):
                rate = load(args, base, "log-batch", clients=4, keys=keys, seconds=args.seconds)
                print(f"  log-batch of 1,000 points of {keys} metrics, 4 clients: {rate.get('per_second', rate)}", flush=True)
            if args.client:
                print(f"  by the Python client: {client(args, base, 'metric')} log_metric a second", flush=True)
        for n in [int(s) for s in args.runs.split(",")] if name == "pipe" else [args.peer_runs] * (args.peer_runs > 0):
            direct = name == "pipe" and n > 100_000
            with server(name, args, n if direct else 0) as (base, ready, pid):
                took = {"seconds": "-"} if direct else load(args, base, "fill", runs=n)
                first, ordered = (load(args, base, work, seconds=2) for work in ("search", "ordered"))
                print(f"  {n} runs: filled in {took.get('seconds', took)} s; first page {first.get('median_ms', first)} ms, metric filter and order {ordered.get('median_ms', ordered)} ms, {memory(pid):.0f} MiB" + (f"; first answer after {ready:.0f} ms" if direct else ""), flush=True)
                if args.client and n == 10_000:
                    print(f"  mlflow.search_runs of 10,000 rows: {client(args, base, 'search')} s", flush=True)
        if name == "pipe" and args.points:
            with server(name, args) as (base, _, pid):
                made = load(args, base, "points", points=args.points)
                whole, sampled = (load(args, base, work, run=made["run"]) for work in ("first-byte", "sampled"))
                print(f"  history of {args.points} points: first byte {whole['first_byte_ms']:.1f} ms, last {whole['last_byte_ms']:.0f} ms; down-sampled to 1,000: {sampled['last_byte_ms']:.1f} ms", flush=True)


if __name__ == "__main__":
    main()
