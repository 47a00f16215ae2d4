# Writes rouge.json: what rouge-score says of summaries, and NLTK's stemmer of words.
#
#   pip install rouge-score==0.1.2 && python3 record_rouge.py
#
# With a file of JSON lines {"summary", "references"} as argument it prints the scores of those instead.
import json
import random
import sys

from nltk.stem.porter import PorterStemmer
from rouge_score import rouge_scorer

names = ["rouge1", "rouge2", "rougeL"]
scorers = {stem: rouge_scorer.RougeScorer(names, use_stemmer=stem) for stem in (False, True)}


def scores(summary, references):
    out = {}
    for stem, scorer in scorers.items():
        got = scorer.score_multi(references, summary)
        out["stemmed" if stem else "plain"] = [got[n].fmeasure for n in names]
    return out


if len(sys.argv) > 1:
    for line in open(sys.argv[1]):
        case = json.loads(line)
        print(json.dumps(scores(case["summary"], case["references"])))
    sys.exit()

rng = random.Random(7)
words = """the a of models learning relations relational conditionally hopping hoped agreed feed plastered bled motoring sing conflated troubled sized falling hissing fizzed failing
filing happy sky dying lying flies dies news innings rational valenci hesitanci digitizer conformabli radicalli differentli vileli analogousli vietnamization predication operator feudalism
decisiveness hopefulness callousness formaliti sensitiviti sensibiliti triplicate formative formalize electriciti electrical hopeful goodness revival allowance inference airliner gyroscopic
adjustable defensible irritant replacement adjustment dependent adoption homologou communism activate angulariti homologous effective bowdlerize probate rate cease controll roll enjoy by say
employed dried spied archaeologi geologi fully physically generalization oscillators yes yield eyeing iron lion onion state-of-the-art GPU 3.5 100k İstanbul naïve Straße KELVIN don't""".split()
ends = ["", "s", "es", "ies", "ed", "ied", "eed", "ing", "y", "ly", "ally", "ation", "ational", "izer", "fulness", "ness", "ment", "ement", "ion", "tion", "able", "logy", "e", "ll", "ative", "ical"]
letters = "aeioubcdfghlmnprsty"
stems = sorted({w.lower() for w in words if w.isascii() and w.isalpha()} | {"".join(rng.choice(letters) for _ in range(rng.randint(1, 6))) + rng.choice(ends) for _ in range(1500)})
cases = []
for n in range(120):
    text = lambda: " ".join(rng.choice(words) + rng.choice(["", "", "", ".", ",", "\n"]) for _ in range(rng.randint(0, 18)))
    summary, references = text(), [text() for _ in range(rng.randint(1, 4))]
    if n % 3 == 0:
        references[0] = summary + " " + references[0]
    cases.append({"summary": summary, "references": references, **scores(summary, references)})
stem = PorterStemmer()
with open("rouge.json", "w") as f:
    json.dump({"cases": cases, "stems": {w: stem.stem(w) for w in stems}}, f, ensure_ascii=False, indent=0)
    f.write("\n")
