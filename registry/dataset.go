package registry

import (
	"context"
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

func inputsOf(q querier, seq int64) ([]DatasetInput, error) {
	var ids []int64
	rows, err := q.query(`SELECT d.id, d.name, d.digest, d.source_type, d.source, d.schema, d.profile
		FROM inputs i JOIN datasets d ON d.id = i.dataset WHERE i.run = ? ORDER BY d.id`, seq)
	list, err := collect(rows, err, func(scan scanner) (in DatasetInput, err error) {
		var id int64
		d := &in.Dataset
		err = scan(&id, &d.Name, &d.Digest, &d.SourceType, &d.Source, &d.Schema, &d.Profile)
		ids = append(ids, id)
		return in, err
	})
	for i, id := range ids {
		if err != nil {
			break
		}
		list[i].Tags, err = pairs(q.query("SELECT key, value FROM input_tags WHERE run = ? AND dataset = ? ORDER BY key", seq, id))
	}
	return list, err
}
