"""pipe serve beside FastAPI with PyTorch (the same LSTM), and a trivial model
beside a bare net/http handler. Needs Go, and a Python with torch, fastapi,
uvicorn and safetensors.

    python benchmarks/serving/run.py --pipe ./pipe --work /somewhere [--seconds 5] [--rounds 3]
"""
import argparse, json, os, pathlib, socket, statistics, subprocess, sys, time, urllib.request

here = pathlib.Path(__file__).parent
root = here.parent.parent
a = argparse.ArgumentParser()
a.add_argument("--pipe", default="./pipe")
a.add_argument("--work", required=True)
a.add_argument("--seconds", default="5")
a.add_argument("--rounds", type=int, default=3)
a.add_argument("--data", default="goroot")
o = a.parse_args()
pipe, work = str(pathlib.Path(o.pipe).resolve()), pathlib.Path(o.work)
work.mkdir(parents=True, exist_ok=True)
TEXT = "Sends a request over TLS and reads the header of the response, of which it returns the body when there is one"


def port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def sh(*args, **kw):
    return subprocess.run(args, check=True, cwd=work, capture_output=True, text=True, **kw).stdout


def prepare():
    for name in ("load", "bare"):
        subprocess.run(["go", "build", "-o", work / name, f"./benchmarks/serving/{name}"], check=True, cwd=root)
    if not (work / "exported").exists():
        yaml = (root / "pipelines/textclass.yaml").read_text().replace("maxlen: 40", "maxlen: 100").replace("where:", "where: # ", 0)
        (work / "textclass.yaml").write_text(yaml)
        sh(pipe, "run", "textclass.yaml", "-p", "epochs=1", "-p", f"data={o.data}")
        sh(pipe, "models", "export", "textclass", "exported", "--format", "safetensors")
        (work / "lengths.csv").write_text("text,label\n" + "".join(f"a b c w{i % 7},short\na long text of words w{i % 7},long\n" for i in range(60)))
        (work / "trivial.yaml").write_text(TRIVIAL)
        sh(pipe, "run", "trivial.yaml")


TRIVIAL = """
pipeline: trivial
seed: 1
stages:
  rows: { uses: source.csv, with: { path: lengths.csv } }
  words: { uses: text.vectorize, in: rows, with: { column: text, num_words: 16, maxlen: 4 } }
  train:
    uses: nn.train
    in: { train: rows, transform: words }
    with: { target: label, layers: [{ embedding: { dim: 2 } }, global_avg_pool, { dense: { units: classes, activation: softmax } }], loss: categorical_crossentropy, optimizer: adam, epochs: 1 }
  release: { uses: register, in: { model: train }, with: { model: trivial, alias: champion } }
"""


class Server:
    def __init__(self, path, *command):
        self.port, self.path = port(), path
        self.p = subprocess.Popen([c.replace("PORT", str(self.port)) for c in command], cwd=work, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(600):
            try:
                r = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", json.dumps({"text": TEXT}).encode(), {"Content-Type": "application/json"})
                self.first = json.load(urllib.request.urlopen(r))
                break
            except OSError:
                time.sleep(0.2)

    def load(self, n):
        return json.loads(sh(str(work / "load"), "-n", str(n), "-for", o.seconds + "s", "-body", json.dumps({"text": TEXT}), f"127.0.0.1:{self.port}", self.path))

    def cpu(self):
        with open(f"/proc/{self.p.pid}/stat") as f:
            v = f.read().rsplit(")", 1)[1].split()
        return (int(v[11]) + int(v[12])) / os.sysconf("SC_CLK_TCK")


prepare()
servers = {
    "pipe, LSTM": Server("/predict/textclass", pipe, "serve", "textclass/1", "--port", "PORT"),
    "FastAPI, LSTM": Server("/predict/textclass", sys.executable, str(here.resolve() / "peer_fastapi.py"), "exported", "PORT"),
    "pipe, trivial": Server("/predict/trivial", pipe, "serve", "trivial", "--port", "PORT"),
    "net/http, trivial": Server("/predict/trivial", str(work / "bare"), "PORT"),
}
try:
    for name, s in servers.items():
        print("#", name, "answers", s.first["prediction"], round(s.first["probability"], 4))
    print("| server | connections | requests/s | p50 ms | p99 ms | CPU µs a request | failed |\n|---|---|---|---|---|---|---|")
    for n in (1, 16, 64):
        seen = {name: [] for name in servers}
        for _ in range(o.rounds):
            for name, s in servers.items():  # alternately, so that other load meets all
                before = s.cpu()
                r = s.load(n)
                r["cpu"] = (s.cpu() - before) / max(r["requests"], 1) * 1e6
                seen[name].append(r)
        for name, rs in seen.items():
            m = {k: statistics.median(r[k] for r in rs) for k in ("per_second", "p50_ms", "p99_ms", "cpu")}
            print(f"| {name} | {n} | {m['per_second']:,.0f} | {m['p50_ms']:.2f} | {m['p99_ms']:.2f} | {m['cpu']:,.0f} | {sum(r['failed'] for r in rs)} |", flush=True)
finally:
    for s in servers.values():
        s.p.terminate()
