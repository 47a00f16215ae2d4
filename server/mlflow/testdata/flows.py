"""What a user of MLflow does, by MLflow's own client, against the server that
MLFLOW_TRACKING_URI names. Prints one line for each flow and fails if one did."""
import os
import sys
import tempfile
import traceback

os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")

import mlflow  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402

client = MlflowClient()
MODEL = {"name": "model"} if int(mlflow.__version__.split(".")[0]) >= 3 else {"artifact_path": "model"}


def raises(call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except MlflowException as e:
        return e
    raise AssertionError(f"{call.__name__} did not fail")


def experiments():
    e = mlflow.set_experiment("flows")
    assert mlflow.set_experiment("flows").experiment_id == e.experiment_id
    client.set_experiment_tag(e.experiment_id, "team", "a")
    assert mlflow.get_experiment_by_name("flows").tags == {"team": "a"}
    assert mlflow.get_experiment_by_name("nothing") is None
    other = mlflow.create_experiment("other", tags={"k": "v"})
    assert raises(mlflow.create_experiment, "other").error_code == "RESOURCE_ALREADY_EXISTS"
    names = [x.name for x in client.search_experiments(filter_string="name LIKE 'o%'", order_by=["name ASC"])]
    assert names == ["other"], names
    assert [x.name for x in client.search_experiments(filter_string="tags.k = 'v'")] == ["other"]
    client.rename_experiment(other, "another")
    client.delete_experiment(other)
    assert client.get_experiment(other).lifecycle_stage == "deleted"
    client.restore_experiment(other)
    assert client.get_experiment(other).name == "another"
    first = client.search_experiments(max_results=1, order_by=["name ASC"])
    second = client.search_experiments(max_results=1, order_by=["name ASC"], page_token=first.token)
    assert first[0].name < second[0].name


def runs():
    with mlflow.start_run(run_name="parent", description="text") as parent:
        mlflow.log_param("lr", 0.1)
        mlflow.log_params({"depth": 3, "name": "ü"})
        mlflow.log_metric("loss", 1.5, step=0)
        mlflow.log_metrics({"loss": 0.5, "acc": 0.9}, step=1)
        mlflow.set_tags({"a": "b", "c": "d"})
        mlflow.delete_tag("c")
        with mlflow.start_run(nested=True, run_name="child") as child:
            mlflow.log_metric("loss", float("nan"))
            mlflow.log_metric("big", float("inf"))
        assert raises(mlflow.log_param, "lr", 0.2).error_code == "INVALID_PARAMETER_VALUE"
    got = mlflow.get_run(parent.info.run_id)
    assert got.info.status == "FINISHED" and got.info.end_time >= got.info.start_time
    assert got.data.params == {"lr": "0.1", "depth": "3", "name": "ü"}, got.data.params
    assert got.data.metrics == {"loss": 0.5, "acc": 0.9}
    assert got.data.tags["a"] == "b" and "c" not in got.data.tags and got.data.tags["mlflow.note.content"] == "text"
    history = client.get_metric_history(parent.info.run_id, "loss")
    assert [(m.step, m.value) for m in history] == [(0, 1.5), (1, 0.5)]
    children = mlflow.search_runs(filter_string=f"tags.mlflow.parentRunId = '{parent.info.run_id}'")
    assert list(children.run_id) == [child.info.run_id]
    value = mlflow.get_run(child.info.run_id).data.metrics["loss"]
    assert value != value
    try:
        with mlflow.start_run() as failed:
            raise ValueError
    except ValueError:
        pass
    assert mlflow.get_run(failed.info.run_id).info.status == "FAILED"
    client.delete_run(failed.info.run_id)
    assert client.get_run(failed.info.run_id).info.lifecycle_stage == "deleted"
    client.restore_run(failed.info.run_id)
    client.update_run(failed.info.run_id, status="KILLED", name="renamed")
    assert client.get_run(failed.info.run_id).info.run_name == "renamed"
    client.set_terminated(failed.info.run_id, "FINISHED")
    assert raises(client.get_run, "0" * 32).error_code == "RESOURCE_DOES_NOT_EXIST"


def asynchronous():
    with mlflow.start_run() as run:
        for i in range(50):
            mlflow.log_metric("m", i, step=i, synchronous=False)
        mlflow.log_params({f"p{i}": i for i in range(20)}, synchronous=False)
        mlflow.flush_async_logging()
    assert len(client.get_metric_history(run.info.run_id, "m")) == 50
    assert len(client.get_run(run.info.run_id).data.params) == 20


def batches():
    from mlflow.entities import Metric, Param, RunTag

    run = client.create_run("0")
    client.log_batch(run.info.run_id, metrics=[Metric("m", i, 1000 + i, i) for i in range(1000)])
    client.log_batch(run.info.run_id, params=[Param(f"p{i}", str(i)) for i in range(100)], tags=[RunTag("t", "v")])
    assert len(client.get_metric_history(run.info.run_id, "m")) == 1000
    got = client.get_run(run.info.run_id)
    assert got.data.metrics["m"] == 999 and len(got.data.params) == 100


def artifacts():
    import numpy as np
    import pandas as pd

    with mlflow.start_run() as run, tempfile.TemporaryDirectory() as tmp:
        path = os.path.join(tmp, "a b ü.txt")
        with open(path, "w") as f:
            f.write("hello")
        mlflow.log_artifact(path)
        mlflow.log_artifacts(tmp, "folder/sub")
        mlflow.log_text("text", "notes.txt")
        mlflow.log_dict({"k": [1]}, "d/config.json")
        mlflow.log_image(np.zeros((4, 4, 3), dtype=np.uint8), "picture.png")
        mlflow.log_table({"x": [1, 2], "y": ["a", "b"]}, "table.json")
        try:
            import matplotlib.pyplot as plt

            fig, ax = plt.subplots()
            ax.plot([1, 2])
            mlflow.log_figure(fig, "figure.png")
        except ImportError:
            pass
    names = {f.path for f in client.list_artifacts(run.info.run_id)}
    assert {"a b ü.txt", "folder", "notes.txt", "d", "picture.png", "table.json"} <= names, names
    assert [f.path for f in client.list_artifacts(run.info.run_id, "folder/sub")] == ["folder/sub/a b ü.txt"]
    uri = f"runs:/{run.info.run_id}"
    assert mlflow.artifacts.load_text(uri + "/notes.txt") == "text"
    assert mlflow.artifacts.load_dict(uri + "/d/config.json") == {"k": [1]}
    assert mlflow.artifacts.load_image(uri + "/picture.png").size == (4, 4)
    assert len(mlflow.load_table("table.json", run_ids=[run.info.run_id])) == 2
    with tempfile.TemporaryDirectory() as tmp:
        there = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="folder", dst_path=tmp)
        with open(os.path.join(there, "sub", "a b ü.txt")) as f:
            assert f.read() == "hello"
    raises(mlflow.artifacts.download_artifacts, run_id=run.info.run_id, artifact_path="none")
    assert pd.DataFrame is not None


def inputs():
    import pandas as pd

    frame = pd.DataFrame({"x": [1.0, 2.0], "y": [0, 1]})
    with mlflow.start_run() as run:
        mlflow.log_input(mlflow.data.from_pandas(frame, name="frame", targets="y"), context="training")
    got = mlflow.get_run(run.info.run_id).inputs.dataset_inputs
    assert got[0].dataset.name == "frame" and got[0].tags[0].value == "training"
    found = mlflow.search_runs(search_all_experiments=True, filter_string="dataset.name = 'frame' and datasets.context = 'training'")
    assert run.info.run_id in set(found.run_id)


def searches():
    e = mlflow.set_experiment("searches").experiment_id
    for i in range(12):
        with mlflow.start_run(run_name=f"run {i}"):
            mlflow.log_metric("m", i)
            mlflow.log_param("p", i % 3)
            mlflow.set_tag("a b", "x" if i % 2 else "y")
    frame = mlflow.search_runs([e], "metrics.m >= 4 and params.p = '1'", order_by=["metrics.m DESC"])
    assert list(frame["metrics.m"]) == [10, 7, 4], frame
    assert len(mlflow.search_runs([e], "tags.`a b` = 'x' and attributes.run_name LIKE 'run %'")) == 6
    assert len(mlflow.search_runs([e], "attributes.status IN ('FINISHED') and metrics.m != 3")) == 11
    page = client.search_runs([e], max_results=5, order_by=["metrics.m ASC"])
    rest = client.search_runs([e], max_results=50, order_by=["metrics.m ASC"], page_token=page.token)
    assert [r.data.metrics["m"] for r in page + rest] == list(range(12)) and not rest.token
    assert raises(client.search_runs, [e], "metrics.m > 'x'").error_code == "INVALID_PARAMETER_VALUE"
    mlflow.set_experiment("flows")


def models():
    from sklearn.linear_model import LogisticRegression

    x, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
    for _ in range(2):
        with mlflow.start_run() as run:
            info = mlflow.sklearn.log_model(LogisticRegression().fit(x, y), registered_model_name="m", input_example=x, **MODEL)
    assert mlflow.pyfunc.load_model(info.model_uri).predict([[3.0]])[0] == 1
    client.set_registered_model_alias("m", "champion", 2)
    for uri in ["models:/m@champion", "models:/m/1", "models:/m/latest", f"runs:/{run.info.run_id}/model"]:
        assert mlflow.sklearn.load_model(uri).predict([[3.0]])[0] == 1, uri
    assert client.get_model_version_by_alias("m", "champion").version in (2, "2")
    client.delete_registered_model_alias("m", "champion")
    raises(mlflow.sklearn.load_model, "models:/m@champion")
    v = mlflow.register_model(info.model_uri, "m", tags={"k": "v"})
    assert int(v.version) == 3 and client.get_model_version("m", "3").tags["k"] == "v"
    v = mlflow.register_model(f"runs:/{run.info.run_id}/model", "other model")
    assert mlflow.sklearn.load_model("models:/other model/1").predict([[0.0]])[0] == 0
    client.transition_model_version_stage("m", "1", "Production")
    client.transition_model_version_stage("m", "2", "Production", archive_existing_versions=True)
    assert client.get_model_version("m", "1").current_stage == "Archived"
    assert mlflow.sklearn.load_model("models:/m/Production") is not None
    assert [int(x.version) for x in client.get_latest_versions("m", ["Production"])] == [2]
    client.update_model_version("m", "1", "text")
    client.set_model_version_tag("m", "1", "a", "b")
    client.delete_model_version_tag("m", "1", "a")
    client.set_registered_model_tag("m", "a", "b")
    client.update_registered_model("m", "description")
    got = client.get_registered_model("m")
    assert got.description == "description" and got.tags == {"a": "b"}
    assert {m.name for m in client.search_registered_models("name ILIKE 'M%'")} == {"m"}
    assert len(client.search_model_versions("name = 'm'", max_results=2)) == 2
    assert len(client.search_model_versions(f"run_id = '{run.info.run_id}'")) == 3
    client.rename_registered_model("m", "renamed")
    client.delete_model_version("renamed", "1")
    assert raises(client.get_model_version, "renamed", "1").error_code == "RESOURCE_DOES_NOT_EXIST"
    client.delete_registered_model("renamed")
    raises(client.get_registered_model, "renamed")


def logged_models():
    if not hasattr(mlflow, "initialize_logged_model"):
        return  # MLflow 2 has none
    from mlflow.entities import LoggedModelStatus

    model = mlflow.initialize_logged_model(name="lm", params={"a": "1"}, tags={"t": "u"})
    mlflow.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
    with mlflow.start_run():
        mlflow.log_metric("score", 0.7, model_id=model.model_id)
    got = mlflow.get_logged_model(model.model_id)
    assert got.status == LoggedModelStatus.READY and got.params == {"a": "1"} and got.metrics[0].value == 0.7
    mlflow.set_logged_model_tags(model.model_id, {"x": "y"})
    mlflow.delete_logged_model_tag(model.model_id, "t")
    assert mlflow.get_logged_model(model.model_id).tags["x"] == "y"
    found = mlflow.search_logged_models(filter_string="name = 'lm' and metrics.score > 0.5", output_format="list")
    assert [m.model_id for m in found] == [model.model_id]
    client.delete_logged_model(model.model_id)
    raises(mlflow.get_logged_model, model.model_id)


def autolog():
    from sklearn.ensemble import RandomForestClassifier

    mlflow.sklearn.autolog(silent=True)
    try:
        with mlflow.start_run() as run:
            RandomForestClassifier(n_estimators=3, random_state=0).fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
    finally:
        mlflow.sklearn.autolog(disable=True)
    got = mlflow.get_run(run.info.run_id)
    assert got.data.params["n_estimators"] == "3" and "training_accuracy_score" in got.data.metrics
    assert mlflow.sklearn.load_model(f"runs:/{run.info.run_id}/model").predict([[3.0]])[0] == 1


def system_metrics():
    try:
        import psutil  # noqa: F401
    except ImportError:
        return
    import time

    mlflow.set_system_metrics_sampling_interval(0.2)
    mlflow.set_system_metrics_samples_before_logging(1)
    with mlflow.start_run(log_system_metrics=True) as run:
        time.sleep(1.5)
    assert any(k.startswith("system/") for k in mlflow.get_run(run.info.run_id).data.metrics)


def tracing():
    if "name" not in MODEL:
        return  # MLflow 2's tracing does not work with today's OpenTelemetry

    @mlflow.trace
    def f(x):
        return x + 1

    mlflow.set_experiment("flows")
    assert f(1) == 2
    mlflow.flush_trace_async_logging() if hasattr(mlflow, "flush_trace_async_logging") else None
    assert len(mlflow.search_traces()) >= 1
    assert len(mlflow.search_traces(filter_string="attributes.status = 'OK'")) >= 1
    assert len(mlflow.search_traces(filter_string="attributes.status = 'ERROR'")) == 0


FLOWS = [experiments, runs, asynchronous, batches, artifacts, inputs, searches, models, logged_models, autolog, system_metrics, tracing]

if __name__ == "__main__":
    wanted = sys.argv[1:]
    failed = 0
    for flow in FLOWS:
        if wanted and flow.__name__ not in wanted:
            continue
        try:
            if flow is not experiments:
                mlflow.set_experiment("flows")
            flow()
            print("ok", flow.__name__, flush=True)
        except Exception:
            failed += 1
            print("FAILED", flow.__name__, flush=True)
            traceback.print_exc()
            while mlflow.active_run():
                mlflow.end_run()
    sys.exit(1 if failed else 0)
