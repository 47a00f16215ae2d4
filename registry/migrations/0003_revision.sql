-- Counts the changes of a run that is not running, so that what was read of it
-- can be kept in memory. While a run is running it is not counted, because it
-- changes all the time and is not kept.
ALTER TABLE runs ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
