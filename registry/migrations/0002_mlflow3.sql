-- MLflow 3: a logged model is an entity of its own, which runs make or read.

CREATE TABLE logged_models (
    seq          INTEGER PRIMARY KEY,
    id           TEXT    NOT NULL UNIQUE,
    experiment   INTEGER NOT NULL REFERENCES experiments (id),
    name         TEXT    NOT NULL,
    type         TEXT    NOT NULL DEFAULT '',
    status       TEXT    NOT NULL,
    message      TEXT    NOT NULL DEFAULT '',
    source_run   TEXT    NOT NULL DEFAULT '',
    artifact_uri TEXT    NOT NULL,
    created      INTEGER NOT NULL,
    updated      INTEGER NOT NULL,
    deleted      INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX logged_models_by_time ON logged_models (experiment, deleted, created DESC, id);

CREATE TABLE logged_model_params (
    model INTEGER NOT NULL REFERENCES logged_models (seq) ON DELETE CASCADE,
    key   TEXT    NOT NULL,
    value TEXT    NOT NULL,
    PRIMARY KEY (model, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE logged_model_tags (
    model INTEGER NOT NULL REFERENCES logged_models (seq) ON DELETE CASCADE,
    key   TEXT    NOT NULL,
    value TEXT    NOT NULL,
    PRIMARY KEY (model, key)
) STRICT, WITHOUT ROWID;

-- The latest value of each metric that a run logged about a model.
CREATE TABLE logged_model_metrics (
    model          INTEGER NOT NULL REFERENCES logged_models (seq) ON DELETE CASCADE,
    key            TEXT    NOT NULL,
    run_id         TEXT    NOT NULL,
    dataset_name   TEXT    NOT NULL,
    dataset_digest TEXT    NOT NULL,
    step           INTEGER NOT NULL,
    time           INTEGER NOT NULL,
    value          REAL    NOT NULL,
    nan            INTEGER NOT NULL,
    PRIMARY KEY (model, key, run_id, dataset_name, dataset_digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_models (
    run    INTEGER NOT NULL REFERENCES runs (seq) ON DELETE CASCADE,
    output INTEGER NOT NULL, -- 0: the run read the model; 1: it made it
    model  TEXT    NOT NULL,
    step   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (run, output, model)
) STRICT, WITHOUT ROWID;

-- What the clients' tracing reports; info is the JSON of MLflow's TraceInfoV3
-- without tags.
CREATE TABLE traces (
    id         TEXT    PRIMARY KEY NOT NULL,
    experiment INTEGER NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    time       INTEGER NOT NULL,
    info       TEXT    NOT NULL
) STRICT;

CREATE INDEX traces_by_time ON traces (experiment, time DESC, id);

CREATE TABLE trace_tags (
    trace TEXT NOT NULL REFERENCES traces (id) ON DELETE CASCADE,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (trace, key)
) STRICT, WITHOUT ROWID;
