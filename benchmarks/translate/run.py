"""Lets pipe and PyTorch train the Transformer of pipelines/translate.yaml for the same time, and compares what they translate.

    curl -LO https://www.manythings.org/anki/swe-eng.zip && unzip swe-eng.zip swe.txt
    python3 -m venv /torch && /torch/bin/pip install torch numpy safetensors tokenizers sacrebleu
    go build -o /bin/pipe ./cmd/pipe
    /torch/bin/python benchmarks/translate/run.py --pipe /bin/pipe --data swe.txt --minutes 60

Both begin with the same weights, see the same batches and lower the learning rate with the time that they have had. They
work in turn, each for --turn seconds on all --threads, until each has trained for --minutes; what else is on the machine
meets both. With --together (Linux) they work at the same time, one thread each, each on a core of two, and change cores after
every turn. Beams are searched by pipe's decoder for both; PyTorch also translates by itself, greedily. With
--updates N and --dropout 0 they make so many updates each instead, and their losses are compared step by step.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import sacrebleu

HERE = pathlib.Path(__file__).resolve().parent


class Contestant:
    def __init__(self, name, command, threads):
        self.name, self.turns, self.last = name, [], {"updates": 0, "seconds": 0}
        env = dict(os.environ, OMP_NUM_THREADS=str(threads))
        self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} has ended")
        return json.loads(line)

    def begin(self, seconds):
        print(seconds, file=self.process.stdin, flush=True)

    def finish(self):
        self.last = self.line()
        self.turns.append(self.last)

    def stay_on(self, core):
        """Threads that exist are moved one by one; those they start later inherit it."""
        for thread in os.listdir(f"/proc/{self.process.pid}/task"):
            os.sched_setaffinity(int(thread), {core})

    def end(self):
        self.process.stdin.close()
        self.last["validation"] = self.line()["validation"]
        self.process.wait()

    def steps(self):
        return [s for t in self.turns for s in t["steps"]]

    def losses(self):
        return [s for t in self.turns for s in t["losses"]]


def prepare(o, folder, binary):
    """The tables and the tokenizer are those of the pipeline."""
    pipe = [o.pipe, "-C", str(folder)]
    file = HERE.parent.parent / "pipelines" / "translate.yaml"
    subprocess.run([*pipe, "run", "-q", file, "split", "tokens", "-p", f"data={o.data.resolve()}"], check=True)
    for part in ("train", "validation", "test"):
        (folder / f"{part}.jsonl").unlink(missing_ok=True)
        subprocess.run([*pipe, "artifacts", "export", f"split.{part}", folder / f"{part}.jsonl"], check=True, stdout=subprocess.DEVNULL)
    words = subprocess.run([*pipe, "artifacts", "cat", "tokens.out", "tokenizer.json"], check=True, stdout=subprocess.PIPE).stdout
    (folder / "tokenizer.json").write_bytes(words)
    settings = {"layers": o.layers, "dim": o.dim, "heads": 4, "dropout": o.dropout, "rate": 0.001, "updates": o.updates, "seconds": 60 * o.minutes}
    (folder / "settings.json").write_text(json.dumps(settings))
    subprocess.run([binary, "prepare", folder], check=True)


def contest(o, folder, binary):
    all = [Contestant("pipe", [binary, "-threads", o.threads, "train", folder], o.threads),
           Contestant("PyTorch", [o.python, HERE / "torch_peer.py", "train", folder, o.threads], o.threads)]
    cores = sorted(os.sched_getaffinity(0)) if o.together else []
    while behind := [c for c in all if (c.last["updates"] < o.updates if o.updates else c.last["seconds"] < 60 * o.minutes)]:
        for group in [behind] if o.together else [[c] for c in behind]:
            for c in group:
                if o.together:
                    c.stay_on(cores[(all.index(c) + len(all[0].turns)) % 2])
                c.begin(o.turn if o.updates else min(o.turn, 60 * o.minutes - c.last["seconds"]))
            for c in group:
                c.finish()
        for c in behind:
            print(f"  {c.name}: {c.last['updates']} updates in {c.last['seconds']:.0f} s, loss {statistics.mean(c.last['losses']):.4f}, "
                  f"{1e3 * statistics.median(c.last['steps']):.1f} ms each", file=sys.stderr)
    for c in all:
        c.end()
    return all


def compare_losses(all, updates):
    ours, theirs = (c.losses() for c in all)
    for at in sorted({0, 1, 9, 99, 299, updates - 1}):
        if at < min(len(ours), len(theirs)):
            print(f"loss of update {at + 1}: pipe {ours[at]:.5f}, PyTorch {theirs[at]:.5f}")


def bleu(texts, references):
    most = max(map(len, references))
    columns = [[r[i] if i < len(r) else None for r in references] for i in range(most)]
    return sacrebleu.corpus_bleu(texts, columns).score


def translations(o, folder, binary):
    references = json.loads((folder / "ids.json").read_text())["references"]
    scores = {}
    for name in ("pipe", "torch"):
        for beams in (1, 4):
            subprocess.run([binary, "decode", folder, name, str(beams)], check=True)
            scores[name, beams] = json.loads((folder / f"{name}.beams{beams}.json").read_text())
    subprocess.run([o.python, HERE / "torch_peer.py", "decode", folder], check=True)
    own = json.loads((folder / "torch.greedy.json").read_text())
    same = sum(a == b for a, b in zip(own, scores["torch", 1]))
    print(f"PyTorch's weights, greedily: {bleu(own, references):.2f} by PyTorch; {same} of {len(own)} translations are those of pipe's decoder", file=sys.stderr)
    return {key: bleu(texts, references) for key, texts in scores.items()}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--pipe", required=True, help="the program pipe")
    p.add_argument("--data", required=True, type=pathlib.Path, help="swe.txt")
    p.add_argument("--python", default=sys.executable, help="a Python with torch")
    p.add_argument("--folder", type=pathlib.Path, help="where to work; a new one by default")
    p.add_argument("--minutes", type=float, default=60, help="of training, for each")
    p.add_argument("--turn", type=float, default=20, help="seconds at a time")
    p.add_argument("--updates", type=int, default=0, help="instead of minutes")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--together", action="store_true", help="at the same time, a core each")
    p.add_argument("--layers", type=int, default=2)
    p.add_argument("--dim", type=int, default=128)
    p.add_argument("--dropout", type=float, default=0.1)
    o = p.parse_args()
    if o.together:
        o.threads = 1
    folder = o.folder or pathlib.Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    binary = folder / "translate"
    subprocess.run(["go", "build", "-o", binary, "./benchmarks/translate"], check=True, cwd=HERE.parent.parent)
    prepare(o, folder, binary)
    all = contest(o, folder, binary)
    if o.updates:
        compare_losses(all, o.updates)
    scores = translations(o, folder, binary)
    print("| | updates | seconds | processor, s | ms, median | validation loss | BLEU, greedy | BLEU, 4 beams |\n|---|---|---|---|---|---|---|---|")
    for c, name in zip(all, ("pipe", "torch")):
        t = c.last
        print(f"| {c.name} | {t['updates']:,} | {t['seconds']:.0f} | {t['processor']:.0f} | {1e3 * statistics.median(c.steps()):.1f} | "
              f"{t['validation']:.4f} | {scores[name, 1]:.2f} | {scores[name, 4]:.2f} |")


if __name__ == "__main__":
    main()
