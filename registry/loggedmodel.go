package registry

import (
	"context"
	"errors"
	"strings"
	"time"
)

// LoggedModel is MLflow 3's entity for the files of a model that a run logged,
// before anybody registers it.
type LoggedModel struct {
	ID          string
	Experiment  int64
	Name        string
	Type        string
	Status      string // PENDING, READY or FAILED
	Message     string
	SourceRun   string
	ArtifactURI string
	Created     time.Time
	Updated     time.Time
	Params      []Pair
	Tags        []Pair
	Metrics     []ModelMetric

	seq int64
}

// ModelMetric is the latest value of a metric that a run logged about a model.
type ModelMetric struct {
	Metric
	RunID string
}

// RunModel is a logged model as the input or output of a run.
type RunModel struct {
	ModelID string `json:"model_id"`
	Step    int64  `json:"step,omitempty"`
}

// NewLoggedModel describes a logged model that is to be created.
type NewLoggedModel struct {
	ID           string // empty: a fresh one is drawn
	Experiment   int64
	Name         string
	Type         string
	SourceRun    string
	Params, Tags []Pair
}

// CreateLoggedModel adds a logged model in state PENDING. Its id is "m-" and
// 32 hexadecimal digits; its files belong under the experiment's location, in
// "models/ID/artifacts".
func (r *Registry) CreateLoggedModel(ctx context.Context, n NewLoggedModel) (m LoggedModel, err error) {
	id := n.ID
	if id == "" {
		if id, err = r.newID(); err != nil {
			return m, err
		}
		id = "m-" + id
	}
	if hex, ok := strings.CutPrefix(id, "m-"); !ok || len(hex) != 32 || strings.Trim(hex, "0123456789abcdef") != "" {
		return m, invalid("logged model", id, "%q is no id of a logged model", id)
	}
	err = r.update(ctx, func(t *tx) error {
		e, err := activeExperiment(t, n.Experiment)
		if err != nil {
			return err
		}
		now := t.now.UnixMilli()
		uri := strings.TrimSuffix(e.ArtifactLocation, "/") + "/models/" + id + "/artifacts"
		seq, err := t.insert(`INSERT INTO logged_models (id, experiment, name, type, status, source_run, artifact_uri, created, updated)
			VALUES (?, ?, ?, ?, 'PENDING', ?, ?, ?, ?)`, id, n.Experiment, n.Name, n.Type, n.SourceRun, uri, now, now)
		if err != nil {
			return err
		}
		if err := errors.Join(putLoggedPairs(t, "logged_model_params", seq, n.Params), putLoggedPairs(t, "logged_model_tags", seq, n.Tags)); err != nil {
			return err
		}
		m, err = loggedModel(t, id)
		return err
	})
	return m, err
}

// LoggedModel returns a logged model that is not deleted.
func (r *Registry) LoggedModel(ctx context.Context, id string) (m LoggedModel, err error) {
	err = r.view(ctx, func(t *tx) error {
		m, err = loggedModel(t, id)
		return err
	})
	return m, err
}

// SetLoggedModelStatus finishes the logging of a model, as READY or FAILED.
func (r *Registry) SetLoggedModelStatus(ctx context.Context, id, status string) (m LoggedModel, err error) {
	err = r.updateLogged(ctx, id, func(t *tx, seq int64) error {
		if err := t.exec("UPDATE logged_models SET status = ?, updated = ? WHERE seq = ?", status, t.now.UnixMilli(), seq); err != nil {
			return err
		}
		m, err = loggedModel(t, id)
		return err
	})
	return m, err
}

// LogModelParams adds parameters to a logged model.
func (r *Registry) LogModelParams(ctx context.Context, id string, list []Pair) error {
	return r.updateLogged(ctx, id, func(t *tx, seq int64) error { return putLoggedPairs(t, "logged_model_params", seq, list) })
}

// SetLoggedModelTags adds or replaces tags of a logged model.
func (r *Registry) SetLoggedModelTags(ctx context.Context, id string, list []Pair) error {
	return r.updateLogged(ctx, id, func(t *tx, seq int64) error { return putLoggedPairs(t, "logged_model_tags", seq, list) })
}

// DeleteLoggedModelTag removes a tag; ErrNotFound when it is not there.
func (r *Registry) DeleteLoggedModelTag(ctx context.Context, id, key string) error {
	return r.updateLogged(ctx, id, func(t *tx, seq int64) error {
		n, err := t.changed("DELETE FROM logged_model_tags WHERE model = ? AND key = ?", seq, key)
		if err == nil && n == 0 {
			err = notFound("tag", key)
		}
		return err
	})
}

// DeleteLoggedModel hides a logged model. Its files stay.
func (r *Registry) DeleteLoggedModel(ctx context.Context, id string, why Audit) error {
	return r.updateLogged(ctx, id, func(t *tx, seq int64) error {
		if err := t.exec("UPDATE logged_models SET deleted = 1, updated = ? WHERE seq = ?", t.now.UnixMilli(), seq); err != nil {
			return err
		}
		return audit(t, why, "logged_model.delete", id, "", "")
	})
}

// LogRunModels records that a run read or (output) made logged models.
func (r *Registry) LogRunModels(ctx context.Context, run string, output bool, list []RunModel) error {
	return r.update(ctx, func(t *tx) error {
		a, err := activeRun(t, run)
		if err != nil {
			return err
		}
		for _, m := range list {
			if err := t.exec("INSERT OR REPLACE INTO run_models (run, output, model, step) VALUES (?, ?, ?, ?)", a.seq, output, m.ModelID, m.Step); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *Registry) updateLogged(ctx context.Context, id string, do func(t *tx, seq int64) error) error {
	return r.update(ctx, func(t *tx) error {
		m, err := loggedModel(t, id)
		if err != nil {
			return err
		}
		return do(t, m.seq)
	})
}

func putLoggedPairs(t *tx, table string, seq int64, list []Pair) error {
	for _, p := range list {
		if err := t.exec("INSERT OR REPLACE INTO "+table+" (model, key, value) VALUES (?, ?, ?)", seq, p.Key, p.Value); err != nil {
			return err
		}
	}
	return nil
}

// putModelMetrics keeps the latest value of metrics that are about a model.
func putModelMetrics(t *tx, run string, list []Metric) error {
	for _, m := range list {
		if m.About == nil {
			continue
		}
		p := newPoint(m)
		err := t.exec(`INSERT INTO logged_model_metrics (model, key, run_id, dataset_name, dataset_digest, step, time, value, nan)
			SELECT seq, ?, ?, ?, ?, ?, ?, ?, ? FROM logged_models WHERE id = ?
			ON CONFLICT DO UPDATE SET step = excluded.step, time = excluded.time, value = excluded.value, nan = excluded.nan
			WHERE (excluded.step, excluded.time, excluded.value) > (step, time, value)`,
			m.Key, run, m.About.DatasetName, m.About.DatasetDigest, p.step, p.time, p.value, p.nan, m.About.ModelID)
		if err != nil {
			return err
		}
	}
	return nil
}

func loggedModel(q querier, id string) (LoggedModel, error) {
	list, err := loggedModelsWhere(q, "m.id = ? AND m.deleted = 0", id)
	if err == nil && len(list) == 0 {
		err = notFound("logged model", id)
	}
	if err != nil {
		return LoggedModel{}, err
	}
	return list[0], nil
}

func loggedModelsWhere(q querier, where string, args ...any) ([]LoggedModel, error) {
	rows, err := q.query(`SELECT m.seq, m.id, m.experiment, m.name, m.type, m.status, m.message, m.source_run, m.artifact_uri, m.created, m.updated
		FROM logged_models m WHERE `+where, args...)
	list, err := collect(rows, err, func(scan scanner) (m LoggedModel, err error) {
		var created, updated int64
		err = scan(&m.seq, &m.ID, &m.Experiment, &m.Name, &m.Type, &m.Status, &m.Message, &m.SourceRun, &m.ArtifactURI, &created, &updated)
		m.Created, m.Updated = time.UnixMilli(created).UTC(), time.UnixMilli(updated).UTC()
		return m, err
	})
	for i := range list {
		if err != nil {
			break
		}
		err = completeLogged(q, &list[i])
	}
	return list, err
}

func completeLogged(q querier, m *LoggedModel) (err error) {
	if m.Params, err = pairs(q.query("SELECT key, value FROM logged_model_params WHERE model = ? ORDER BY key", m.seq)); err != nil {
		return err
	}
	if m.Tags, err = pairs(q.query("SELECT key, value FROM logged_model_tags WHERE model = ? ORDER BY key", m.seq)); err != nil {
		return err
	}
	rows, err := q.query(`SELECT key, run_id, dataset_name, dataset_digest, step, time, value, nan FROM logged_model_metrics
		WHERE model = ? ORDER BY key, run_id, dataset_name, dataset_digest`, m.seq)
	m.Metrics, err = collect(rows, err, func(scan scanner) (ModelMetric, error) {
		var key, run string
		about := &About{ModelID: m.ID}
		var p point
		err := scan(&key, &run, &about.DatasetName, &about.DatasetDigest, &p.step, &p.time, &p.value, &p.nan)
		metric := p.metric(key)
		metric.About = about
		return ModelMetric{metric, run}, err
	})
	return err
}

// attachModels reads the logged models of a page of runs.
func attachModels(q querier, ids string, at map[int64]*Run) error {
	rows, err := q.query(`SELECT run, output, model, step FROM run_models WHERE run IN (SELECT value FROM json_each(?)) ORDER BY run, output, step, model`, ids)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var run int64
		var output bool
		var m RunModel
		if err := rows.Scan(&run, &output, &m.ModelID, &m.Step); err != nil {
			return err
		}
		list := &at[run].ModelInputs
		if output {
			list = &at[run].ModelOutputs
		}
		*list = append(*list, m)
	}
	return rows.Err()
}
