package registry

import (
	"context"
	"strings"
)

// Names returns the names of metrics, params or tags that contain a text, whatever
// its case, in order and at most so many. kind is "metrics", "params" or "tags".
// Of params and tags, those count that have a value of at most 250 letters.
func (r *Registry) Names(ctx context.Context, kind, find string, limit int) (names []string, err error) {
	from := map[string]string{"metrics": "series WHERE", "params": "params WHERE length(value) <= 250 AND", "tags": "tags WHERE length(value) <= 250 AND"}[kind]
	if from == "" {
		return nil, invalid("kind", kind, "%q is none of metrics, params and tags", kind)
	}
	err = r.view(ctx, func(t *tx) error {
		// The index on (experiment, key, …) gives the next name without a walk over
		// the runs that have this one.
		rows, err := t.query(`WITH RECURSIVE names (experiment, key) AS (
			SELECT id, (SELECT min(key) FROM `+from+` experiment = experiments.id) FROM experiments
			UNION ALL SELECT experiment, (SELECT min(key) FROM `+from+` experiment = names.experiment AND key > names.key) FROM names WHERE key IS NOT NULL)
			SELECT DISTINCT key FROM names WHERE key IS NOT NULL AND instr(lower(key), ?) > 0 ORDER BY key LIMIT ?`, strings.ToLower(find), limit)
		names, err = collect(rows, err, func(scan scanner) (name string, err error) {
			err = scan(&name)
			return name, err
		})
		return err
	})
	return names, err
}
