"""Compares pipe's text classifiers with Keras and scikit-learn on the split that pipe made.

    python compare.py --pipe ./pipe --workspace /somewhere --out results.json

Each seed makes a split of its own, and first weights and order with it; every
contestant learns and answers on the very same rows. With --split-seed all seeds
share one split, and only first weights and order differ.
"""

import argparse
import json
import pathlib
import statistics

import linear
import pipe_runs

PIPELINES = pathlib.Path(__file__).resolve().parents[2] / "pipelines"


def pipeline(name: str, args) -> pathlib.Path:
    """The pipeline, or a copy of it whose split has a seed of its own."""
    if args.split_seed is None:
        return PIPELINES / name
    source, before = (PIPELINES / name).read_text(), 'stratify: "${params.label}" }'
    if before not in source:
        raise SystemExit(f"the split of {name} is not as this script expects it")
    copy = args.workspace.resolve() / name
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(source.replace(before, before[:-2] + f", seed: {args.split_seed} }}"))
    return copy


def measure(args) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}

    def add(name: str, accuracy: float):
        found.setdefault(name, []).append(accuracy)
        print(f"seed {seed}: {name}: {100 * accuracy:.2f} %", flush=True)

    for seed in args.seeds:
        small = pipe_runs.run(args.pipe, pipeline("textclass.yaml", args), args.workspace, seed=seed)
        add("pipe, textclass.yaml", small.metric("evaluate.accuracy"))
        best = pipe_runs.run(args.pipe, pipeline("textclass-best.yaml", args), args.workspace, seed=seed)
        add("pipe, textclass-best.yaml", best.metric("evaluate.accuracy"))
        parts = {name: small.part(name) for name in ("train", "validation", "test")}
        if parts["test"] != best.part("test"):
            raise SystemExit("the two pipelines do not test on the same rows")
        for name in linear.CONTESTANTS:
            add(name, linear.accuracy(name, parts["train"], parts["test"]))
        if args.keras:
            import keras_network
            data = keras_network.examples(keras_network.TEXTCLASS, **parts)
            add("Keras, the network of textclass.yaml", keras_network.train(keras_network.TEXTCLASS, data, seed)[0])
    return found


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--pipe", default="pipe", help="the binary")
    p.add_argument("--workspace", type=pathlib.Path, required=True, help="folder in which the pipelines run")
    p.add_argument("--seeds", type=int, nargs="+", default=[7, 8, 9])
    p.add_argument("--split-seed", type=int, help="split with this seed, whatever the others are")
    p.add_argument("--no-keras", dest="keras", action="store_false", help="leave the slow contestant out")
    p.add_argument("--out", type=pathlib.Path, help="write all figures here, as JSON")
    args = p.parse_args()
    found = measure(args)
    print("\n| | mean | least to most |\n|---|---|---|")
    for name, all_ in sorted(found.items(), key=lambda kv: -statistics.mean(kv[1])):
        print(f"| {name} | {100 * statistics.mean(all_):.2f} % | {100 * min(all_):.2f} to {100 * max(all_):.2f} |")
    if args.out:
        args.out.write_text(json.dumps({"seeds": args.seeds, "accuracy": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
