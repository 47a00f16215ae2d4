"""Runs pipelines and reads what they made: the tables of the split, the metrics.

A workspace keeps tables under the digest of their bytes; `pipe runs show --json`
names the digests of each stage's outputs.
"""

import datetime
import json
import pathlib
import subprocess
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet


@dataclass
class Part:
    """The rows of one part of a split."""

    texts: list[str]
    labels: list[str]


class Run:
    """One finished run of a pipeline in a workspace."""

    def __init__(self, pipe: str, workspace: pathlib.Path, events: list[dict]):
        self.workspace, self.events = workspace, events
        shown = subprocess.run(
            [pipe, "-C", str(workspace), "runs", "show", events[0]["run"], "--json"],
            check=True, capture_output=True, text=True)
        self.record = json.loads(shown.stdout)

    def output(self, stage: str, port: str = "out") -> pathlib.Path:
        """The file of a stage's output."""
        for s in self.record["stages"]:
            if s["name"] == stage:
                digest = s["outputs"][port]["digest"]
                return self.workspace / ".pipe" / "objects" / digest[:2] / digest[2:]
        raise KeyError(f"the run has no stage {stage!r}")

    def part(self, name: str, text: str = "text", label: str = "label") -> Part:
        """One part of the split: train, validation or test."""
        table = read_table(self.output("split", name))
        return Part(table[text].to_pylist(), [str(v) for v in table[label].to_pylist()])

    def metric(self, key: str) -> float:
        """The last value of a metric, such as evaluate.accuracy."""
        found = [m for m in self.record["metrics"] if m["key"] == key]
        if not found:
            raise KeyError(f"the run has no metric {key!r}")
        return max(found, key=lambda m: m["step"])["value"]

    def epoch_seconds(self) -> list[float]:
        """Seconds from the end of one epoch of the stage train, with its
        validation, to that of the next; none if the run found it in the store."""
        ends = [datetime.datetime.fromisoformat(m["time"])
                for e in self.events if e["type"] == "stage.metric" and e.get("stage") == "train"
                for m in e["metrics"] if m["name"] == "loss"]
        return [(b - a).total_seconds() for a, b in zip(ends, ends[1:])]


def read_table(path: pathlib.Path) -> pa.Table:
    """Reads an Arrow IPC or a Parquet file, whichever it is."""
    with open(path, "rb") as f:
        if f.read(4) == b"PAR1":
            return pyarrow.parquet.read_table(path)
    return pa.ipc.open_file(path).read_all()


def run(pipe: str, pipeline: pathlib.Path, workspace: pathlib.Path, *flags: str, **params) -> Run:
    """Runs a pipeline with parameters and gives the run. What an earlier run made
    is taken from the workspace, but for stages with the flag --force=STAGE."""
    workspace.mkdir(parents=True, exist_ok=True)
    settings = [a for k, v in params.items() for a in ("-p", f"{k}={v}")]
    done = subprocess.run(
        [pipe, "-C", str(workspace), "run", str(pipeline.resolve()), "--json", *flags, *settings],
        capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"pipe run {pipeline} failed:\n{done.stdout}{done.stderr}")
    return Run(pipe, workspace, [json.loads(line) for line in done.stdout.splitlines()])
