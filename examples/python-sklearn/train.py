"""Trains a random forest on the table train and measures it on the table test."""

import json
import os

import joblib
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score, log_loss

with open(os.environ["PIPE_MANIFEST"]) as f:
    manifest = json.load(f)
params, outputs = manifest["params"], manifest["outputs"]
train, test = (pd.read_parquet(manifest["inputs"][name][0]["path"]) for name in ("train", "test"))
target = params["target"]
columns = [c for c in train.columns if c != target]

# Everything random comes from the pipeline's seed: equal inputs give equal trees.
forest = RandomForestClassifier(n_estimators=params["trees"], random_state=manifest["seed"] % 2**32)
forest.fit(train[columns], train[target])
probabilities = forest.predict_proba(test[columns])
accuracy = accuracy_score(test[target], forest.predict(test[columns]))
loss = log_loss(test[target], probabilities, labels=forest.classes_)

# A printed line is a metric of the run; the file is what later stages see.
print("metric accuracy", accuracy)
print("metric log_loss", loss)
with open(outputs["metrics"]["path"], "w") as f:
    json.dump({"accuracy": accuracy, "log_loss": loss}, f)

joblib.dump(forest, os.path.join(outputs["model"]["path"], "model.joblib"))
importances = pd.DataFrame({"column": columns, "importance": forest.feature_importances_})
importances.to_parquet(outputs["importances"]["path"], index=False)
