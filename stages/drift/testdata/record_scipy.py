"""Prints what scipy says of the drift of pairs of samples; scipy_test.go reads them from stdin."""
import json
import sys

import numpy as np
from scipy import special, stats
from scipy.spatial.distance import jensenshannon

out = []
for case in json.load(sys.stdin):
    a, b = np.array(case["a"]), np.array(case["b"])
    ks = stats.ks_2samp(a, b, method="exact" if max(len(a), len(b)) <= 10000 else "asymp")
    p = ks.pvalue
    if max(len(a), len(b)) > 10000 and len(a) != len(b):
        p = special.kolmogorov(ks.statistic * np.sqrt(len(a) * len(b) / (len(a) + len(b))))
    edges = np.unique(np.quantile(a, np.linspace(0, 1, 11)[1:-1]))
    bins = np.concatenate([[-np.inf], edges, [np.inf]])
    p_, q_ = np.histogram(a, bins)[0], np.histogram(b, bins)[0]
    keep = (p_ + q_) > 0
    ps, qs = p_[keep] / len(a), q_[keep] / len(b)
    chi = stats.chi2_contingency(np.array([p_[keep], q_[keep]]), correction=False) if keep.sum() > 1 else None
    ps1, qs1 = np.where(ps == 0, 1e-4, ps), np.where(qs == 0, 1e-4, qs)
    out.append({
        "d": float(ks.statistic),
        "p": float(p),
        "wasserstein": float(stats.wasserstein_distance(a, b)),
        "reference": [float(x) for x in p_],
        "current": [float(x) for x in q_],
        "js": float(jensenshannon(ps, qs, base=2)),
        "psi": float(np.sum((qs1 - ps1) * np.log(qs1 / ps1))),
        "chi2": float(chi[0]) if chi else -1,
        "chi2_p": float(chi[1]) if chi else -1,
    })
json.dump(out, sys.stdout)
