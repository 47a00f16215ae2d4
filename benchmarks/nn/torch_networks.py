"""The networks of networks.go in PyTorch, eager, as most people run it: torch_networks.py NETWORK THREADS."""
import sys

import torch
from torch import nn
from torch.nn import functional as F

import meter

torch.manual_seed(1)


def train(model, x, target, loss, optimizer):
    def step():
        optimizer.zero_grad(set_to_none=True)
        loss(model(x), target).backward()
        optimizer.step()
    return step


def answer(model, x):
    model.eval()

    def step():
        with torch.inference_mode():
            model(x)
    return step


def adam(model):
    return torch.optim.Adam(model.parameters(), fused=True)


class Last(nn.Module):
    """The last state of a recurrent layer."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x)[0][:, -1]


class All(nn.Module):
    """All states of a recurrent layer."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x)[0]


def lstm(tokens=None):
    model = nn.Sequential(nn.Embedding(10000, 128), Last(nn.LSTM(128, 128, batch_first=True)), nn.Linear(128, 10))
    x = torch.randint(10000, (32, 100)) if tokens is None else torch.tensor(tokens).view(32, 100)
    return train(model, x, torch.randint(10, (32,)), nn.CrossEntropyLoss(), adam(model))


def simple_rnn():
    model = nn.Sequential(nn.Embedding(1000, 128), Last(nn.RNN(128, 128, batch_first=True)), nn.Linear(128, 1))
    target = torch.randint(2, (32, 1)).float()
    return train(model, torch.randint(1000, (32, 100)), target, nn.BCEWithLogitsLoss(), adam(model))


def language_model():
    model = nn.Sequential(nn.Embedding(10000, 256), All(nn.LSTM(256, 512, 2, batch_first=True)), nn.Linear(512, 10000))
    target = torch.randint(10000, (64 * 20,))

    def loss(y, target):
        return F.cross_entropy(y.flatten(0, 1), target)
    return train(model, torch.randint(10000, (64, 20)), target, loss, adam(model))


def cnn():
    model = nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
                          nn.Flatten(), nn.Linear(1600, 128), nn.ReLU(), nn.Linear(128, 10))
    return train(model, torch.rand(64, 1, 28, 28), torch.randint(10, (64,)), nn.CrossEntropyLoss(), adam(model))


def normalised(before, after, pool=False):
    """A convolution, what makes it smaller, and a normalisation."""
    steps = [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.MaxPool2d(2) if pool else nn.Identity(), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
    return nn.Sequential(*steps)


class Around(nn.Module):
    """The sum of the input and what layers make of it."""

    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.layers(x)


def small_resnet(classes=10):
    """The network of pipelines/pictures.yaml."""
    return nn.Sequential(
        normalised(3, 16), normalised(16, 32, pool=True), Around(normalised(32, 32), normalised(32, 32)), normalised(32, 64, pool=True),
        normalised(64, 128, pool=True), Around(normalised(128, 128), normalised(128, 128)), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(128, classes))


def resnet_cifar():
    model = small_resnet().to(memory_format=torch.channels_last)
    x = torch.rand(128, 3, 32, 32).to(memory_format=torch.channels_last)
    return train(model, x, torch.randint(10, (128,)), nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), 0.01))


class Block(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.up, self.down = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, x):
        batch, time, dim = x.shape
        q, k, v = (t.view(batch, time, self.heads, -1).transpose(1, 2) for t in self.qkv(self.norm1(x)).split(dim, 2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(batch, time, dim))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class GPT(nn.Module):
    def __init__(self, vocab=65, time=64, layers=4, heads=4, dim=128):
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocab, dim), nn.Embedding(time, dim)
        self.blocks = nn.Sequential(*[Block(dim, heads) for _ in range(layers)], nn.LayerNorm(dim))
        self.head = nn.Linear(dim, vocab, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, x):
        return self.head(self.blocks(self.tokens(x) + self.places.weight[:x.shape[1]]))


def gpt():
    model = GPT()

    def loss(y, target):
        return F.cross_entropy(y.flatten(0, 1), target)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    return train(model, torch.randint(65, (12, 64)), torch.randint(65, (12 * 64,)), loss, optimizer)


class Basic(nn.Module):
    def __init__(self, before, after, stride):
        super().__init__()
        self.main = nn.Sequential(nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True),
                                  nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after))
        self.around = nn.Identity()
        if stride > 1:
            self.around = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, x):
        return F.relu(self.main(x) + self.around(x), inplace=True)


def resnet18(channels_last=True):
    model = nn.Sequential(
        nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1),
        Basic(64, 64, 1), Basic(64, 64, 1), Basic(64, 128, 2), Basic(128, 128, 1), Basic(128, 256, 2), Basic(256, 256, 1),
        Basic(256, 512, 2), Basic(512, 512, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000))
    x = torch.rand(1, 3, 224, 224)
    if channels_last:
        model, x = model.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    return answer(model, x)


class Small(nn.Module):
    """A block of the ResNets for pictures of 32×32: around it, every second place and new channels of zeros."""

    def __init__(self, before, after, stride):
        super().__init__()
        self.stride, self.new = stride, after - before
        self.main = nn.Sequential(nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True),
                                  nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after))

    def forward(self, x):
        around = x[:, :, ::self.stride, ::self.stride]
        if self.new:
            around = F.pad(around, (0, 0, 0, 0, self.new // 2, self.new // 2))
        return F.relu(self.main(x) + around, inplace=True)


def resnet20(channels_last=True):
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True),
        *[Small(16, 16, 1) for _ in range(3)], Small(16, 32, 2), Small(32, 32, 1), Small(32, 32, 1),
        Small(32, 64, 2), Small(64, 64, 1), Small(64, 64, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
    x = torch.rand(128, 3, 32, 32)
    if channels_last:
        model, x = model.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    return train(model, x, torch.randint(10, (128,)), nn.CrossEntropyLoss(), adam(model))


class Sentences(nn.Module):
    def __init__(self):
        super().__init__()
        from transformers import BertConfig, BertModel
        self.bert = BertModel(BertConfig(vocab_size=30522, hidden_size=384, num_hidden_layers=6, num_attention_heads=12,
                                         intermediate_size=1536), add_pooling_layer=False)

    def forward(self, x):
        return F.normalize(self.bert(input_ids=x).last_hidden_state.mean(1), dim=-1)


def minilm(batch=1):
    return answer(Sentences(), torch.randint(1, 30522, (batch, 32)))


NETWORKS = {
    "lstm": lstm, "lstm_text": lambda: lstm(meter.tokens()), "simple_rnn": simple_rnn, "language_model": language_model, "cnn": cnn, "resnet_cifar": resnet_cifar, "gpt": gpt,
    "resnet18": resnet18, "resnet20": resnet20, "minilm": minilm, "minilm_32": lambda: minilm(32),
}

if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[2]))
    meter.serve(NETWORKS[sys.argv[1]]())
