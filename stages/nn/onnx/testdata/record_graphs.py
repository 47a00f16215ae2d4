"""Records small networks of other programs' making as ONNX files, each with an input and what onnxruntime gives for it.

    python3 -m venv venv && venv/bin/pip install torch transformers onnx onnxscript onnxruntime
    venv/bin/python stages/nn/onnx/testdata/record_graphs.py FOLDER
"""

import pathlib
import sys
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn
from transformers import BertConfig, BertModel, GPT2Config, GPT2LMHeadModel

warnings.filterwarnings("ignore")
torch.manual_seed(0)


class Text(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        return self.model(input_ids=input_ids, attention_mask=attention_mask, return_dict=True)[0]


class Ids(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        return self.model(input_ids=input_ids, attention_mask=attention_mask, use_cache=False, return_dict=True).logits


class Inverted(nn.Module):
    """A block of MobileNetV3: pointwise, depthwise, squeeze and excitation, pointwise."""

    def __init__(self, c, wide, act):
        super().__init__()
        self.up = nn.Sequential(nn.Conv2d(c, wide, 1, bias=False), nn.BatchNorm2d(wide), act(),
                                nn.Conv2d(wide, wide, 3, padding=1, groups=wide, bias=False), nn.BatchNorm2d(wide), act())
        self.squeeze = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(wide, 4, 1), nn.ReLU(), nn.Conv2d(4, wide, 1), nn.Hardsigmoid())
        self.down = nn.Sequential(nn.Conv2d(wide, c, 1, bias=False), nn.BatchNorm2d(c))

    def forward(self, x):
        y = self.up(x)
        return x + self.down(y * self.squeeze(y))


class Pictures(nn.Module):
    """What MobileNetV2 and V3, EfficientNet and DenseNet are made of."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.Hardswish())
        self.blocks = nn.Sequential(Inverted(8, 16, nn.ReLU6), Inverted(8, 16, nn.Hardswish), Inverted(8, 16, nn.SiLU))
        self.dense = nn.Conv2d(8, 4, 3, padding=1)
        self.pool = nn.AvgPool2d(2, padding=1)
        self.head = nn.Linear(12, 5)

    def forward(self, x):
        x = self.blocks(self.stem(x))
        x = torch.cat([x, self.dense(torch.relu(x))], 1)
        return torch.softmax(self.head(self.pool(x).mean([2, 3])), -1)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 6)
        self.lstm = nn.LSTM(6, 5, num_layers=2, bidirectional=True, batch_first=True)
        self.gru = nn.GRU(10, 4, batch_first=True)
        self.head = nn.Linear(4, 3)

    def forward(self, ids):
        x, _ = self.lstm(self.embedding(ids))
        x, _ = self.gru(x)
        return self.head(x[:, -1])


def strip(path):
    """Leaves out what only tells where a node came from."""
    model = onnx.load(path)
    for message in [model, model.graph, *model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output]:
        message.doc_string = ""
        del message.metadata_props[:]
    del model.graph.value_info[:]
    del model.functions[:]
    onnx.save(model, path)


def main(folder):
    folder.mkdir(exist_ok=True)
    small = dict(vocab_size=13, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, max_position_embeddings=10)
    gpt = GPT2Config(vocab_size=13, n_positions=10, n_embd=8, n_layer=2, n_head=2, attn_pdrop=0, embd_pdrop=0, resid_pdrop=0)
    ids = torch.tensor([[3, 4, 5, 1, 2, 7], [5, 6, 7, 8, 0, 0]])
    cases = {
        "bert": (Text(BertModel(BertConfig(**small), add_pooling_layer=False)), (ids, (ids != 0).long()), ["input_ids", "attention_mask"]),
        "gpt2": (Ids(GPT2LMHeadModel(gpt)), (ids, (ids != 0).long()), ["input_ids", "attention_mask"]),
        "pictures": (Pictures(), (torch.randn(2, 3, 12, 10),), ["x"]),
        "recurrent": (Recurrent(), (torch.tensor([[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]),), ["ids"]),
    }
    for name, (module, args, inputs) in cases.items():
        module.eval()
        for dynamo in [False, True]:
            path = folder / f"{'dynamo' if dynamo else 'script'}_{name}.onnx"
            try:
                more = {} if dynamo else {"dynamic_axes": {n: {0: "batch"} for n in inputs}}
                if dynamo:
                    more = {"dynamic_shapes": tuple({0: torch.export.Dim("batch", min=1, max=64)} for _ in inputs), "external_data": False}
                torch.onnx.export(module, args, str(path), input_names=inputs, output_names=["y"], dynamo=dynamo, **more)
                strip(path)
                session = onnxruntime.InferenceSession(path)
                feeds = {n: a.numpy() for n, a in zip(inputs, args)}
                feeds = {n: feeds[n] for n in [i.name for i in session.get_inputs()]}
                y = session.run(None, feeds)[0]
            except Exception as e:  # the exporters of some versions lack a network
                print(path.name, "is left out:", str(e)[:300])
                path.unlink(missing_ok=True)
                continue
            x = args[0].numpy()
            if x.ndim == 4:
                x = x.transpose(0, 2, 3, 1)
            path.with_suffix(".in").write_bytes(x.astype("<i8" if x.dtype == np.int64 else "<f4").tobytes())
            path.with_suffix(".out").write_bytes(y.astype("<f4").tobytes())
            print(path.name, path.stat().st_size, y.shape)


main(pathlib.Path(sys.argv[1]))
