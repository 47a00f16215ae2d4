"""Compares pipelines/spam.yaml with the same network in Keras and with TF-IDF and
logistic regression, on the split that pipe made.

    python compare.py --pipe ./pipe --data SMSSpamCollection --workspace /somewhere

With --hash-split the parts are fixed: a message is a test message when the first
byte of the SHA-256 of its text is 0 modulo 10, a validation message when it is 1.
Then only first weights and the order of the rows differ between the seeds.
"""

import argparse
import hashlib
import json
import pathlib
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "textclass"))

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import keras_network
import pipe_runs

PIPELINE = pathlib.Path(__file__).resolve().parents[2] / "pipelines" / "spam.yaml"


def linear(train, test) -> float:
    """TF-IDF of runs of one and two words and logistic regression."""
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(C=100, max_iter=1000))
    return float(model.fit(train.texts, train.labels).score(test.texts, test.labels))


def hash_split(data: pathlib.Path, workspace: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path, dict[str, int]]:
    """Writes the messages part by part, and a pipeline that splits in that order.
    Returns both files and how many messages each part must have."""
    parts = {"train": [], "validation": [], "test": []}
    for line in dict.fromkeys(data.read_text("utf-8").splitlines()):
        text = line.split("\t", 1)[1]
        digit = hashlib.sha256(text.encode()).digest()[0] % 10
        parts[{0: "test", 1: "validation"}.get(digit, "train")].append(line)
    workspace.mkdir(parents=True, exist_ok=True)
    ordered = workspace / "hash-split.tsv"
    ordered.write_text("".join(line + "\n" for lines in parts.values() for line in lines), "utf-8")
    total = sum(map(len, parts.values()))
    shares = ", ".join(f"{name}: {len(lines) / total!r}" for name, lines in parts.items())
    pipeline = workspace / "spam-hash-split.yaml"
    before = "train: 0.8, validation: 0.1, test: 0.1, stratify: label"
    source = PIPELINE.read_text()
    if before not in source or "drop_duplicates: [text]" not in source:
        raise SystemExit(f"{PIPELINE} is not as this script expects it")
    pipeline.write_text(source.replace(before, shares + ", order: table").replace("nfc, collapse_space", "nfc"))
    return pipeline, ordered, {name: len(lines) for name, lines in parts.items()}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--pipe", default="pipe", help="the binary")
    p.add_argument("--data", type=pathlib.Path, required=True, help="the SMS Spam Collection")
    p.add_argument("--workspace", type=pathlib.Path, required=True, help="folder in which the pipeline runs")
    p.add_argument("--seeds", type=int, nargs="+", default=[7, 8, 9])
    p.add_argument("--hash-split", action="store_true")
    p.add_argument("--out", type=pathlib.Path, help="write all figures here, as JSON")
    args = p.parse_args()
    pipeline, data, sizes = PIPELINE, args.data.resolve(), None
    if args.hash_split:
        pipeline, data, sizes = hash_split(data, args.workspace.resolve())
    found: dict[str, list[float]] = {}
    for seed in args.seeds:
        run = pipe_runs.run(args.pipe, pipeline, args.workspace, data=data, seed=seed)
        parts = {name: run.part(name) for name in ("train", "validation", "test")}
        if sizes and sizes != {name: len(p.texts) for name, p in parts.items()}:
            raise SystemExit(f"pipe did not split into {sizes}")
        for name, accuracy in (
            ("pipe, spam.yaml", run.metric("evaluate.accuracy")),
            ("Keras, the same network", keras_network.train(keras_network.SPAM, keras_network.examples(keras_network.SPAM, **parts), seed)[0]),
            ("TF-IDF (words 1-2), logistic regression (C=100)", linear(parts["train"], parts["test"])),
        ):
            found.setdefault(name, []).append(accuracy)
            print(f"seed {seed}, {len(parts['test'].texts)} test messages: {name}: {100 * accuracy:.2f} %", flush=True)
    print("\n| | mean | least to most |\n|---|---|---|")
    for name, all_ in found.items():
        print(f"| {name} | {100 * statistics.mean(all_):.2f} % | {100 * min(all_):.2f} to {100 * max(all_):.2f} |")
    if args.out:
        args.out.write_text(json.dumps({"seeds": args.seeds, "accuracy": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
