package registry

import "math"

// gatherImported makes blocks of the long ones of the series that were imported.
func gatherImported(t *tx) (int64, error) {
	const imported = "SELECT s.id FROM temp.new_runs n JOIN main.runs r ON r.id = n.id JOIN main.series s ON s.run = r.seq"
	if err := t.exec("UPDATE main.series SET loose = (SELECT count(*) FROM main.points p WHERE p.series = series.id) WHERE id IN (" + imported + ")"); err != nil {
		return 0, err
	}
	rows, err := t.query(imported+" WHERE s.loose >= ?", gatherFrom)
	long, err := collect(rows, err, func(scan scanner) (id int64, err error) {
		err = scan(&id)
		return id, err
	})
	if err != nil {
		return 0, err
	}
	for _, id := range long {
		for more := true; more; {
			if more, err = gatherLoose(t, id); err != nil {
				return 0, err
			}
		}
	}
	return 0, nil
}

// exportPoints writes every point of every series. MLflow keeps infinities as
// the greatest numbers.
func exportPoints(t *tx) (written int64, err error) {
	type owner struct {
		id       int64
		run, key string
	}
	for last := int64(0); ; {
		rows, err := t.query("SELECT s.id, r.id, s.key FROM main.series s JOIN main.runs r ON r.seq = s.run WHERE s.id > ? ORDER BY s.id LIMIT 1000", last)
		some, err := collect(rows, err, func(scan scanner) (o owner, err error) {
			err = scan(&o.id, &o.run, &o.key)
			return o, err
		})
		if err != nil || len(some) == 0 {
			return written, err
		}
		for _, o := range some {
			err := eachOf(t, o.id, 0, func(p point) (bool, error) {
				n, err := t.changed("INSERT OR IGNORE INTO mlflow.metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, ?, ?, ?, ?)",
					o.key, max(min(p.value, math.MaxFloat64), -math.MaxFloat64), p.time, o.run, p.step, p.nan)
				written += n
				return true, err
			})
			if err != nil {
				return written, err
			}
			last = o.id
		}
	}
}
