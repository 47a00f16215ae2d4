package registry

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"
)

// Trace is what a client's tracing reported: MLflow's TraceInfoV3 as JSON,
// without its tags.
type Trace struct {
	ID         string
	Experiment int64
	Time       time.Time
	Info       json.RawMessage
	Tags       []Pair
}

// PutTrace adds or replaces a trace.
func (r *Registry) PutTrace(ctx context.Context, n Trace) error {
	return r.update(ctx, func(t *tx) error {
		if _, err := activeExperiment(t, n.Experiment); err != nil {
			return err
		}
		if err := t.exec(`INSERT INTO traces (id, experiment, time, info) VALUES (?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET time = excluded.time, info = excluded.info`, n.ID, n.Experiment, n.Time.UnixMilli(), string(n.Info)); err != nil {
			return err
		}
		return putTraceTags(t, n.ID, n.Tags)
	})
}

// SetTraceTags adds or replaces tags of a trace.
func (r *Registry) SetTraceTags(ctx context.Context, id string, tags []Pair) error {
	return r.update(ctx, func(t *tx) error {
		if _, err := trace(t, id); err != nil {
			return err
		}
		return putTraceTags(t, id, tags)
	})
}

// DeleteTraceTag removes a tag of a trace; ErrNotFound when it is not there.
func (r *Registry) DeleteTraceTag(ctx context.Context, id, key string) error {
	return r.update(ctx, func(t *tx) error {
		n, err := t.changed("DELETE FROM trace_tags WHERE trace = ? AND key = ?", id, key)
		if err == nil && n == 0 {
			err = notFound("tag", key)
		}
		return err
	})
}

// Trace returns a trace.
func (r *Registry) Trace(ctx context.Context, id string) (n Trace, err error) {
	err = r.view(ctx, func(t *tx) error {
		n, err = trace(t, id)
		return err
	})
	return n, err
}

// Traces returns a page of the traces of experiments, newest first, and the
// token of the next page.
func (r *Registry) Traces(ctx context.Context, experiments []int64, limit int, token string) (list []Trace, next string, err error) {
	offset, err := parseToken(token)
	if err != nil {
		return nil, "", err
	}
	err = r.view(ctx, func(t *tx) error {
		ids, err := json.Marshal(experiments)
		if err != nil {
			return err
		}
		list, err = tracesWhere(t, "experiment IN (SELECT value FROM json_each(?)) ORDER BY time DESC, id LIMIT ? OFFSET ?", string(ids), limit+1, offset)
		return err
	})
	if len(list) > limit {
		list, next = list[:limit], pageToken(offset+limit)
	}
	return list, next, err
}

func putTraceTags(t *tx, id string, tags []Pair) error {
	for _, p := range tags {
		if err := t.exec("INSERT OR REPLACE INTO trace_tags (trace, key, value) VALUES (?, ?, ?)", id, p.Key, p.Value); err != nil {
			return err
		}
	}
	return nil
}

func trace(q querier, id string) (Trace, error) {
	list, err := tracesWhere(q, "id = ?", id)
	if err == nil && len(list) == 0 {
		err = notFound("trace", id)
	}
	if err != nil {
		return Trace{}, err
	}
	return list[0], nil
}

func tracesWhere(q querier, where string, args ...any) ([]Trace, error) {
	rows, err := q.query("SELECT id, experiment, time, info FROM traces WHERE "+where, args...)
	list, err := collect(rows, err, func(scan scanner) (n Trace, err error) {
		var ms int64
		var info sql.RawBytes
		err = scan(&n.ID, &n.Experiment, &ms, &info)
		n.Time, n.Info = time.UnixMilli(ms).UTC(), append(json.RawMessage(nil), info...)
		return n, err
	})
	for i := range list {
		if err != nil {
			break
		}
		list[i].Tags, err = pairs(q.query("SELECT key, value FROM trace_tags WHERE trace = ? ORDER BY key", list[i].ID))
	}
	return list, err
}
