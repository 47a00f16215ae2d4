package registry

// statementStep is one statement of an import or export.
type statementStep struct {
	what  string
	needs string // a table of MLflow's that older releases lack
	count func(*Moved) *int64
	sql   string
	do    func(*tx) (int64, error) // where SQL cannot say it
}

func (s statementStep) run(t *tx) (int64, error) {
	if s.do != nil {
		return s.do(t)
	}
	return t.changed(s.sql)
}

func countExperiments(m *Moved) *int64 { return &m.Experiments }
func countRuns(m *Moved) *int64        { return &m.Runs }
func countPoints(m *Moved) *int64      { return &m.Points }
func countLogged(m *Moved) *int64      { return &m.LoggedModels }
func countModels(m *Moved) *int64      { return &m.Models }
func countVersions(m *Moved) *int64    { return &m.Versions }

// newRun is the join that finds an imported run by MLflow's name for it.
const newRun = " JOIN temp.new_runs n ON n.id = x.run_uuid JOIN main.runs r ON r.id = n.id"

// importSteps are in the order of what refers to what. Ids of experiments are
// kept where they are free.
func importSteps() []statementStep {
	return []statementStep{
		{what: "experiments", sql: "CREATE TEMP TABLE moved (old INTEGER PRIMARY KEY, new INTEGER NOT NULL, made INTEGER NOT NULL)"},
		{what: "runs", sql: "CREATE TEMP TABLE new_runs AS SELECT run_uuid AS id FROM mlflow.runs WHERE run_uuid NOT IN (SELECT id FROM main.runs)"},
		{what: "runs", sql: "CREATE UNIQUE INDEX temp.new_runs_by_id ON new_runs (id)"},
		{what: "models", sql: "CREATE TEMP TABLE new_models AS SELECT name FROM mlflow.registered_models WHERE name NOT IN (SELECT name FROM main.models)"},
		{what: "logged models", sql: "CREATE TEMP TABLE new_logged (id TEXT PRIMARY KEY)"},

		{what: "experiments", sql: "INSERT INTO temp.moved SELECT m.experiment_id, e.id, 0 FROM mlflow.experiments m JOIN main.experiments e ON e.name = m.name"},
		{what: "experiments", count: countExperiments, sql: `INSERT INTO main.experiments (id, name, artifact_location, deleted, created, updated)
		SELECT experiment_id, name, coalesce(artifact_location, ''), lifecycle_stage = 'deleted', coalesce(creation_time, 0), coalesce(last_update_time, 0)
		FROM mlflow.experiments WHERE experiment_id NOT IN (SELECT old FROM temp.moved) AND experiment_id NOT IN (SELECT id FROM main.experiments)`},
		{what: "experiments", count: countExperiments, sql: `INSERT INTO main.experiments (name, artifact_location, deleted, created, updated)
		SELECT name, coalesce(artifact_location, ''), lifecycle_stage = 'deleted', coalesce(creation_time, 0), coalesce(last_update_time, 0)
		FROM mlflow.experiments WHERE experiment_id NOT IN (SELECT old FROM temp.moved) AND name NOT IN (SELECT name FROM main.experiments) ORDER BY experiment_id`},
		{what: "experiments", sql: `INSERT OR IGNORE INTO temp.moved SELECT m.experiment_id, e.id, 1 FROM mlflow.experiments m JOIN main.experiments e ON e.name = m.name`},
		{what: "tags of experiments", sql: `INSERT OR IGNORE INTO main.experiment_tags (experiment, key, value)
		SELECT v.new, x.key, coalesce(x.value, '') FROM mlflow.experiment_tags x JOIN temp.moved v ON v.old = x.experiment_id`},

		{what: "runs", count: countRuns, sql: `INSERT INTO main.runs (id, experiment, name, user, status, started, ended, deleted, deleted_at, artifact_uri)
		SELECT x.run_uuid, v.new, coalesce(x.name, ''), coalesce(x.user_id, ''), coalesce(x.status, 'RUNNING'), coalesce(x.start_time, 0), x.end_time,
			coalesce(x.lifecycle_stage = 'deleted', 0), CASE WHEN x.lifecycle_stage = 'deleted' THEN coalesce(x.deleted_time, 0) END, coalesce(x.artifact_uri, '')
		FROM mlflow.runs x JOIN temp.new_runs n ON n.id = x.run_uuid JOIN temp.moved v ON v.old = x.experiment_id ORDER BY x.start_time, x.run_uuid`},
		{what: "params", sql: "INSERT INTO main.params (run, key, value, experiment) SELECT r.seq, x.key, coalesce(x.value, ''), r.experiment FROM mlflow.params x" + newRun},
		{what: "tags", sql: "INSERT INTO main.tags (run, key, value, experiment) SELECT r.seq, x.key, coalesce(x.value, ''), r.experiment FROM mlflow.tags x" + newRun},
		{what: "metrics", sql: `INSERT INTO main.series (run, key, experiment, step, time, value, nan)
		SELECT r.seq, x.key, r.experiment, x.step, coalesce(x.timestamp, 0), CASE WHEN x.is_nan THEN 0.0 ELSE CAST(x.value AS REAL) END, x.is_nan <> 0 FROM mlflow.latest_metrics x` + newRun},
		{what: "points", count: countPoints, sql: `INSERT OR IGNORE INTO main.points (series, time, step, value, nan)
		SELECT s.id, x.timestamp, x.step, CASE WHEN x.is_nan THEN 0.0 ELSE CAST(x.value AS REAL) END, x.is_nan <> 0 FROM mlflow.metrics x` + newRun + ` JOIN main.series s ON s.run = r.seq AND s.key = x.key`},
		{what: "points", do: gatherImported},
		{what: "datasets", sql: `INSERT OR IGNORE INTO main.datasets (experiment, name, digest, source_type, source, schema, profile)
		SELECT v.new, x.name, x.digest, x.dataset_source_type, x.dataset_source, coalesce(x.dataset_schema, ''), coalesce(x.dataset_profile, '')
		FROM mlflow.datasets x JOIN temp.moved v ON v.old = x.experiment_id`},
		{what: "inputs", sql: "INSERT OR IGNORE INTO main.inputs (run, dataset) SELECT r.seq, d.id" + inputOfRun},
		{what: "tags of inputs", sql: "INSERT OR IGNORE INTO main.input_tags (run, dataset, key, value) SELECT r.seq, d.id, g.name, g.value" + inputOfRun + " JOIN mlflow.input_tags g ON g.input_uuid = i.input_uuid"},

		{what: "models", count: countModels, sql: `INSERT INTO main.models (name, description, created, updated, next_version)
		SELECT x.name, coalesce(x.description, ''), coalesce(x.creation_time, 0), coalesce(x.last_updated_time, 0),
			1 + coalesce((SELECT max(v.version) FROM mlflow.model_versions v WHERE v.name = x.name), 0)
		FROM mlflow.registered_models x JOIN temp.new_models n ON n.name = x.name`},
		{what: "tags of models", sql: "INSERT INTO main.model_tags (model, key, value) SELECT m.id, x.key, coalesce(x.value, '') FROM mlflow.registered_model_tags x" + newModel},
		{what: "versions", count: countVersions, sql: `INSERT INTO main.versions (model, version, status, stage, source, storage_uri, run_id, run_link, model_id, user, description, created, updated)
		SELECT m.id, x.version, coalesce(x.status, 'READY'), coalesce(x.current_stage, 'None'), coalesce(x.source, ''),
			CASE WHEN x.storage_location <> x.source THEN coalesce(x.storage_location, '') ELSE '' END, coalesce(x.run_id, ''), coalesce(x.run_link, ''),
			CASE WHEN x.source LIKE 'models:/m-%' THEN substr(x.source, 9) ELSE '' END, coalesce(x.user_id, ''), coalesce(x.description, ''),
			coalesce(x.creation_time, 0), coalesce(x.last_updated_time, 0)
		FROM mlflow.model_versions x` + newModel + ` WHERE x.current_stage IS NULL OR x.current_stage <> 'Deleted_Internal' ORDER BY m.id, x.version`},
		{what: "tags of versions", sql: `INSERT INTO main.version_tags (version, key, value) SELECT v.id, x.key, coalesce(x.value, '') FROM mlflow.model_version_tags x` +
			newModel + " JOIN main.versions v ON v.model = m.id AND v.version = x.version"},
		{what: "aliases", sql: "INSERT INTO main.aliases (model, alias, version) SELECT m.id, x.alias, v.id FROM mlflow.registered_model_aliases x" +
			newModel + " JOIN main.versions v ON v.model = m.id AND v.version = x.version"},

		{what: "logged models", needs: "logged_models", sql: "INSERT INTO temp.new_logged SELECT model_id FROM mlflow.logged_models WHERE model_id NOT IN (SELECT id FROM main.logged_models)"},
		{what: "logged models", needs: "logged_models", count: countLogged, sql: `INSERT INTO main.logged_models (id, experiment, name, type, status, message, source_run, artifact_uri, created, updated, deleted)
		SELECT x.model_id, v.new, x.name, coalesce(x.model_type, ''), CASE x.status WHEN 2 THEN 'READY' WHEN 3 THEN 'FAILED' ELSE 'PENDING' END,
			coalesce(x.status_message, ''), coalesce(x.source_run_id, ''), x.artifact_location, x.creation_timestamp_ms, x.last_updated_timestamp_ms, coalesce(x.lifecycle_stage = 'deleted', 0)
		FROM mlflow.logged_models x JOIN temp.new_logged n ON n.id = x.model_id JOIN temp.moved v ON v.old = x.experiment_id`},
		{what: "params of logged models", needs: "logged_model_params", sql: "INSERT INTO main.logged_model_params (model, key, value) SELECT l.seq, x.param_key, x.param_value FROM mlflow.logged_model_params x" + newLogged},
		{what: "tags of logged models", needs: "logged_model_tags", sql: "INSERT INTO main.logged_model_tags (model, key, value) SELECT l.seq, x.tag_key, x.tag_value FROM mlflow.logged_model_tags x" + newLogged},
		{what: "metrics of logged models", needs: "logged_model_metrics", sql: `INSERT OR REPLACE INTO main.logged_model_metrics (model, key, run_id, dataset_name, dataset_digest, step, time, value, nan)
		SELECT l.seq, x.metric_name, x.run_id, coalesce(x.dataset_name, ''), coalesce(x.dataset_digest, ''), x.metric_step, x.metric_timestamp_ms, coalesce(CAST(x.metric_value AS REAL), 0.0), x.metric_value IS NULL
		FROM mlflow.logged_model_metrics x` + newLogged + " ORDER BY x.metric_step, x.metric_timestamp_ms"},
		{what: "models of runs", needs: "logged_models", sql: `INSERT OR IGNORE INTO main.run_models (run, output, model, step)
		SELECT r.seq, x.source_type = 'RUN_OUTPUT', x.destination_id, x.step FROM mlflow.inputs x JOIN temp.new_runs n ON n.id = x.source_id JOIN main.runs r ON r.id = n.id
		WHERE x.source_type IN ('RUN_INPUT', 'RUN_OUTPUT')`},
	}
}

const (
	inputOfRun = ` FROM mlflow.inputs i JOIN mlflow.datasets x ON x.dataset_uuid = i.source_id JOIN temp.moved v ON v.old = x.experiment_id
		JOIN main.datasets d ON d.experiment = v.new AND d.name = x.name AND d.digest = x.digest
		JOIN temp.new_runs n ON n.id = i.destination_id JOIN main.runs r ON r.id = n.id AND i.source_type = 'DATASET' AND i.destination_type = 'RUN'`
	newModel  = " JOIN temp.new_models n ON n.name = x.name JOIN main.models m ON m.name = x.name"
	newLogged = " JOIN temp.new_logged n ON n.id = x.model_id JOIN main.logged_models l ON l.id = x.model_id"
)

// exportSteps write what MLflow's tables hold. The experiment 0 of a fresh
// database is replaced by ours.
func exportSteps() []statementStep {
	return []statementStep{
		{what: "experiments", sql: "DELETE FROM mlflow.experiments"},
		{what: "experiments", count: countExperiments, sql: `INSERT INTO mlflow.experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time)
		SELECT id, name, artifact_location, iif(deleted, 'deleted', 'active'), created, updated FROM main.experiments`},
		{what: "tags of experiments", sql: "INSERT INTO mlflow.experiment_tags (key, value, experiment_id) SELECT key, value, experiment FROM main.experiment_tags"},
		{what: "runs", count: countRuns, sql: `INSERT INTO mlflow.runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, end_time, deleted_time, source_version, lifecycle_stage, artifact_uri, experiment_id)
		SELECT id, name, 'UNKNOWN', '', '', user, status, started, ended, deleted_at, '', iif(deleted, 'deleted', 'active'), artifact_uri, experiment FROM main.runs`},
		{what: "params", sql: "INSERT INTO mlflow.params (key, value, run_uuid) SELECT p.key, p.value, r.id FROM main.params p JOIN main.runs r ON r.seq = p.run"},
		{what: "tags", sql: "INSERT INTO mlflow.tags (key, value, run_uuid) SELECT g.key, g.value, r.id FROM main.tags g JOIN main.runs r ON r.seq = g.run"},
		{what: "names", sql: `INSERT OR IGNORE INTO mlflow.tags (key, value, run_uuid) SELECT 'mlflow.runName', name, id FROM main.runs`},
		{what: "metrics", sql: "INSERT INTO mlflow.latest_metrics (key, value, timestamp, step, is_nan, run_uuid) SELECT s.key, " + finite("s") + ", s.time, s.step, s.nan, r.id FROM main.series s JOIN main.runs r ON r.seq = s.run"},
		{what: "points", count: countPoints, do: exportPoints},
		{what: "datasets", sql: `INSERT INTO mlflow.datasets (dataset_uuid, experiment_id, name, digest, dataset_source_type, dataset_source, dataset_schema, dataset_profile)
		SELECT printf('%032x', id), experiment, name, digest, source_type, source, schema, profile FROM main.datasets`},
		{what: "inputs", sql: `INSERT INTO mlflow.inputs (input_uuid, source_type, source_id, destination_type, destination_id)
		SELECT printf('%016x%016x', i.run, i.dataset), 'DATASET', printf('%032x', i.dataset), 'RUN', r.id FROM main.inputs i JOIN main.runs r ON r.seq = i.run`},
		{what: "tags of inputs", sql: "INSERT INTO mlflow.input_tags (input_uuid, name, value) SELECT printf('%016x%016x', run, dataset), key, value FROM main.input_tags"},
		{what: "models", count: countModels, sql: "INSERT INTO mlflow.registered_models (name, creation_time, last_updated_time, description) SELECT name, created, updated, description FROM main.models"},
		{what: "tags of models", sql: "INSERT INTO mlflow.registered_model_tags (key, value, name) SELECT g.key, g.value, m.name FROM main.model_tags g JOIN main.models m ON m.id = g.model"},
		{what: "versions", count: countVersions, sql: `INSERT INTO mlflow.model_versions (name, version, creation_time, last_updated_time, description, user_id, current_stage, source, run_id, status, status_message, run_link, storage_location)
		SELECT m.name, v.version, v.created, v.updated, v.description, v.user, v.stage, coalesce(nullif(v.source, ''), 'mlflow-artifacts:/models/' || a.digest, ''), v.run_id, v.status, '', v.run_link,
			coalesce(nullif(v.storage_uri, ''), nullif(v.source, ''), 'mlflow-artifacts:/models/' || a.digest, '')
		FROM main.versions v JOIN main.models m ON m.id = v.model LEFT JOIN main.artifacts a ON a.id = v.artifact`},
		{what: "tags of versions", sql: "INSERT INTO mlflow.model_version_tags (key, value, name, version) SELECT g.key, g.value, m.name, v.version FROM main.version_tags g JOIN main.versions v ON v.id = g.version JOIN main.models m ON m.id = v.model"},
		{what: "aliases", sql: "INSERT INTO mlflow.registered_model_aliases (alias, version, name) SELECT a.alias, v.version, m.name FROM main.aliases a JOIN main.versions v ON v.id = a.version JOIN main.models m ON m.id = a.model"},
		{what: "logged models", needs: "logged_models", count: countLogged, sql: `INSERT INTO mlflow.logged_models (model_id, experiment_id, name, artifact_location, creation_timestamp_ms, last_updated_timestamp_ms, status, lifecycle_stage, model_type, source_run_id, status_message)
		SELECT id, experiment, name, artifact_uri, created, updated, CASE status WHEN 'READY' THEN 2 WHEN 'PENDING' THEN 1 ELSE 3 END, iif(deleted, 'deleted', 'active'), type, source_run, message FROM main.logged_models`},
		{what: "params of logged models", needs: "logged_model_params", sql: "INSERT INTO mlflow.logged_model_params (model_id, experiment_id, param_key, param_value) SELECT l.id, l.experiment, p.key, p.value FROM main.logged_model_params p JOIN main.logged_models l ON l.seq = p.model"},
		{what: "tags of logged models", needs: "logged_model_tags", sql: "INSERT INTO mlflow.logged_model_tags (model_id, experiment_id, tag_key, tag_value) SELECT l.id, l.experiment, g.key, g.value FROM main.logged_model_tags g JOIN main.logged_models l ON l.seq = g.model"},
		{what: "metrics of logged models", needs: "logged_model_metrics", sql: `INSERT OR IGNORE INTO mlflow.logged_model_metrics (model_id, metric_name, metric_timestamp_ms, metric_step, metric_value, experiment_id, run_id, dataset_name, dataset_digest)
		SELECT l.id, x.key, x.time, x.step, iif(x.nan, NULL, x.value), l.experiment, x.run_id, nullif(x.dataset_name, ''), nullif(x.dataset_digest, '') FROM main.logged_model_metrics x JOIN main.logged_models l ON l.seq = x.model`},
		{what: "models of runs", needs: "logged_models", sql: `INSERT INTO mlflow.inputs (input_uuid, source_type, source_id, destination_type, destination_id, step)
		SELECT 'm' || lower(hex(randomblob(15))), iif(x.output, 'RUN_OUTPUT', 'RUN_INPUT'), r.id, iif(x.output, 'MODEL_OUTPUT', 'MODEL_INPUT'), x.model, x.step FROM main.run_models x JOIN main.runs r ON r.seq = x.run`},
	}
}

// finite is a value in MLflow's range: it keeps infinities as the greatest
// numbers.
func finite(alias string) string {
	return "max(min(" + alias + ".value, 1.7976931348623157e308), -1.7976931348623157e308)"
}
