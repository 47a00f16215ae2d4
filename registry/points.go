package registry

import (
	"database/sql"
	"encoding/json"
	"math"
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
	key    string
	top    point   // the latest of those that are added
	rows   []point // what is added: few points
	blocks []block // or many
	*stored
}

// newPoints are points on their way in.
type newPoints struct {
	series []*series
	batch  bool // the few points of each are many together
}

// groupMetrics prepares points for putMetrics. Series are in the order in which
// they come first, so that equal calls write equal files.
func groupMetrics(list []Metric) (n newPoints) {
	all := make(map[string]*series)
	for _, m := range list {
		p := newPoint(m)
		s := all[m.Key]
		if s == nil {
			s = &series{key: m.Key, top: p}
			all[m.Key] = s
			n.series = append(n.series, s)
		}
		if p.later(s.top) {
			s.top = p
		}
		s.rows = append(s.rows, p)
	}
	few := 0
	for _, s := range n.series {
		if len(s.rows) >= blockFrom {
			s.blocks, s.rows = newBlocks(ordered(s.rows)), nil
		}
		few += len(s.rows)
	}
	n.batch = few >= blockFrom
	return n
}

// putMetrics appends points. However many there are, each series is looked up
// and its latest point moved once, and rows are written many to a statement.
// What was prepared may be put again, by another attempt of the same write.
func putMetrics(t *tx, a active, n newPoints) error {
	if len(n.series) == 0 {
		return nil
	}
	if err := findSeries(t, a, n.series); err != nil {
		return err
	}
	if err := moveSeries(t, a, n); err != nil {
		return err
	}
	return addPoints(t, a, n)
}

// putPoint is putMetrics for the one point of most calls: run and series are
// found by one query.
func putPoint(t *tx, id string, m Metric) error {
	var a active
	var deleted bool
	var status string
	var series, step, time, loose sql.NullInt64
	var value sql.NullFloat64
	var nan sql.NullBool
	err := t.row(`SELECT r.seq, r.experiment, r.deleted, r.status, s.id, s.step, s.time, s.value, s.nan, s.loose
		FROM runs r LEFT JOIN series s ON s.run = r.seq AND s.key = ?2 WHERE r.id = ?1`, id, m.Key).
		Scan(&a.seq, &a.experiment, &deleted, &status, &series, &step, &time, &value, &nan, &loose)
	if err := changeRun(t, a, id, deleted, status, err); err != nil {
		return err
	}
	if !series.Valid {
		return putMetrics(t, a, groupMetrics([]Metric{m}))
	}
	t.known.drop(a.seq)
	p := newPoint(m)
	if last := (point{step.Int64, time.Int64, value.Float64, nan.Bool}); p.later(last) {
		err = t.exec("UPDATE series SET step = ?, time = ?, value = ?, nan = ?, loose = loose + 1 WHERE id = ?", p.step, p.time, p.value, p.nan, series.Int64)
	} else {
		err = t.exec("UPDATE series SET loose = loose + 1 WHERE id = ?", series.Int64)
	}
	if err == nil {
		err = t.exec(insertPoints.one, series.Int64, p.time, p.step, p.value, p.nan)
	}
	if err == nil && loose.Int64+1 >= gatherFrom {
		_, err = gatherLoose(t, series.Int64)
	}
	return err
}

// findSeries fills in what is stored of the series; nil for those that are not.
func findSeries(t *tx, a active, all []*series) error {
	var known map[string]*stored
	if many := len(all) >= blockFrom; many {
		var err error
		if known, err = t.known.of(t, a.seq); err != nil {
			return err
		}
	} else {
		t.known.drop(a.seq) // what follows is not noted there
	}
	unknown := make(map[string]*series)
	var keys []string
	for _, s := range all {
		if s.stored = known[s.key]; s.stored == nil {
			unknown[s.key], keys = s, append(keys, s.key)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	query, arg := "SELECT id, key, step, time, value, nan, loose FROM series WHERE run = ? AND key = ?", keys[0]
	if len(keys) > 1 {
		text, err := json.Marshal(keys)
		if err != nil {
			return err
		}
		query, arg = "SELECT id, key, step, time, value, nan, loose FROM series WHERE run = ? AND key IN (SELECT value FROM json_each(?))", string(text)
	}
	rows, err := t.query(query, a.seq, arg)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var key string
		s := new(stored)
		if err := rows.Scan(&s.id, &key, &s.last.step, &s.last.time, &s.last.value, &s.last.nan, &s.loose); err != nil {
			return err
		}
		unknown[key].stored = s
	}
	return rows.Err()
}

// moveSeries writes the series that are new, or whose latest point or number of
// rows has changed.
func moveSeries(t *tx, a active, n newPoints) error {
	var next int64
	args := make([]any, 0, len(n.series)*upsertSeries.columns)
	for _, s := range n.series {
		fresh := s.stored == nil
		if fresh && next == 0 {
			// The writer is alone in its transaction, so it may number rows itself.
			if err := t.row("SELECT coalesce(max(id), 0) + 1 FROM series").Scan(&next); err != nil {
				return err
			}
		}
		if fresh {
			s.stored = &stored{id: next}
			next++
		}
		loose := 0
		if !n.batch {
			loose = len(s.rows)
		}
		moved := fresh || s.top.later(s.last)
		if moved {
			s.last = s.top
		}
		if moved || loose > 0 {
			args = append(args, s.id, a.seq, s.key, a.experiment, s.last.step, s.last.time, s.last.value, s.last.nan, loose)
		}
		s.loose += loose
		if len(n.series) >= blockFrom {
			t.known.add(a.seq, s.key, s.stored)
		}
	}
	return upsertSeries.exec(t, args)
}

func addPoints(t *tx, a active, n newPoints) error {
	for _, s := range n.series {
		if err := addBlocks(t, s.id, s.blocks); err != nil {
			return err
		}
	}
	if n.batch {
		return addBatch(t, a.seq, n.series)
	}
	var args []any
	for _, s := range n.series {
		for _, p := range s.rows {
			args = append(args, s.id, p.time, p.step, p.value, p.nan)
		}
	}
	if err := insertPoints.exec(t, args); err != nil {
		return err
	}
	for _, s := range n.series {
		if s.loose >= gatherFrom {
			s.loose = 0
			if _, err := gatherLoose(t, s.id); err != nil {
				return err
			}
		}
	}
	return nil
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
	upsertSeries = newBulk(9, "INSERT INTO series (id, run, key, experiment, step, time, value, nan, loose) VALUES ",
		" ON CONFLICT (id) DO UPDATE SET step = excluded.step, time = excluded.time, value = excluded.value, nan = excluded.nan, loose = loose + excluded.loose")
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
