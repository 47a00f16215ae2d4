"""What counting gives where a language model learns: unigrams to n-grams with interpolated Kneser-Ney smoothing (Chen and Goodman
1998), on the very tokens that a pipeline's lm.train and lm.evaluate see.

    pip install tokenizers
    pipe run pipelines/textgen.yaml
    python3 benchmarks/textgen/ngrams.py --pipe pipe --transform tokens --separator end
    pipe run pipelines/textgen-lstm.yaml
    python3 benchmarks/textgen/ngrams.py --pipe pipe --transform words --separator none

It reads what the last run left in the folder: the parts of the split, and the tokenizer. Every order is printed with its loss in nats a token and its
perplexity. Unlike the network's, an n-gram's past never ends at a window.
"""
import argparse
import json
import math
import pathlib
import subprocess
import tempfile
from collections import Counter, defaultdict

from tokenizers import Tokenizer


class KneserNey:
    """Absolute discounting of the counts, D = n1 / (n1 + 2·n2), and below the highest order of the numbers of different
    tokens before; what is left goes to the next lower order, and at last to all tokens alike. An n-gram is one number."""

    def __init__(self, tokens, order, vocabulary):
        self.order, self.vocabulary = order, vocabulary
        self.levels = []
        counts = Counter(self.grams(tokens, order))
        for n in range(order, 0, -1):
            self.levels.append(self.level(counts))
            counts = Counter(gram % vocabulary ** (n - 1) for gram in counts)  # each with a different first token
        self.levels.reverse()

    def grams(self, tokens, n):
        gram, most = 0, self.vocabulary ** n
        for at, token in enumerate(tokens):
            gram = (gram * self.vocabulary + token) % most
            if at >= n - 1:
                yield gram

    def level(self, counts):
        frequency = Counter(counts.values())
        discount = frequency[1] / max(frequency[1] + 2 * frequency[2], 1)
        totals, kinds = defaultdict(int), defaultdict(int)
        for gram, count in counts.items():
            totals[gram // self.vocabulary] += count
            kinds[gram // self.vocabulary] += 1
        return counts, totals, kinds, discount

    def probability(self, gram):
        p = 1 / self.vocabulary
        for n, (counts, totals, kinds, discount) in enumerate(self.levels, 1):
            part = gram % self.vocabulary ** n
            total = totals.get(part // self.vocabulary)
            if total:
                p = (max(counts.get(part, 0) - discount, 0) + discount * kinds[part // self.vocabulary] * p) / total
        return p

    def loss(self, tokens):
        grams = list(self.grams(tokens, self.order))
        return -sum(math.log(self.probability(g)) for g in grams) / len(grams)


def stream(o, part, tokenizer, ends):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "rows.jsonl"
        subprocess.run([o.pipe, "artifacts", "export", f"split.{part}", path], check=True, stdout=subprocess.DEVNULL)
        texts = [json.loads(line)["text"] for line in path.open()]
    between = {"end": ends[:1], "newline": tokenizer.encode("\n").ids, "none": []}[o.separator]
    tokens = []
    for text in texts:
        tokens += tokenizer.encode(text, add_special_tokens=False).ids + between
    return tokens


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--pipe", default="pipe")
    p.add_argument("--transform", required=True, help="the stage that has the tokenizer")
    p.add_argument("--separator", choices=["end", "newline", "none"], default="end", help="as in lm.train")
    p.add_argument("--orders", type=int, nargs="+", default=[1, 2, 3, 5])
    o = p.parse_args()
    file = subprocess.run([o.pipe, "artifacts", "cat", f"{o.transform}.out", "tokenizer.json"], check=True, stdout=subprocess.PIPE, text=True).stdout
    tokenizer = Tokenizer.from_str(file)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    ends = [t["id"] for t in json.loads(file)["added_tokens"] if t["special"]]
    train = stream(o, "train", tokenizer, ends)
    test = stream(o, "validation", tokenizer, ends)
    print(f"{len(train)} tokens counted, {len(test)} measured, {tokenizer.get_vocab_size()} different")
    for order in o.orders:
        loss = KneserNey(train, order, tokenizer.get_vocab_size()).loss(test)
        print(f"{order}-gram: loss {loss:.4f}, perplexity {math.exp(loss):.1f}")


if __name__ == "__main__":
    main()
