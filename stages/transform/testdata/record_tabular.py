"""Records what scikit-learn makes of a small table, as goldens for Tabular.

    python -m venv /somewhere/venv
    /somewhere/venv/bin/pip install scikit-learn==1.9.1
    /somewhere/venv/bin/python record_tabular.py > tabular.json
"""

import json
import sys

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

AGE = [41.0, None, 7.0, 20.0, 20.0, 63.5]
PLAN = ["plus", "basic", None, "plus", "pro", "basic"]
LATER = [(100.0, "plus"), (None, None), (-3.25, "unseen")]


def array(values):
    return np.array([[np.nan if v is None else v] for v in values], dtype=float)


def texts(values):
    return np.array([[v] for v in values], dtype=object)


cases = []
for strategy in ["mean", "median", "most_frequent"]:
    for method, scaler in [("standard", StandardScaler()), ("min_max", MinMaxScaler())]:
        numbers = make_pipeline(SimpleImputer(strategy=strategy), scaler).fit(array(AGE))
        categories = make_pipeline(
            SimpleImputer(strategy="most_frequent", missing_values=None),
            OneHotEncoder(handle_unknown="ignore", sparse_output=False),
        ).fit(texts(PLAN))
        rows = np.hstack([
            numbers.transform(array(AGE + [a for a, _ in LATER])),
            categories.transform(texts(PLAN + [p for _, p in LATER])),
        ])
        cases.append(dict(strategy=strategy, method=method, rows=rows.tolist()))

json.dump(dict(age=AGE + [a for a, _ in LATER], plan=PLAN + [p for _, p in LATER], fit=len(AGE), cases=cases), sys.stdout, indent=1)
