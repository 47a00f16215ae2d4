"""Records what scikit-learn computes for made-up predictions.

    pip install scikit-learn
    python record_sklearn.py > sklearn.json
"""

import json
import sys
import warnings

import numpy as np
import sklearn
from sklearn import metrics as m

warnings.filterwarnings("ignore")
rng = np.random.default_rng(7)


def probabilities(rows, classes, truth, skill, digits=None):
    logits = rng.normal(size=(rows, classes))
    logits[np.arange(rows), truth] += skill
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    if digits is not None:  # ties
        p = np.round(p, digits)
    return p.astype(np.float32)


def classification(name, classes, labels, p):
    truth = np.array(labels)
    predicted = np.array([classes[k] for k in p.argmax(axis=1)])
    want = {"accuracy": m.accuracy_score(truth, predicted)}
    for average in ("macro", "weighted"):
        precision, recall, f1, _ = m.precision_recall_fscore_support(truth, predicted, average=average, zero_division=0)
        want |= {f"precision_{average}": precision, f"recall_{average}": recall, f"f1_{average}": f1}
    precision, recall, f1, support = m.precision_recall_fscore_support(truth, predicted, labels=classes, zero_division=0)
    per_class = [
        {"label": c, "precision": precision[k], "recall": recall[k], "f1": f1[k], "support": int(support[k])}
        for k, c in enumerate(classes)
    ]
    auc, ap = [], []
    for k, c in enumerate(classes):
        one = truth == c
        if one.any() and not one.all():
            per_class[k]["roc_auc"] = m.roc_auc_score(one, p[:, k])
            per_class[k]["average_precision"] = m.average_precision_score(one, p[:, k])
            auc.append(per_class[k]["roc_auc"])
            ap.append(per_class[k]["average_precision"])
    known = np.isin(truth, classes)
    if len(classes) > 5:
        top = m.top_k_accuracy_score(truth[known], p[known], k=5, labels=classes)
        want["top_5_accuracy"] = top * known.mean()
    if len(classes) == 2:
        k = per_class[1]
        want |= {"precision": k["precision"], "recall": k["recall"], "f1": k["f1"]}
        if "roc_auc" in k:
            want |= {"roc_auc": k["roc_auc"], "average_precision": k["average_precision"]}
    elif auc:
        want |= {"roc_auc": np.mean(auc), "average_precision": np.mean(ap)}
        if known.all() and len(set(labels)) == len(classes) and np.allclose(p.sum(axis=1), 1, atol=1e-6):
            want["roc_auc"] = m.roc_auc_score(truth, p, multi_class="ovr", average="macro", labels=classes)
            want["average_precision"] = m.average_precision_score(truth, p, average="macro")
    if known.all():
        want["log_loss"] = m.log_loss(truth, p, labels=classes)
    return {
        "name": name,
        "classes": classes,
        "truth": labels,
        "probabilities": [[float(str(x)) for x in row] for row in p],
        "metrics": want,
        "per_class": per_class,
        "confusion": m.confusion_matrix(truth[known], predicted[known], labels=classes).tolist() if known.any() else None,
    }


def drawn(name, classes, rows, skill, only=None, digits=None, weights=None):
    among = np.arange(len(classes)) if only is None else np.array(only)
    truth = rng.choice(among, size=rows, p=weights)
    p = probabilities(rows, len(classes), truth, skill, digits)
    return classification(name, classes, [classes[k] for k in truth], p)


def with_unknown(name, classes, rows, unknown):
    truth = rng.integers(len(classes), size=rows)
    p = probabilities(rows, len(classes), truth, 1.5)
    labels = [classes[k] for k in truth]
    for i, label in unknown:
        labels[i] = label
    return classification(name, classes, labels, p)


def certain(name, classes, truth, predicted):
    p = np.zeros((len(truth), len(classes)), dtype=np.float32)
    p[np.arange(len(truth)), predicted] = 1
    return classification(name, classes, [classes[k] for k in truth], p)


def regression(name, truth, predicted):
    want = {
        "mse": m.mean_squared_error(truth, predicted),
        "rmse": m.root_mean_squared_error(truth, predicted),
        "mae": m.mean_absolute_error(truth, predicted),
    }
    if len(truth) > 1:
        want["r2"] = m.r2_score(truth, predicted)
    return {"name": name, "truth": list(map(float, truth)), "predicted": list(map(float, predicted)), "metrics": want}


two, three = ["ham", "spam"], ["café", "naïve", "été"]
nine = [f"class {k}" for k in range(9)]
x = rng.normal(size=50) * 3 + 100
json.dump(
    {
        "sklearn": sklearn.__version__,
        "classification": [
            drawn("two classes", two, 60, 1.0),
            drawn("two classes, many ties", two, 60, 0.8, digits=1),
            drawn("two classes, one is rare", two, 80, 0.5, weights=[0.95, 0.05]),
            drawn("two classes, one in the data", two, 20, 0.5, only=[0]),
            drawn("three classes", three, 50, 1.0),
            drawn("three classes, many ties", three, 50, 1.0, digits=1),
            drawn("nine classes", nine, 120, 1.2),
            drawn("nine classes, guessed", nine, 120, 0.0),
            drawn("nine classes, three in the data", nine, 40, 4.0, only=[1, 4, 7]),
            drawn("one row", three, 1, 3.0),
            certain("all right and certain", three, [0, 1, 2, 0, 1], [0, 1, 2, 0, 1]),
            certain("all wrong and certain", three, [0, 1, 2, 0, 1], [1, 2, 0, 2, 0]),
            certain("one class never occurs", three, [0, 1, 0, 1], [0, 0, 0, 1]),
            with_unknown("unknown labels", three, 40, [(0, "new"), (5, "new"), (17, "other"), (39, "a")]),
            with_unknown("unknown label in two classes", two, 30, [(3, "eggs")]),
            with_unknown("nothing but unknown labels", two, 3, [(0, "x"), (1, "y"), (2, "x")]),
        ],
        "regression": [
            regression("drawn", x, x + rng.normal(size=50)),
            regression("worse than the mean", x, 200 - x),
            regression("perfect", x, x),
            regression("constant truth", np.full(5, 3.0), np.array([3.0, 3, 3, 3, 4])),
            regression("constant truth, perfect", np.full(5, 3.0), np.full(5, 3.0)),
            regression("one row", np.array([2.0]), np.array([2.5])),
        ],
    },
    sys.stdout,
    ensure_ascii=False,
)
print()
