-- When pipelines run by themselves. A removed schedule keeps its row, because
-- its fires are history.
CREATE TABLE schedules (
    id       INTEGER PRIMARY KEY,
    name     TEXT    NOT NULL UNIQUE,
    pipeline TEXT    NOT NULL,
    file     TEXT    NOT NULL,
    folder   TEXT    NOT NULL DEFAULT '', -- the watched folder that it came from
    spec     TEXT    NOT NULL,            -- JSON
    created  INTEGER NOT NULL,
    updated  INTEGER NOT NULL,
    paused   INTEGER NOT NULL DEFAULT 0,
    reason   TEXT    NOT NULL DEFAULT '', -- why it is paused
    cursor   INTEGER NOT NULL,            -- every fire time up to here has been seen to
    memory   TEXT    NOT NULL DEFAULT '', -- what its trigger remembers (JSON)
    problem  TEXT    NOT NULL DEFAULT '', -- what is wrong with its file now
    failing  INTEGER NOT NULL DEFAULT 0,  -- somebody was told of a failure, and not yet of recovery
    removed  INTEGER NOT NULL DEFAULT 0
) STRICT;

-- A fire time that has come, with the one run that it gives. The unique key is
-- what makes it one: token is empty for times, and tells apart what may happen
-- more than once at a time.
CREATE TABLE fires (
    id         INTEGER PRIMARY KEY,
    schedule   INTEGER NOT NULL REFERENCES schedules (id),
    at         INTEGER NOT NULL,
    token      TEXT    NOT NULL DEFAULT '',
    cause      TEXT    NOT NULL,
    why        TEXT    NOT NULL DEFAULT '',
    due        INTEGER NOT NULL,
    begins     INTEGER NOT NULL, -- the interval that the run is about
    ends       INTEGER NOT NULL,
    params     TEXT    NOT NULL DEFAULT '', -- JSON; beside those of the schedule
    priority   INTEGER NOT NULL DEFAULT 0,
    state      TEXT    NOT NULL,
    attempt    INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER NOT NULL DEFAULT 0,
    run        TEXT    NOT NULL DEFAULT '',
    fence      INTEGER NOT NULL DEFAULT 0, -- the lease under which it was started
    started    INTEGER,
    ended      INTEGER,
    late       INTEGER NOT NULL DEFAULT 0,
    cancel     INTEGER NOT NULL DEFAULT 0,
    error      TEXT    NOT NULL DEFAULT '',
    UNIQUE (schedule, at, token)
) STRICT;

CREATE INDEX fires_open ON fires (state) WHERE state IN ('queued', 'running');
CREATE INDEX fires_by_run ON fires (run) WHERE run <> '';
CREATE INDEX fires_by_time ON fires (at);
CREATE INDEX fires_by_due ON fires (due);

-- Who leads. The token grows with each new holder and goes with every write of
-- the holder, so that one that has lost the lease can write no more.
CREATE TABLE leases (
    name    TEXT    PRIMARY KEY NOT NULL,
    token   INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    pid     INTEGER NOT NULL,
    born    TEXT    NOT NULL,
    boot    TEXT    NOT NULL,
    host    TEXT    NOT NULL
) STRICT;

-- Counts what others than the leader change, which it looks at.
CREATE TABLE schedule_changes (id INTEGER PRIMARY KEY CHECK (id = 1), n INTEGER NOT NULL) STRICT;
INSERT INTO schedule_changes (id, n) VALUES (1, 0);
