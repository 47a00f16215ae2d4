"""Copies the runs of a pipe registry into a fresh MLflow database, so that both
pages show the same: seed_mlflow.py registry.db mlflow.db"""

import sqlite3
import sys

from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

source, target = sys.argv[1:]
store = SqlAlchemyStore("sqlite:///" + target, "./artifacts")
experiment = store.create_experiment("search")
store.engine.dispose()

pipe, flow = sqlite3.connect(source), sqlite3.connect(target)
ids = {}
for seq, run, name, user, status, started, ended in pipe.execute("SELECT seq, id, name, user, status, started, ended FROM runs"):
    ids[seq] = run
    flow.execute(
        "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, end_time, source_version, lifecycle_stage, artifact_uri, experiment_id)"
        " VALUES (?, ?, 'LOCAL', '', '', ?, ?, ?, ?, '', 'active', ?, ?)",
        (run, name, user, status, started, ended, f"mlflow-artifacts:/{experiment}/{run}/artifacts", experiment),
    )
    flow.execute("INSERT INTO tags (key, value, run_uuid) VALUES ('mlflow.runName', ?, ?)", (name, run))
for seq, key, value in pipe.execute("SELECT run, key, value FROM params"):
    flow.execute("INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)", (key, value, ids[seq]))
for seq, key, value in pipe.execute("SELECT run, key, value FROM tags"):
    flow.execute("INSERT OR IGNORE INTO tags (key, value, run_uuid) VALUES (?, ?, ?)", (key, value, ids[seq]))
for seq, key, step, time, value, nan in pipe.execute("SELECT run, key, step, time, value, nan FROM series"):
    flow.execute("INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES (?, ?, ?, ?, ?, ?)", (key, value, time, step, nan, ids[seq]))
for seq, key, step, time, value, nan in pipe.execute("SELECT s.run, s.key, p.step, p.time, p.value, p.nan FROM points p JOIN series s ON s.id = p.series"):
    flow.execute("INSERT OR IGNORE INTO metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES (?, ?, ?, ?, ?, ?)", (key, value, time, step, nan, ids[seq]))
flow.commit()
