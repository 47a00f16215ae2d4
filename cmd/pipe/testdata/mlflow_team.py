"""Makes what a team might have in MLflow, at MLFLOW_TRACKING_URI."""
import mlflow
import pandas as pd

client = mlflow.MlflowClient()
mlflow.set_experiment("old team")
for i in range(3):
    with mlflow.start_run(run_name=f"r{i}") as run:
        mlflow.log_param("p", i)
        mlflow.set_tag("k", "v")
        for step in range(10):
            mlflow.log_metric("m", step * i, step=step)
        mlflow.log_metric("nan", float("nan"))
        mlflow.log_input(mlflow.data.from_pandas(pd.DataFrame({"x": [1.0]}), name="d"), context="training")
        mlflow.log_text("hello", "notes/a.txt")
        client.create_registered_model("reg") if i == 0 else None
        client.create_model_version("reg", f"runs:/{run.info.run_id}/notes", run.info.run_id)
logged = mlflow.initialize_logged_model(name="lm", params={"a": "1"})
mlflow.finalize_logged_model(logged.model_id, "READY")
client.set_registered_model_alias("reg", "champion", 2)
client.delete_model_version("reg", "1")
client.set_model_version_tag("reg", "2", "a", "b")
client.delete_run(run.info.run_id)
