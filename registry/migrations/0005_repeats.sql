-- A run in which nothing had to run did what an earlier one did. It names that
-- run instead of having rows in stages: a thousand unchanged stages are one
-- value then, and the registry does not grow with every look at the clock.
-- work_list is a hash of what the stages of a finished run did.
ALTER TABLE runs ADD COLUMN work_list BLOB;
ALTER TABLE runs ADD COLUMN repeats   INTEGER REFERENCES runs (seq);
ALTER TABLE runs ADD COLUMN stages_of INTEGER GENERATED ALWAYS AS (coalesce(repeats, seq)) VIRTUAL;

CREATE INDEX runs_by_work_list ON runs (work_list) WHERE work_list IS NOT NULL AND repeats IS NULL;
CREATE INDEX runs_by_stages_of ON runs (stages_of);
