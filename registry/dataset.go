package registry

import (
	"context"
	"database/sql"
	"encoding/json"
)

// LogInputs records which datasets a run read. The same dataset again adds its
// tags.
func (r *Registry) LogInputs(ctx context.Context, id string, list []DatasetInput) error {
	return r.update(ctx, func(t *tx) error {
		a, err := activeRun(t, id)
		if err != nil {
			return err
		}
		for _, in := range list {
			if err := putInput(t, a, in); err != nil {
				return err
			}
		}
		return nil
	})
}

func putInput(t *tx, a active, in DatasetInput) error {
	d := in.Dataset
	if err := t.exec(`INSERT INTO datasets (experiment, name, digest, source_type, source, schema, profile) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO NOTHING`, a.experiment, d.Name, d.Digest, d.SourceType, d.Source, d.Schema, d.Profile); err != nil {
		return err
	}
	var dataset int64
	if err := t.row("SELECT id FROM datasets WHERE experiment = ? AND name = ? AND digest = ?", a.experiment, d.Name, d.Digest).
		Scan(&dataset); err != nil {
		return err
	}
	if err := t.exec("INSERT INTO inputs (run, dataset) VALUES (?, ?) ON CONFLICT DO NOTHING", a.seq, dataset); err != nil {
		return err
	}
	for _, p := range in.Tags {
		if err := t.exec("INSERT OR REPLACE INTO input_tags (run, dataset, key, value) VALUES (?, ?, ?, ?)",
			a.seq, dataset, p.Key, p.Value); err != nil {
			return err
		}
	}
	return nil
}

// attachInputs reads the datasets of a page of runs.
func attachInputs(q querier, ids string, at map[int64]*Run) error {
	rows, err := q.query(`SELECT i.run, d.name, d.digest, d.source_type, d.source, d.schema, d.profile, g.key, g.value
		FROM inputs i JOIN datasets d ON d.id = i.dataset LEFT JOIN input_tags g ON g.run = i.run AND g.dataset = i.dataset
		WHERE i.run IN (SELECT value FROM json_each(?)) ORDER BY i.run, i.dataset, g.key`, ids)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var run int64
		var d Dataset
		var key, value sql.NullString
		if err := rows.Scan(&run, &d.Name, &d.Digest, &d.SourceType, &d.Source, &d.Schema, &d.Profile, &key, &value); err != nil {
			return err
		}
		list := &at[run].Inputs
		if n := len(*list); n == 0 || (*list)[n-1].Dataset != d {
			*list = append(*list, DatasetInput{Dataset: d})
		}
		if key.Valid {
			in := &(*list)[len(*list)-1]
			in.Tags = append(in.Tags, Pair{key.String, value.String})
		}
	}
	return rows.Err()
}

// DatasetUse is a dataset of an experiment and what runs used it for.
type DatasetUse struct {
	Experiment            int64
	Name, Digest, Context string
}

// DatasetUses returns the datasets that the active runs of experiments read,
// each once for each context, at most limit.
func (r *Registry) DatasetUses(ctx context.Context, experiments []int64, limit int) (list []DatasetUse, err error) {
	ids, err := json.Marshal(experiments)
	if err != nil {
		return nil, err
	}
	err = r.view(ctx, func(t *tx) error {
		rows, err := t.query(`SELECT DISTINCT d.experiment, d.name, d.digest, coalesce(g.value, '')
			FROM datasets d JOIN inputs i ON i.dataset = d.id JOIN runs r ON r.seq = i.run AND r.deleted = 0
			LEFT JOIN input_tags g ON g.run = i.run AND g.dataset = i.dataset AND g.key = 'mlflow.data.context'
			WHERE d.experiment IN (SELECT value FROM json_each(?)) ORDER BY 1, 2, 3, 4 LIMIT ?`, string(ids), limit)
		list, err = collect(rows, err, func(scan scanner) (u DatasetUse, err error) {
			err = scan(&u.Experiment, &u.Name, &u.Digest, &u.Context)
			return u, err
		})
		return err
	})
	return list, err
}
