package registry

import (
	"context"
	"database/sql"
	"errors"
)

// Run returns a run with all that belongs to it, by its id or by a beginning
// of it that no other run shares; ErrInvalid where several do.
func (r *Registry) Run(ctx context.Context, idOrPrefix string) (d RunDetail, err error) {
	err = r.view(ctx, func(t *tx) error {
		seq, err := resolveRun(t, idOrPrefix)
		if err != nil {
			return err
		}
		d, err = detail(t, seq)
		return err
	})
	return d, err
}

func resolveRun(q querier, idOrPrefix string) (int64, error) {
	seq, err := seqOf(q, idOrPrefix)
	if !errors.Is(err, ErrNotFound) || idOrPrefix == "" {
		return seq, err
	}
	// All ids with the prefix lie between it and the prefix followed by a byte
	// that no id contains.
	rows, err := q.query("SELECT seq FROM runs WHERE id > ?1 AND id < ?1 || '~' LIMIT 2", idOrPrefix)
	found, err := collect(rows, err, func(scan scanner) (n int64, err error) {
		err = scan(&n)
		return n, err
	})
	switch {
	case err != nil:
		return 0, err
	case len(found) == 0:
		return 0, notFound("run", idOrPrefix)
	case len(found) == 2:
		return 0, invalid("run", idOrPrefix, "several runs begin with %q; give more digits", idOrPrefix)
	}
	return found[0], nil
}

func detail(q querier, seq int64) (d RunDetail, err error) {
	if d.Run, err = runBySeq(q, seq); err != nil {
		return d, err
	}
	if d.PipelineDigest != "" {
		if err = q.row("SELECT text FROM pipelines WHERE digest = ?", string(d.PipelineDigest)).Scan(&d.PipelineText); err != nil {
			return d, err
		}
	}
	if d.Stages, err = stagesOf(q, seq); err != nil {
		return d, err
	}
	rows, err := q.query(`SELECT m.name, v.version FROM versions v JOIN models m ON m.id = v.model
		WHERE v.run_id = ? ORDER BY m.name, v.version`, d.ID)
	d.Versions, err = collect(rows, err, func(scan scanner) (v VersionName, err error) {
		err = scan(&v.Model, &v.Version)
		return v, err
	})
	return d, err
}

// History returns the points of a series from offset on, at most limit (0:
// all), by time, step and value, and whether there are more.
func (r *Registry) History(ctx context.Context, id, key string, offset, limit int) (list []Metric, more bool, err error) {
	if limit <= 0 {
		limit = -2 // SQLite: below zero is no limit
	}
	err = r.view(ctx, func(t *tx) error {
		seq, err := seqOf(t, id)
		if err != nil {
			return err
		}
		var series int64
		err = t.row("SELECT id FROM series WHERE run = ? AND key = ?", seq, key).Scan(&series)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		} else if err != nil {
			return err
		}
		rows, err := t.query("SELECT step, time, value, nan FROM points WHERE series = ? ORDER BY time, step, value LIMIT ? OFFSET ?",
			series, limit+1, offset)
		list, err = points(key, rows, err)
		return err
	})
	if limit > 0 && len(list) > limit {
		return list[:limit], true, err
	}
	return list, false, err
}

func points(key string, rows *sql.Rows, err error) ([]Metric, error) {
	return collect(rows, err, func(scan scanner) (Metric, error) {
		var p point
		err := scan(&p.step, &p.time, &p.value, &p.nan)
		return p.metric(key), err
	})
}
