package registry

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"
	"strings"
	"time"
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
	return r.update(ctx, func(t *tx) error {
		a, err := activeRun(t, id)
		if err != nil {
			return err
		}
		if err := putParams(t, a, params); err != nil {
			return err
		}
		if err := putMetrics(t, a, metrics); err != nil {
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

// point is a Metric as it is stored.
type point struct {
	step, time int64
	value      float64
	nan        bool
}

func newPoint(m Metric) point {
	if math.IsNaN(m.Value) {
		return point{m.Step, m.Time.UnixMilli(), 0, true}
	}
	return point{m.Step, m.Time.UnixMilli(), m.Value, false}
}

func (p point) metric(key string) Metric {
	if p.nan {
		p.value = math.NaN()
	}
	return Metric{Key: key, Value: p.value, Time: time.UnixMilli(p.time).UTC(), Step: p.step}
}

// later is MLflow's order of points: by step, then time, then value.
func (p point) later(q point) bool {
	if p.step != q.step {
		return p.step > q.step
	}
	if p.time != q.time {
		return p.time > q.time
	}
	return p.value > q.value
}

// putMetrics appends points, a series at a time, so that a batch of one series
// finds and moves its latest point once.
func putMetrics(t *tx, a active, list []Metric) error {
	order := make([]int, len(list))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return strings.Compare(list[i].Key, list[j].Key) })
	for len(order) > 0 {
		key, n := list[order[0]].Key, 1
		for n < len(order) && list[order[n]].Key == key {
			n++
		}
		same := make([]point, n)
		for i, at := range order[:n] {
			same[i] = newPoint(list[at])
		}
		if err := putSeries(t, a, key, same); err != nil {
			return err
		}
		order = order[n:]
	}
	return nil
}

func putSeries(t *tx, a active, key string, list []point) error {
	top := list[0]
	for _, p := range list[1:] {
		if p.later(top) {
			top = p
		}
	}
	var id int64
	var last point
	err := t.row("SELECT id, step, time, value, nan FROM series WHERE run = ? AND key = ?", a.seq, key).
		Scan(&id, &last.step, &last.time, &last.value, &last.nan)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		id, err = t.insert("INSERT INTO series (run, key, experiment, step, time, value, nan) VALUES (?, ?, ?, ?, ?, ?, ?)",
			a.seq, key, a.experiment, top.step, top.time, top.value, top.nan)
	case err == nil && top.later(last):
		err = t.exec("UPDATE series SET step = ?, time = ?, value = ?, nan = ? WHERE id = ?", top.step, top.time, top.value, top.nan, id)
	}
	if err != nil {
		return err
	}
	for len(list) > 0 {
		n := 1
		if len(list) >= pointsAtOnce {
			n = pointsAtOnce
		}
		args := make([]any, 0, 5*n)
		for _, p := range list[:n] {
			args = append(args, id, p.time, p.step, p.value, p.nan)
		}
		if err := t.exec(insertPoints[n], args...); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

// pointsAtOnce is the number of rows of the bulk insert: more gains nothing.
const pointsAtOnce = 50

// insertPoints are the statements that insert one and pointsAtOnce points.
var insertPoints = map[int]string{
	1:            "INSERT OR IGNORE INTO points (series, time, step, value, nan) VALUES (?, ?, ?, ?, ?)",
	pointsAtOnce: "INSERT OR IGNORE INTO points (series, time, step, value, nan) VALUES (?, ?, ?, ?, ?)" + strings.Repeat(", (?, ?, ?, ?, ?)", pointsAtOnce-1),
}
