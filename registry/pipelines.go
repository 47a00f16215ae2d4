package registry

import "context"

// Pipelines returns the names of the pipelines that have run, the one with the
// newest run first.
func (r *Registry) Pipelines(ctx context.Context) (names []string, err error) {
	err = r.view(ctx, func(t *tx) error {
		// The index on (pipeline, seq) gives each name's newest run without a walk
		// over its runs.
		rows, err := t.query(`WITH RECURSIVE names (name) AS (
			SELECT min(pipeline) FROM runs WHERE pipeline <> ''
			UNION ALL SELECT (SELECT min(pipeline) FROM runs WHERE pipeline > names.name AND pipeline <> '') FROM names WHERE names.name IS NOT NULL)
			SELECT name FROM names WHERE name IS NOT NULL
			ORDER BY (SELECT max(seq) FROM runs WHERE pipeline = names.name AND pipeline <> '') DESC, name`)
		names, err = collect(rows, err, func(scan scanner) (name string, err error) {
			err = scan(&name)
			return name, err
		})
		return err
	})
	return names, err
}
