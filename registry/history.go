package registry

import (
	"context"
	"database/sql"
	"errors"
)

// History returns the points of a series from offset on, at most limit (0:
// all), by time, step and value, and whether there are more.
func (r *Registry) History(ctx context.Context, id, key string, offset, limit int) (list []Metric, more bool, err error) {
	more, err = r.eachPoint(ctx, id, key, offset, limit, func(m Metric) error {
		list = append(list, m)
		return nil
	})
	return list, more, err
}

// EachPoint calls do for the points of a series, by time, step and value: for
// all with limit 0, otherwise for a page, and returns the token of the next.
// The points come as they are read, so a long series is never held in memory.
func (r *Registry) EachPoint(ctx context.Context, id, key, token string, limit int, do func(Metric) error) (next string, err error) {
	offset, err := parseToken(token)
	if err != nil {
		return "", err
	}
	more, err := r.eachPoint(ctx, id, key, offset, limit, do)
	if more {
		next = pageToken(offset + limit)
	}
	return next, err
}

func (r *Registry) eachPoint(ctx context.Context, id, key string, offset, limit int, do func(Metric) error) (more bool, err error) {
	most := -1 // SQLite: no limit
	if limit > 0 {
		most = limit + 1
	}
	err = r.view(ctx, func(t *tx) error {
		series, err := seriesOf(t, id, key)
		if err != nil || series == 0 {
			return err
		}
		rows, err := t.query("SELECT step, time, value, nan FROM points WHERE series = ? ORDER BY time, step, value LIMIT ? OFFSET ?",
			series, most, offset)
		if err != nil {
			return err
		}
		defer rows.Close()
		for n := 0; rows.Next(); n++ {
			if n == limit && limit > 0 {
				more = true
				break
			}
			var p point
			if err := rows.Scan(&p.step, &p.time, &p.value, &p.nan); err != nil {
				return err
			}
			if err := do(p.metric(key)); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	return more, err
}

// seriesOf finds a series, 0 for a metric that the run does not have.
func seriesOf(q querier, run, key string) (id int64, err error) {
	seq, err := seqOf(q, run)
	if err != nil {
		return 0, err
	}
	err = q.row("SELECT id FROM series WHERE run = ? AND key = ?", seq, key).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return id, err
}

func points(key string, rows *sql.Rows, err error) ([]Metric, error) {
	return collect(rows, err, func(scan scanner) (Metric, error) {
		var p point
		err := scan(&p.step, &p.time, &p.value, &p.nan)
		return p.metric(key), err
	})
}
