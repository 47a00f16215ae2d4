-- Points that came many at a time, or that were gathered from the rows of
-- points once there were many: n points in one value, 24 bytes each: time and
-- step (int64) and value (float64, NaN as it is), little endian, ordered as
-- they are named. A row for each would cost ten times as much to write and to
-- read. Blocks of a series may overlap; a point that is in two counts once.
CREATE TABLE blocks (
    id     INTEGER PRIMARY KEY,
    series INTEGER NOT NULL,
    first  INTEGER NOT NULL, -- time of the first point
    last   INTEGER NOT NULL, -- and of the last
    n      INTEGER NOT NULL,
    data   BLOB    NOT NULL
) STRICT;

CREATE INDEX blocks_by_time ON blocks (series, first, last, n);

-- What one call logged of many series, of each few points: 32 bytes for a point,
-- the series (int64) and then as in blocks, ordered by series. Of a run there
-- are only few, because they are soon divided into blocks.
CREATE TABLE batches (
    id   INTEGER PRIMARY KEY,
    run  INTEGER NOT NULL,
    data BLOB    NOT NULL
) STRICT;

CREATE INDEX batches_by_run ON batches (run);

-- How many rows in points were added since they were last gathered.
ALTER TABLE series ADD COLUMN loose INTEGER NOT NULL DEFAULT 0;
