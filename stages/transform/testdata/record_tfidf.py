"""Records what scikit-learn makes of texts, as goldens for TFIDF.

    python -m venv /somewhere/venv
    /somewhere/venv/bin/pip install scikit-learn==1.9.1
    /somewhere/venv/bin/python record_tfidf.py > tfidf.json

The texts have words of letters only, so that both cut them at the same places.
"""

import json
import sys

from sklearn.feature_extraction.text import TfidfVectorizer

FIT = [
    "reads the next header of the archive",
    "the reader reads the header",
    "a b a b c",
    "größe größe naïve 日本語",
    "",
    "i",
]
APPLY = FIT + ["the unseen reader of the unseen", "nothing shared", "   "]

CASES = [
    dict(word_ngrams=[1, 1], sublinear_tf=False),
    dict(word_ngrams=[1, 2], sublinear_tf=True),
    dict(word_ngrams=[2, 3], sublinear_tf=True),
    dict(char_ngrams=[1, 1], sublinear_tf=True),
    dict(char_ngrams=[2, 4], sublinear_tf=False),
    dict(char_ngrams=[3, 5], sublinear_tf=True, min_df=2),
]

cases = []
for case in CASES:
    words = "word_ngrams" in case
    vectorizer = TfidfVectorizer(
        analyzer="word" if words else "char_wb",
        ngram_range=tuple(case["word_ngrams" if words else "char_ngrams"]),
        token_pattern=r"\S+" if words else None,
        sublinear_tf=case["sublinear_tf"],
        min_df=case.get("min_df", 1),
    ).fit(FIT)
    names = vectorizer.get_feature_names_out()
    rows = []
    for row in vectorizer.transform(APPLY):
        rows.append({str(names[i]): float(w) for i, w in zip(row.indices, row.data)})
    cases.append(dict(config=case, features=len(names), rows=rows))

json.dump(dict(fit=FIT, apply=APPLY, cases=cases), sys.stdout, ensure_ascii=False, indent=1)
