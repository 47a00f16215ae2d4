"""Records what Keras makes of texts, as goldens for the Vectorizer.

    python -m venv /somewhere/venv
    /somewhere/venv/bin/pip install keras-preprocessing==1.1.2 numpy==1.26.4
    /somewhere/venv/bin/python record_keras.py > keras.json

keras-preprocessing is where Keras 2 keeps Tokenizer and pad_sequences.
"""

import json

from keras_preprocessing.sequence import pad_sequences
from keras_preprocessing.text import Tokenizer

TEXTS = [
    "The cat sat on the mat. The mat was flat!",
    "the dog (a hound) chased THE cat; the cat ran...",
    "",
    "   ",
    "!!! ??? ---",
    "don't can't won't — it's 50% off @ the store_now",
    "tabs\tand\nnewlines\r\nand\u00a0no-break\u3000spaces",
    "Straße ΟΔΟΣ ΟΔΟΣ. İstanbul ǅ ﬀ ẞ",
    "naïve café naïve café",
    "日本語 テキスト 日本語",
    "emoji 😀😀 😀 👩‍👩‍👧",
    "one two three four five six seven eight nine ten eleven twelve",
    "twelve eleven ten nine eight seven six five four three two one zero",
    "a a a b b c",
]
SEEN_LATER = TEXTS + [
    "unseen words only here",
    "the unseen cat sat where the unseen dog was",
    "ΑΣ ΑΣΑ Σ ΣΑΣ a\u03a3 \u03a3.a a.\u03a3 a\u0301\u03a3",
]

CASES = [
    dict(num_words=0, maxlen=8),
    dict(num_words=10, maxlen=8),
    dict(num_words=10, maxlen=8, oov_token="<OOV>"),
    dict(num_words=2, maxlen=3),
    dict(num_words=3, maxlen=3, oov_token="<OOV>"),
    dict(num_words=0, maxlen=5, padding="post", truncating="post"),
    dict(num_words=20, maxlen=5, padding="post", truncating="pre", oov_token="UNK!"),
    dict(num_words=20, maxlen=5, padding="pre", truncating="post"),
    dict(num_words=0, maxlen=1),
    dict(num_words=0, maxlen=40, lower=False),
    dict(num_words=0, maxlen=12, filters=""),
    dict(num_words=0, maxlen=12, filters="aeiouå—日"),
    dict(num_words=0, maxlen=30, level="char"),
    dict(num_words=12, maxlen=30, level="char", oov_token="<OOV>"),
    dict(num_words=0, maxlen=30, level="char", lower=False, padding="post"),
    dict(num_words=0, maxlen=0),
]


def record(case):
    keywords = dict(lower=case.get("lower", True), char_level=case.get("level") == "char", oov_token=case.get("oov_token"))
    if "filters" in case:
        keywords["filters"] = case["filters"]
    t = Tokenizer(num_words=case["num_words"] or None, **keywords)
    t.fit_on_texts(TEXTS)
    maxlen = case["maxlen"] or max(len(s) for s in t.texts_to_sequences(TEXTS))
    ids = pad_sequences(
        t.texts_to_sequences(SEEN_LATER),
        maxlen=maxlen,
        padding=case.get("padding", "pre"),
        truncating=case.get("truncating", "pre"),
    )
    limit = case["num_words"] or len(t.word_index) + 1
    words = [w for w, i in sorted(t.word_index.items(), key=lambda wi: wi[1]) if i < limit]
    return dict(config=case, maxlen=maxlen, words=words, ids=ids.tolist())


golden = dict(recorded_with="keras-preprocessing 1.1.2", fit=TEXTS, apply=SEEN_LATER, cases=[record(c) for c in CASES])
print(json.dumps(golden, ensure_ascii=False).replace('{"config"', '\n{"config"'))
