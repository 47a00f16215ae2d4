"""Loads the model "tickets" of pipe by MLflow's loaders, and looks at its run."""
import mlflow
import numpy as np
import onnxruntime

client = mlflow.MlflowClient()
version = client.get_model_version_by_alias("tickets", "champion")
run = mlflow.get_run(version.run_id)
assert any(k.startswith("evaluate.") for k in run.data.metrics), run.data.metrics
assert client.get_metric_history(run.info.run_id, next(iter(run.data.metrics)))
assert version.run_id in set(mlflow.search_runs(search_all_experiments=True).run_id)
info = mlflow.models.get_model_info("models:/tickets@champion")
assert set(info.flavors) == {"onnx", "python_function"}
name = info.signature.inputs.inputs[0].name
assert name == "tokens", info.signature
length = info.signature.inputs.inputs[0].shape[1]
tokens = np.ones((2, length if length > 0 else 8), dtype=np.int64)
graph = mlflow.onnx.load_model("models:/tickets@champion")
session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
want = session.run(None, {name: tokens})[0]
for uri in ["models:/tickets/1", "models:/tickets@champion", "models:/tickets/latest"]:
    got = mlflow.pyfunc.load_model(uri).predict({name: tokens})
    got = got["output"] if isinstance(got, dict) else got
    assert np.allclose(np.asarray(got), want), (got, want)
stage = [f.path for f in client.list_artifacts(run.info.run_id) if f.path == "train"][0]
folder = client.list_artifacts(run.info.run_id, stage)[0].path
assert mlflow.onnx.load_model(f"runs:/{run.info.run_id}/{folder}").SerializeToString() == graph.SerializeToString()
here = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="evaluate")
import os
assert os.listdir(here), here
