"""Trains the network of pipelines/pictures.yaml in pipe and in PyTorch: the same pictures, steps, schedule and augmentation.

    python3 -m venv venv && venv/bin/pip install torch numpy pillow
    go build -o pipe ./cmd/pipe
    venv/bin/python benchmarks/pictures/compare.py --pipe ./pipe --data cifar10 --epochs 20

DATA has train/LABEL/*.jpg and test/LABEL/*.jpg. Reading and decoding do not count in PyTorch's seconds, and do in pipe's.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch
from PIL import Image
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "nn"))
from torch_networks import small_resnet  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MEAN, STD = torch.tensor([0.491, 0.482, 0.447]).view(1, 3, 1, 1), torch.tensor([0.247, 0.243, 0.262]).view(1, 3, 1, 1)
BATCH, RATE, WARM = 128, 0.1, 0.2


def read(folder):
    labels = sorted(p.name for p in folder.iterdir())
    pixels, targets = [], []
    for i, label in enumerate(labels):
        for path in sorted((folder / label).iterdir()):
            pixels.append(np.asarray(Image.open(path).convert("RGB")))
            targets.append(i)
    return torch.tensor(np.stack(pixels)).permute(0, 3, 1, 2).contiguous(), torch.tensor(targets)


def changed(x, generator):
    """Each picture is moved by up to four pixels each way and mirrored or not."""
    padded = nn.functional.pad(x, (4, 4, 4, 4))
    n, side = len(x), x.shape[2]
    at = torch.randint(9, (n, 2), generator=generator)
    rows = at[:, :1] + torch.arange(side)
    columns = at[:, 1:] + torch.arange(side)
    columns = torch.where(torch.rand(n, 1, generator=generator) < 0.5, columns, columns.flip(1))
    moved = padded[torch.arange(n).view(n, 1, 1, 1), torch.arange(3).view(1, 3, 1, 1), rows.view(n, 1, side, 1), columns.view(n, 1, 1, side)]
    return moved


def normalised(x):
    return ((x.float() / 255 - MEAN) / STD).to(memory_format=torch.channels_last)


def pytorch(data, epochs, seed):
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    x, y = read(data / "train")
    tests, answers = read(data / "test")
    kept = torch.randperm(len(x), generator=generator)[: len(x) * 24 // 25]  # as many as pipe learns from
    x, y = x[kept], y[kept]
    model = small_resnet(len(set(y.tolist()))).to(memory_format=torch.channels_last)
    for m in model.modules():
        if isinstance(m, nn.Conv2d):
            nn.init.kaiming_normal_(m.weight)
        elif isinstance(m, nn.BatchNorm2d):
            m.momentum = 0.05
    steps = -(-len(x) // BATCH) * epochs
    warm = round(WARM * steps)
    optimizer = torch.optim.SGD(model.parameters(), RATE, momentum=0.9, nesterov=True, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: (s + 1) / warm if s < warm else 1 - (s - warm) / (steps - warm))
    loss = nn.CrossEntropyLoss(label_smoothing=0.1)
    begin, cpu = time.time(), time.process_time()
    for _ in range(epochs):
        for rows in torch.randperm(len(x), generator=generator).split(BATCH):
            optimizer.zero_grad(set_to_none=True)
            loss(model(normalised(changed(x[rows], generator))), y[rows]).backward()
            optimizer.step()
            schedule.step()
    seconds, cpu = time.time() - begin, time.process_time() - cpu
    model.eval()
    with torch.inference_mode():
        right = sum((model(normalised(tests[i:i + 500])).argmax(1) == answers[i:i + 500]).sum().item() for i in range(0, len(tests), 500))
    return right / len(tests), seconds, cpu


def pipe(program, data, epochs, seed, workspace):
    text = (ROOT / "pipelines" / "pictures.yaml").read_text().replace("seed: 1", f"seed: {seed}")
    (workspace / "pictures.yaml").write_text(text)
    command = [program, "run", "pictures.yaml", "--json", "-p", f"train={data / 'train'}", "-p", f"test={data / 'test'}", "-p", f"epochs={epochs}"]
    begin, metrics = time.time(), {}
    run = subprocess.run(command, cwd=workspace, check=True, stdout=subprocess.PIPE, text=True)
    for line in run.stdout.splitlines():
        event = json.loads(line)
        for m in event.get("metrics") or []:
            metrics[event.get("stage", "") + "." + m["name"]] = m["value"]
    return metrics["evaluate.accuracy"], time.time() - begin


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--pipe", required=True, type=lambda v: str(pathlib.Path(v).resolve()))
    p.add_argument("--data", required=True, type=lambda v: pathlib.Path(v).resolve())
    p.add_argument("--epochs", type=int, default=20)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--only", choices=["pipe", "pytorch"])
    o = p.parse_args()
    print("| | test accuracy | seconds | processor s |\n|---|---|---|---|")
    if o.only != "pytorch":
        with tempfile.TemporaryDirectory() as folder:
            accuracy, seconds = pipe(o.pipe, o.data, o.epochs, o.seed, pathlib.Path(folder))
        print(f"| pipe | {accuracy:.2%} | {seconds:.0f} | |", flush=True)
    if o.only != "pipe":
        accuracy, seconds, cpu = pytorch(o.data, o.epochs, o.seed)
        print(f"| PyTorch {torch.__version__} | {accuracy:.2%} | {seconds:.0f} | {cpu:.0f} |", flush=True)


if __name__ == "__main__":
    main()
