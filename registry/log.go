package registry

import (
	"context"
)

// runNameTag is where MLflow's clients look for a run's name.
const runNameTag = "mlflow.runName"

// LogMetrics adds points to a run's series. A point that is there already, to
// the last bit, is kept once.
func (r *Registry) LogMetrics(ctx context.Context, id string, list []Metric) error {
	return r.LogBatch(ctx, id, list, nil, nil)
}

// LogParams adds parameters. One that is there with another value gives
// ErrConflict and nothing is stored; with the same value it is accepted.
func (r *Registry) LogParams(ctx context.Context, id string, list []Pair) error {
	return r.LogBatch(ctx, id, nil, list, nil)
}

// SetTags adds or replaces tags of a run. The tag mlflow.runName is the run's
// name.
func (r *Registry) SetTags(ctx context.Context, id string, list []Pair) error {
	return r.LogBatch(ctx, id, nil, nil, list)
}

// LogBatch adds metrics, parameters and tags in one transaction.
func (r *Registry) LogBatch(ctx context.Context, id string, metrics []Metric, params, tags []Pair) error {
	for _, m := range metrics {
		if m.Key == "" {
			return invalid("metric", "", "a metric needs a name")
		}
	}
	if len(metrics) == 1 && len(params)+len(tags) == 0 && metrics[0].About == nil {
		return r.update(ctx, func(t *tx) error { return putPoint(t, id, metrics[0]) })
	}
	prepared := groupMetrics(metrics) // here, and not while others wait for the writer
	return r.update(ctx, func(t *tx) error {
		a, err := activeRun(t, id)
		if err != nil {
			return err
		}
		if err := putParams(t, a, params); err != nil {
			return err
		}
		if err := putMetrics(t, a, prepared); err != nil {
			return err
		}
		if err := putModelMetrics(t, id, metrics); err != nil {
			return err
		}
		return putTags(t, a, tags)
	})
}

// DeleteTag removes a run's tag; ErrNotFound when it is not there.
func (r *Registry) DeleteTag(ctx context.Context, id, key string) error {
	return r.update(ctx, func(t *tx) error {
		a, err := activeRun(t, id)
		if err != nil {
			return err
		}
		n, err := t.changed("DELETE FROM tags WHERE run = ? AND key = ?", a.seq, key)
		if err == nil && n == 0 {
			err = notFound("tag", key)
		}
		return err
	})
}

func putParams(t *tx, a active, list []Pair) error {
	for _, p := range list {
		n, err := t.changed("INSERT INTO params (run, key, value, experiment) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
			a.seq, p.Key, p.Value, a.experiment)
		if err != nil {
			return err
		}
		if n == 1 {
			continue
		}
		var old string
		if err := t.row("SELECT value FROM params WHERE run = ? AND key = ?", a.seq, p.Key).Scan(&old); err != nil {
			return err
		}
		if old != p.Value {
			return conflict("param", p.Key, "parameter %q has the value %q already and cannot become %q", p.Key, old, p.Value)
		}
	}
	return nil
}

func putTags(t *tx, a active, list []Pair) error {
	for _, p := range list {
		err := t.exec(`INSERT INTO tags (run, key, value, experiment) VALUES (?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET value = excluded.value`, a.seq, p.Key, p.Value, a.experiment)
		if err == nil && p.Key == runNameTag {
			err = t.exec("UPDATE runs SET name = ? WHERE seq = ?", p.Value, a.seq)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
