-- A deployment answers under a name with the version that its target points to:
-- an alias as "@champion" or a number as "/3". What else it does (batching,
-- limits, canary) is the policy, JSON that the server reads.
CREATE TABLE deployments (
    name    TEXT    NOT NULL PRIMARY KEY,
    model   INTEGER NOT NULL REFERENCES models (id) ON DELETE CASCADE,
    target  TEXT    NOT NULL,
    policy  TEXT    NOT NULL DEFAULT '{}',
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
