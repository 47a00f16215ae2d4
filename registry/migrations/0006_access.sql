-- Who may do what over the network. Levels are 'none', 'read', 'write' and
-- 'admin'. Passwords are argon2id in the PHC form; tokens and sessions are kept
-- as SHA-256 of what their owner holds.

CREATE TABLE users (
    id       INTEGER PRIMARY KEY AUTOINCREMENT, -- a deleted user's id is never given again
    name     TEXT    NOT NULL UNIQUE,
    password TEXT    NOT NULL DEFAULT '', -- empty: signs in by tokens only
    level    TEXT    NOT NULL CHECK (level IN ('none', 'read', 'write', 'admin')),
    created  INTEGER NOT NULL
) STRICT;

CREATE TABLE tokens (
    id      TEXT    NOT NULL PRIMARY KEY,
    user    INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    digest  BLOB    NOT NULL UNIQUE,
    level   TEXT    NOT NULL CHECK (level IN ('none', 'read', 'write', 'admin')),
    scoped  INTEGER NOT NULL, -- 1: for nothing but what it has grants for
    note    TEXT    NOT NULL DEFAULT '',
    created INTEGER NOT NULL,
    expires INTEGER -- NULL: never
) STRICT;

CREATE TABLE sessions (
    digest  BLOB    NOT NULL PRIMARY KEY,
    user    INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What a user, or one of their tokens, may do with one thing, in place of the
-- level. Things are named 'experiment' and its id, or 'model' and its name.
CREATE TABLE grants (
    user  INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token TEXT    NOT NULL DEFAULT '', -- empty: the user's own
    kind  TEXT    NOT NULL CHECK (kind IN ('experiment', 'model')),
    name  TEXT    NOT NULL,
    level TEXT    NOT NULL CHECK (level IN ('none', 'read', 'write', 'admin')),
    PRIMARY KEY (user, token, kind, name)
) STRICT, WITHOUT ROWID;

-- A model keeps its grants under a new name, and a new model of an old name
-- does not inherit them.
CREATE TRIGGER grants_of_renamed_model AFTER UPDATE OF name ON models
BEGIN
    UPDATE OR REPLACE grants SET name = new.name WHERE kind = 'model' AND name = old.name;
END;

CREATE TRIGGER grants_of_deleted_model AFTER DELETE ON models
BEGIN
    DELETE FROM grants WHERE kind = 'model' AND name = old.name;
END;
