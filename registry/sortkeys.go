package registry

import (
	"context"
	"fmt"
)

// MissingKeys returns the names of the metrics, params and tags of sort keys that
// no run has. MLflow sorts by them all the same, which changes nothing, so
// that a person who has mistyped one is not told.
func (r *Registry) MissingKeys(ctx context.Context, orderBy []string) (missing []string, err error) {
	order, err := parseOrder(runEntity.grammar, orderBy)
	if err != nil {
		return nil, err
	}
	err = r.view(ctx, func(t *tx) error {
		for _, o := range order {
			k, ok := runEntity.keyed[o.Field.Kind]
			if !ok {
				continue
			}
			var found bool
			// By experiment, because that is how the indexes begin.
			q := fmt.Sprintf("SELECT EXISTS (SELECT 1 FROM experiments e JOIN %s x ON x.experiment = e.id AND x.key = ?)", k.table)
			if err := t.row(q, o.Field.Name).Scan(&found); err != nil {
				return err
			}
			if !found {
				missing = append(missing, o.Field.Name)
			}
		}
		return nil
	})
	return missing, err
}
