package registry

import (
	"context"
	"maps"

	"pipe/artifacts"
)

// lookBack is how many runs of a pipeline are searched for a stage's last key:
// a run of a single target or one that failed has not all stages.
const lookBack = 20

// LastKeys returns, for each stage of a pipeline, the key with which it last
// succeeded, among the newest runs.
func (r *Registry) LastKeys(ctx context.Context, pipeline string) (map[string]artifacts.Key, error) {
	keys := map[string]artifacts.Key{}
	err := r.view(ctx, func(t *tx) error {
		found, err := lastKeys(t, pipeline)
		maps.Copy(keys, found)
		return err
	})
	return keys, err
}

func lastKeys(q querier, pipeline string) (map[string]artifacts.Key, error) {
	rows, err := q.query(`SELECT s.name, w.key FROM stages s JOIN works w ON s.work = w.id
		JOIN (SELECT seq, stages_of FROM runs WHERE pipeline = ? AND pipeline <> '' ORDER BY seq DESC LIMIT ?) r ON s.run = r.stages_of
		WHERE w.key <> '' AND s.state IN (?, ?) ORDER BY r.seq`, pipeline, lookBack, string(StageDone), string(StageCached))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	keys := map[string]artifacts.Key{}
	for rows.Next() {
		var name, key string
		if err := rows.Scan(&name, &key); err != nil {
			return nil, err
		}
		keys[name] = artifacts.Key(key) // a newer run comes later and wins
	}
	return keys, rows.Err()
}
