package registry

import (
	"database/sql"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"
)

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

// series is a metric of a run while points are added to it.
type series struct {
	id    int64
	key   string
	last  point // the latest point
	added []point
}

// putMetrics appends points. However many there are, each series is looked up
// and its latest point moved once, and rows are written many to a statement.
func putMetrics(t *tx, a active, list []Metric) error {
	if len(list) == 0 {
		return nil
	}
	all := make(map[string]*series)
	var order []*series // first come, so that equal calls write equal files
	for _, m := range list {
		s := all[m.Key]
		if s == nil {
			s = &series{key: m.Key}
			all[m.Key] = s
			order = append(order, s)
		}
		s.added = append(s.added, newPoint(m))
	}
	if err := findSeries(t, a, all); err != nil {
		return err
	}
	if err := moveSeries(t, a, order); err != nil {
		return err
	}
	return addPoints(t, order)
}

// putPoint is putMetrics for the one point of most calls: run and series are
// found by one query.
func putPoint(t *tx, id string, m Metric) error {
	var a active
	var deleted bool
	var status string
	var series, step, time sql.NullInt64
	var value sql.NullFloat64
	var nan sql.NullBool
	err := t.row(`SELECT r.seq, r.experiment, r.deleted, r.status, s.id, s.step, s.time, s.value, s.nan
		FROM runs r LEFT JOIN series s ON s.run = r.seq AND s.key = ?2 WHERE r.id = ?1`, id, m.Key).
		Scan(&a.seq, &a.experiment, &deleted, &status, &series, &step, &time, &value, &nan)
	if err := changeRun(t, a, id, deleted, status, err); err != nil {
		return err
	}
	if !series.Valid {
		return putMetrics(t, a, []Metric{m})
	}
	p := newPoint(m)
	if last := (point{step.Int64, time.Int64, value.Float64, nan.Bool}); p.later(last) {
		if err := t.exec("UPDATE series SET step = ?, time = ?, value = ?, nan = ? WHERE id = ?", p.step, p.time, p.value, p.nan, series.Int64); err != nil {
			return err
		}
	}
	return t.exec(insertPoints.one, series.Int64, p.time, p.step, p.value, p.nan)
}

// findSeries fills in what is stored of the series.
func findSeries(t *tx, a active, all map[string]*series) error {
	keys := make([]string, 0, len(all))
	for key := range all {
		keys = append(keys, key)
	}
	query, arg := "SELECT id, key, step, time, value, nan FROM series WHERE run = ? AND key = ?", keys[0]
	if len(keys) > 1 {
		text, err := json.Marshal(keys)
		if err != nil {
			return err
		}
		query, arg = "SELECT id, key, step, time, value, nan FROM series WHERE run = ? AND key IN (SELECT value FROM json_each(?))", string(text)
	}
	rows, err := t.query(query, a.seq, arg)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var s series
		if err := rows.Scan(&s.id, &s.key, &s.last.step, &s.last.time, &s.last.value, &s.last.nan); err != nil {
			return err
		}
		found := all[s.key]
		found.id, found.last = s.id, s.last
	}
	return rows.Err()
}

// moveSeries writes the latest point of the series that are new or moved.
func moveSeries(t *tx, a active, all []*series) error {
	var next int64
	var args []any
	for _, s := range all {
		fresh := s.id == 0
		if fresh && next == 0 {
			// The writer is alone in its transaction, so it may number rows itself.
			if err := t.row("SELECT coalesce(max(id), 0) + 1 FROM series").Scan(&next); err != nil {
				return err
			}
		}
		if fresh {
			s.id, s.last = next, s.added[0]
			next++
		}
		top := slices.MaxFunc(s.added, func(p, q point) int {
			switch {
			case p.later(q):
				return 1
			case q.later(p):
				return -1
			}
			return 0
		})
		if moved := top.later(s.last); moved || fresh {
			if moved {
				s.last = top
			}
			args = append(args, s.id, a.seq, s.key, a.experiment, s.last.step, s.last.time, s.last.value, s.last.nan)
		}
	}
	return upsertSeries.exec(t, args)
}

func addPoints(t *tx, all []*series) error {
	var args []any
	for _, s := range all {
		for _, p := range s.added {
			args = append(args, s.id, p.time, p.step, p.value, p.nan)
		}
	}
	return insertPoints.exec(t, args)
}

// bulk is an INSERT in two lengths: of one row, and of so many that the cost
// of a call no longer counts.
type bulk struct {
	columns   int
	one, many string
}

const rowsAtOnce = 40

func newBulk(columns int, insert, tail string) bulk {
	row := "(?" + strings.Repeat(", ?", columns-1) + ")"
	return bulk{columns, insert + row + tail, insert + row + strings.Repeat(", "+row, rowsAtOnce-1) + tail}
}

var (
	upsertSeries = newBulk(8, "INSERT INTO series (id, run, key, experiment, step, time, value, nan) VALUES ",
		" ON CONFLICT (id) DO UPDATE SET step = excluded.step, time = excluded.time, value = excluded.value, nan = excluded.nan")
	insertPoints = newBulk(5, "INSERT OR IGNORE INTO points (series, time, step, value, nan) VALUES ", "")
)

// exec inserts the rows that args hold one after the other.
func (b bulk) exec(t *tx, args []any) error {
	for len(args) > 0 {
		query, n := b.one, b.columns
		if len(args) >= rowsAtOnce*b.columns {
			query, n = b.many, rowsAtOnce*b.columns
		}
		if err := t.exec(query, args[:n]...); err != nil {
			return err
		}
		args = args[n:]
	}
	return nil
}
