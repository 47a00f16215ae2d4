"""Records what sacrebleu makes of translations, for TestBLEUEqualsSacrebleu.

    pip install sacrebleu==2.6.0
    python stages/score/testdata/record_sacrebleu.py > stages/score/testdata/sacrebleu.json
"""

import json
import random

import sacrebleu

WORDS = ["the", "cat", "sat", "on", "a", "mat,", "3.5", "don't", "\"yes\"", "Åsa", "10-12", "&amp;", "x.y", "U.S.", "(well)", "end.", "1,000", "why?", "日本"]


def sentence(rng, low=1, high=12):
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(low, high)))


def changed(rng, text):
    words = text.split()
    for _ in range(rng.randint(0, 3)):
        words[rng.randrange(len(words))] = rng.choice(WORDS)
    return " ".join(words[: rng.randint(1, len(words))])


def cases():
    rng = random.Random(7)
    for n in [1, 1, 1, 2, 5, 20, 60]:
        for references in [1, 3]:
            reference = [[sentence(rng) for _ in range(references)] for _ in range(n)]
            yield [changed(rng, rng.choice(r)) for r in reference], reference
    yield ["the cat"], [["the cat"]]
    yield [""], [["the cat"]]
    yield ["nothing alike at all"], [["the cat sat on"]]
    yield ["the dog runs over there"], [["the cat sat on a mat"]]


out = []
for translations, references in cases():
    streams = list(map(list, zip(*references)))
    out.append({"translations": translations, "references": references, "bleu": sacrebleu.corpus_bleu(translations, streams).score})
print(json.dumps({"sacrebleu": sacrebleu.__version__, "cases": out}, ensure_ascii=False, indent=1))
