"""Writes the iris data that comes with scikit-learn as a table."""

import json
import os

from sklearn.datasets import load_iris

with open(os.environ["PIPE_MANIFEST"]) as f:
    manifest = json.load(f)

iris = load_iris(as_frame=True)
flowers = iris.data.rename(columns=lambda name: name.removesuffix(" (cm)").replace(" ", "_"))
flowers["species"] = iris.target.map(dict(enumerate(map(str, iris.target_names)))).astype("object")
flowers.to_parquet(manifest["outputs"]["flowers"]["path"], index=False)
