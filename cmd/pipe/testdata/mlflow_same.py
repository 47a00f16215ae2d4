"""Looks whether all that mlflow_team.py made is at MLFLOW_TRACKING_URI."""
import math
import sys

import mlflow

client = mlflow.MlflowClient()
e = client.get_experiment_by_name("old team")
runs = client.search_runs([e.experiment_id], order_by=["attributes.start_time ASC"])
assert [r.data.params["p"] for r in runs] == ["0", "1"], runs
assert len(client.search_runs([e.experiment_id], run_view_type=2)) == 1
assert runs[1].data.metrics["m"] == 9 and math.isnan(runs[1].data.metrics["nan"])
assert [m.value for m in client.get_metric_history(runs[1].info.run_id, "m")] == list(range(10))
assert runs[0].inputs.dataset_inputs[0].dataset.name == "d" and runs[0].inputs.dataset_inputs[0].tags[0].value == "training"
assert runs[0].info.status == "FINISHED" and runs[0].info.run_name == "r0"
version = client.get_model_version_by_alias("reg", "champion")
assert version.tags == {"a": "b"} and version.run_id == runs[1].info.run_id
assert sorted(int(v.version) for v in client.search_model_versions("name='reg'")) == [2, 3]
assert [m.params for m in mlflow.search_logged_models([e.experiment_id], filter_string="name = 'lm'", output_format="list")] == [{"a": "1"}]
if "files" in sys.argv:
    assert mlflow.artifacts.load_text(f"runs:/{runs[0].info.run_id}/notes/a.txt") == "hello"
