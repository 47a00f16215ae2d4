-- Times are milliseconds since 1970 UTC. A NaN metric is value 0 with nan 1:
-- SQLite would store it as NULL, which a primary key cannot hold.

CREATE TABLE experiments (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    name              TEXT    NOT NULL UNIQUE,
    artifact_location TEXT    NOT NULL DEFAULT '',
    deleted           INTEGER NOT NULL DEFAULT 0,
    created           INTEGER NOT NULL,
    updated           INTEGER NOT NULL
) STRICT;

CREATE TABLE experiment_tags (
    experiment INTEGER NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    key        TEXT    NOT NULL,
    value      TEXT    NOT NULL,
    PRIMARY KEY (experiment, key)
) STRICT, WITHOUT ROWID;

-- The text of a pipeline, once per content.
CREATE TABLE pipelines (
    digest TEXT NOT NULL PRIMARY KEY,
    text   TEXT NOT NULL
) STRICT;

CREATE TABLE runs (
    seq             INTEGER PRIMARY KEY,
    id              TEXT    NOT NULL UNIQUE,
    experiment      INTEGER NOT NULL REFERENCES experiments (id),
    name            TEXT    NOT NULL,
    user            TEXT    NOT NULL DEFAULT '',
    status          TEXT    NOT NULL,
    started         INTEGER NOT NULL,
    ended           INTEGER,
    deleted         INTEGER NOT NULL DEFAULT 0,
    deleted_at      INTEGER, -- NULL for a run that was hidden together with its experiment
    artifact_uri    TEXT    NOT NULL DEFAULT '',
    error           TEXT    NOT NULL DEFAULT '',
    pipeline        TEXT    NOT NULL DEFAULT '',
    pipeline_digest TEXT    REFERENCES pipelines (digest),
    git_commit      TEXT    NOT NULL DEFAULT '',
    git_branch      TEXT    NOT NULL DEFAULT '',
    git_dirty       INTEGER NOT NULL DEFAULT 0,
    host            TEXT    NOT NULL DEFAULT ''
) STRICT;

-- The default order of a list is newest first, so a page is a range of these.
CREATE INDEX runs_by_start ON runs (experiment, deleted, started DESC, id);
CREATE INDEX runs_by_time  ON runs (deleted, started DESC, id);
CREATE INDEX runs_by_pipeline ON runs (pipeline, seq) WHERE pipeline <> '';

-- The process that executes a run, to notice its death.
CREATE TABLE processes (
    run       INTEGER PRIMARY KEY REFERENCES runs (seq) ON DELETE CASCADE,
    pid       INTEGER NOT NULL,
    born      TEXT    NOT NULL,
    boot      TEXT    NOT NULL,
    host      TEXT    NOT NULL,
    heartbeat INTEGER NOT NULL
) STRICT;

-- The experiment is repeated in params, tags and series, where a run can never
-- leave it, so that an index can serve "the best of this experiment" by itself.
CREATE TABLE params (
    run        INTEGER NOT NULL REFERENCES runs (seq) ON DELETE CASCADE,
    key        TEXT    NOT NULL,
    value      TEXT    NOT NULL,
    experiment INTEGER NOT NULL,
    PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX params_by_value ON params (experiment, key, value) WHERE length(value) <= 250;

CREATE TABLE tags (
    run        INTEGER NOT NULL REFERENCES runs (seq) ON DELETE CASCADE,
    key        TEXT    NOT NULL,
    value      TEXT    NOT NULL,
    experiment INTEGER NOT NULL,
    PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX tags_by_value ON tags (experiment, key, value) WHERE length(value) <= 250;

-- A metric of a run, with its latest point by (step, time, value).
CREATE TABLE series (
    id         INTEGER PRIMARY KEY,
    run        INTEGER NOT NULL REFERENCES runs (seq) ON DELETE CASCADE,
    key        TEXT    NOT NULL,
    experiment INTEGER NOT NULL,
    step       INTEGER NOT NULL,
    time       INTEGER NOT NULL,
    value      REAL    NOT NULL,
    nan        INTEGER NOT NULL,
    UNIQUE (run, key)
) STRICT;

CREATE INDEX series_by_value ON series (experiment, key, nan, value, run);

-- No foreign key: its check would be a third of the cost of the hottest insert.
-- A series is only ever deleted together with its points.
CREATE TABLE points (
    series INTEGER NOT NULL,
    time   INTEGER NOT NULL,
    step   INTEGER NOT NULL,
    value  REAL    NOT NULL,
    nan    INTEGER NOT NULL,
    PRIMARY KEY (series, time, step, value, nan)
) STRICT, WITHOUT ROWID;

CREATE TABLE datasets (
    id          INTEGER PRIMARY KEY,
    experiment  INTEGER NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    name        TEXT    NOT NULL,
    digest      TEXT    NOT NULL,
    source_type TEXT    NOT NULL,
    source      TEXT    NOT NULL,
    schema      TEXT    NOT NULL DEFAULT '',
    profile     TEXT    NOT NULL DEFAULT '',
    UNIQUE (experiment, name, digest)
) STRICT;

CREATE TABLE inputs (
    run     INTEGER NOT NULL REFERENCES runs (seq) ON DELETE CASCADE,
    dataset INTEGER NOT NULL REFERENCES datasets (id),
    PRIMARY KEY (run, dataset)
) STRICT, WITHOUT ROWID;

CREATE INDEX inputs_by_dataset ON inputs (dataset);

CREATE TABLE input_tags (
    run     INTEGER NOT NULL,
    dataset INTEGER NOT NULL,
    key     TEXT    NOT NULL,
    value   TEXT    NOT NULL,
    PRIMARY KEY (run, dataset, key),
    FOREIGN KEY (run, dataset) REFERENCES inputs (run, dataset) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Lineage. A work is what a stage did: equal kind, key and artifacts on its
-- ports are one work, however many runs found it in the cache.
CREATE TABLE artifacts (
    id     INTEGER PRIMARY KEY,
    digest TEXT    NOT NULL,
    type   TEXT    NOT NULL,
    format TEXT    NOT NULL DEFAULT '',
    size   INTEGER NOT NULL,
    rows   INTEGER NOT NULL DEFAULT 0,
    UNIQUE (digest, type, format)
) STRICT;

CREATE TABLE works (
    id       INTEGER PRIMARY KEY,
    identity BLOB    NOT NULL UNIQUE, -- hash of all that follows and of the work's ports and externals
    kind     TEXT    NOT NULL,
    key      TEXT    NOT NULL
) STRICT;

CREATE TABLE ports (
    work     INTEGER NOT NULL REFERENCES works (id) ON DELETE CASCADE,
    output   INTEGER NOT NULL, -- 0: the work read it; 1: the work made it
    port     TEXT    NOT NULL,
    artifact INTEGER NOT NULL REFERENCES artifacts (id),
    PRIMARY KEY (work, output, port)
) STRICT, WITHOUT ROWID;

CREATE INDEX ports_by_artifact ON ports (artifact, output);

-- Files outside the store that a work read.
CREATE TABLE externals (
    work   INTEGER NOT NULL REFERENCES works (id) ON DELETE CASCADE,
    path   TEXT    NOT NULL,
    digest TEXT    NOT NULL,
    size   INTEGER NOT NULL,
    PRIMARY KEY (work, path)
) STRICT, WITHOUT ROWID;

CREATE INDEX externals_by_digest ON externals (digest);

CREATE TABLE stages (
    id       INTEGER PRIMARY KEY,
    run      INTEGER NOT NULL REFERENCES runs (seq) ON DELETE CASCADE,
    name     TEXT    NOT NULL,
    work     INTEGER NOT NULL REFERENCES works (id),
    state    TEXT    NOT NULL,
    started  INTEGER,
    finished INTEGER,
    error    TEXT    NOT NULL DEFAULT '',
    UNIQUE (run, name)
) STRICT;

CREATE INDEX stages_by_work ON stages (work);

CREATE TABLE models (
    id           INTEGER PRIMARY KEY,
    name         TEXT    NOT NULL UNIQUE,
    description  TEXT    NOT NULL DEFAULT '',
    created      INTEGER NOT NULL,
    updated      INTEGER NOT NULL,
    next_version INTEGER NOT NULL DEFAULT 1 -- a deleted version's number is never given again
) STRICT;

CREATE TABLE model_tags (
    model INTEGER NOT NULL REFERENCES models (id) ON DELETE CASCADE,
    key   TEXT    NOT NULL,
    value TEXT    NOT NULL,
    PRIMARY KEY (model, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE versions (
    id          INTEGER PRIMARY KEY,
    model       INTEGER NOT NULL REFERENCES models (id) ON DELETE CASCADE,
    version     INTEGER NOT NULL,
    artifact    INTEGER REFERENCES artifacts (id),
    status      TEXT    NOT NULL DEFAULT 'READY',
    stage       TEXT    NOT NULL DEFAULT 'None',
    source      TEXT    NOT NULL DEFAULT '',
    storage_uri TEXT    NOT NULL DEFAULT '',
    run_id      TEXT    NOT NULL DEFAULT '',
    run_link    TEXT    NOT NULL DEFAULT '',
    model_id    TEXT    NOT NULL DEFAULT '',
    user        TEXT    NOT NULL DEFAULT '',
    description TEXT    NOT NULL DEFAULT '',
    signature   TEXT    NOT NULL DEFAULT '',
    created     INTEGER NOT NULL,
    updated     INTEGER NOT NULL,
    UNIQUE (model, version),
    UNIQUE (model, artifact)
) STRICT;

CREATE INDEX versions_by_run      ON versions (run_id);
CREATE INDEX versions_by_artifact ON versions (artifact);

CREATE TABLE version_tags (
    version INTEGER NOT NULL REFERENCES versions (id) ON DELETE CASCADE,
    key     TEXT    NOT NULL,
    value   TEXT    NOT NULL,
    PRIMARY KEY (version, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE version_metrics (
    version INTEGER NOT NULL REFERENCES versions (id) ON DELETE CASCADE,
    key     TEXT    NOT NULL,
    value   REAL    NOT NULL,
    nan     INTEGER NOT NULL,
    PRIMARY KEY (version, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE aliases (
    model   INTEGER NOT NULL REFERENCES models (id) ON DELETE CASCADE,
    alias   TEXT    NOT NULL,
    version INTEGER NOT NULL REFERENCES versions (id) ON DELETE CASCADE,
    PRIMARY KEY (model, alias)
) STRICT, WITHOUT ROWID;

CREATE INDEX aliases_by_version ON aliases (version);

CREATE TABLE audit (
    id      INTEGER PRIMARY KEY,
    time    INTEGER NOT NULL,
    who     TEXT    NOT NULL,
    why     TEXT    NOT NULL,
    run_id  TEXT    NOT NULL,
    action  TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    before  TEXT    NOT NULL,
    after   TEXT    NOT NULL
) STRICT;

CREATE INDEX audit_by_subject ON audit (subject, id);

-- MLflow's clients log to experiment 0 unless told otherwise.
INSERT INTO experiments (id, name, artifact_location, created, updated)
VALUES (0, 'Default', 'mlflow-artifacts:/0', 0, 0);
