package registry

import (
	"context"
	"database/sql"
	"errors"
)

// ExperimentOfRun returns the experiment that a run belongs to, deleted or not.
func (r *Registry) ExperimentOfRun(ctx context.Context, id string) (int64, error) {
	return r.belongs(ctx, "run", "SELECT experiment FROM runs WHERE id = ?", id)
}

// ExperimentOfLoggedModel returns the experiment of a logged model.
func (r *Registry) ExperimentOfLoggedModel(ctx context.Context, id string) (int64, error) {
	return r.belongs(ctx, "logged model", "SELECT experiment FROM logged_models WHERE id = ?", id)
}

// ExperimentOfTrace returns the experiment of a trace.
func (r *Registry) ExperimentOfTrace(ctx context.Context, id string) (int64, error) {
	return r.belongs(ctx, "trace", "SELECT experiment FROM traces WHERE id = ?", id)
}

func (r *Registry) belongs(ctx context.Context, what, query, id string) (experiment int64, err error) {
	err = r.view(ctx, func(t *tx) error {
		err := t.row(query, id).Scan(&experiment)
		if errors.Is(err, sql.ErrNoRows) {
			return notFound(what, id)
		}
		return err
	})
	return experiment, err
}
