-- Addresses that are told of changes to models by the MLflow API. The secret is
-- what requests are signed with, so it has to be known as it is.
CREATE TABLE webhooks (
    id          TEXT    PRIMARY KEY NOT NULL,
    name        TEXT    NOT NULL,
    description TEXT    NOT NULL DEFAULT '',
    url         TEXT    NOT NULL,
    events      TEXT    NOT NULL, -- JSON: ["registered_model.created", …]
    secret      TEXT    NOT NULL DEFAULT '',
    disabled    INTEGER NOT NULL DEFAULT 0,
    created     INTEGER NOT NULL,
    updated     INTEGER NOT NULL
) STRICT;
