package registry

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"pipe/registry/filter"
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
			ON CONFLICT (id) DO UPDATE SET time = excluded.time, info = excluded.info WHERE experiment = excluded.experiment`, n.ID, n.Experiment, n.Time.UnixMilli(), string(n.Info)); err != nil {
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

var traceEntity = &entity{
	grammar: &filter.Grammar{
		Attributes: map[string]filter.Attr{
			"trace_id": {Name: "id"}, "request_id": {Name: "id"}, "id": {Name: "id"}, "name": {Name: "name"}, "trace_name": {Name: "name"},
			"status": {Name: "state"}, "state": {Name: "state"},
			"timestamp": {Name: "timestamp", Numeric: true}, "timestamp_ms": {Name: "timestamp", Numeric: true}, "request_time": {Name: "timestamp", Numeric: true},
		},
		Kinds: []filter.Kind{filter.Tag},
	},
	id: "t.id",
	columns: map[string]string{"id": "t.id", "timestamp": "t.time", "state": "json_extract(t.info, '$.state')",
		"name": "(SELECT value FROM trace_tags WHERE trace = t.id AND key = 'mlflow.traceName')"},
	keyed: map[filter.Kind]keyed{filter.Tag: {table: "trace_tags", owner: "trace"}},
}

// Traces returns a page of the traces of experiments, newest first unless q
// says otherwise, and the token of the next page.
func (r *Registry) Traces(ctx context.Context, experiments []int64, q Query) (list []Trace, next string, err error) {
	first := &statement{}
	(&runPlan{RunQuery: RunQuery{Experiments: experiments}}).inExperiments(first, "t.experiment", true)
	s, offset, limit, err := traceEntity.page(q, first, by("timestamp", true), by("id", false))
	if err != nil {
		return nil, "", err
	}
	err = r.view(ctx, func(t *tx) error {
		list, err = tracesWhere(t, s.String(), s.args...)
		return err
	})
	list, next = cut(list, offset, limit)
	return list, next, err
}

// DeleteTraces removes traces of an experiment: those of ids, or, with none,
// the oldest that are not younger than before, at most limit. It returns how
// many there were.
func (r *Registry) DeleteTraces(ctx context.Context, experiment int64, ids []string, before time.Time, limit int) (n int64, err error) {
	if limit <= 0 {
		limit = -1 // SQLite: all
	}
	err = r.update(ctx, func(t *tx) error {
		if len(ids) > 0 {
			text, err := json.Marshal(ids)
			if err != nil {
				return err
			}
			n, err = t.changed("DELETE FROM traces WHERE experiment = ? AND id IN (SELECT value FROM json_each(?))", experiment, string(text))
			return err
		}
		n, err = t.changed(`DELETE FROM traces WHERE id IN (SELECT id FROM traces WHERE experiment = ? AND time <= ? ORDER BY time LIMIT ?)`,
			experiment, before.UnixMilli(), limit)
		return err
	})
	return n, err
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
	list, err := tracesWhere(q, "t.id = ?", id)
	if err == nil && len(list) == 0 {
		err = notFound("trace", id)
	}
	if err != nil {
		return Trace{}, err
	}
	return list[0], nil
}

func tracesWhere(q querier, where string, args ...any) ([]Trace, error) {
	rows, err := q.query("SELECT t.id, t.experiment, t.time, t.info FROM traces t WHERE "+where, args...)
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
