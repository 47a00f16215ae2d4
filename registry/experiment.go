package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// NewExperiment describes an experiment that is to be created.
type NewExperiment struct {
	Name string
	// ArtifactLocation is the URI under which its runs keep their files;
	// empty: "mlflow-artifacts:/ID", which the server's proxy resolves.
	ArtifactLocation string
	Tags             []Pair
}

// CreateExperiment adds an experiment; ErrExists when the name is taken, also
// by a deleted one, which owns its name until it is purged.
func (r *Registry) CreateExperiment(ctx context.Context, n NewExperiment) (e Experiment, err error) {
	err = r.update(ctx, func(t *tx) error {
		e, err = createExperiment(t, n)
		return err
	})
	return e, err
}

// EnsureExperiment returns the experiment of that name and creates it where
// there is none; ErrConflict when it is deleted.
func (r *Registry) EnsureExperiment(ctx context.Context, name string) (Experiment, error) {
	e, err := r.ExperimentByName(ctx, name)
	if errors.Is(err, ErrNotFound) {
		err = r.update(ctx, func(t *tx) error {
			e, err = ensureExperiment(t, name)
			return err
		})
	}
	return e, notDeleted(e, err)
}

func ensureExperiment(t *tx, name string) (Experiment, error) {
	e, err := experimentWhere(t, name, "name = ?", name)
	if errors.Is(err, ErrNotFound) {
		e, err = createExperiment(t, NewExperiment{Name: name})
	}
	return e, notDeleted(e, err)
}

func notDeleted(e Experiment, err error) error {
	if err == nil && e.Deleted {
		err = conflict("experiment", e.Name, "experiment %q is deleted; restore it or use another name", e.Name)
	}
	return err
}

// ExperimentByName returns an experiment, deleted or not.
func (r *Registry) ExperimentByName(ctx context.Context, name string) (e Experiment, err error) {
	err = r.view(ctx, func(t *tx) error {
		e, err = experimentWhere(t, name, "name = ?", name)
		return err
	})
	return e, err
}

// Experiment returns an experiment by id, deleted or not.
func (r *Registry) Experiment(ctx context.Context, id int64) (e Experiment, err error) {
	err = r.view(ctx, func(t *tx) error {
		e, err = experimentByID(t, id)
		return err
	})
	return e, err
}

// RenameExperiment gives an experiment another name.
func (r *Registry) RenameExperiment(ctx context.Context, id int64, name string) error {
	return r.update(ctx, func(t *tx) error {
		e, err := activeExperiment(t, id)
		if err != nil {
			return err
		}
		if other, err := experimentWhere(t, name, "name = ?", name); err == nil && other.ID != e.ID {
			return exists("experiment", name)
		}
		return t.exec("UPDATE experiments SET name = ?, updated = ? WHERE id = ?", name, t.now.UnixMilli(), id)
	})
}

// DeleteExperiment hides an experiment and its runs until it is restored.
func (r *Registry) DeleteExperiment(ctx context.Context, id int64, why Audit) error {
	return r.update(ctx, func(t *tx) error {
		if _, err := activeExperiment(t, id); err != nil {
			return err
		}
		if err := setDeleted(t, id, true); err != nil {
			return err
		}
		return audit(t, why, "experiment.delete", strconv.FormatInt(id, 10), "", "")
	})
}

// RestoreExperiment undoes DeleteExperiment.
func (r *Registry) RestoreExperiment(ctx context.Context, id int64) error {
	return r.update(ctx, func(t *tx) error {
		if e, err := experimentByID(t, id); err != nil {
			return err
		} else if !e.Deleted {
			return notFound("deleted experiment", strconv.FormatInt(id, 10))
		}
		return setDeleted(t, id, false)
	})
}

// SetExperimentTags adds or replaces tags.
func (r *Registry) SetExperimentTags(ctx context.Context, id int64, tags []Pair) error {
	return r.update(ctx, func(t *tx) error {
		if _, err := activeExperiment(t, id); err != nil {
			return err
		}
		return setExperimentTags(t, id, tags)
	})
}

// DeleteExperimentTag removes a tag; ErrNotFound when it is not there.
func (r *Registry) DeleteExperimentTag(ctx context.Context, id int64, key string) error {
	return r.update(ctx, func(t *tx) error {
		if _, err := activeExperiment(t, id); err != nil {
			return err
		}
		n, err := t.changed("DELETE FROM experiment_tags WHERE experiment = ? AND key = ?", id, key)
		if err == nil && n == 0 {
			err = notFound("tag", key)
		}
		return err
	})
}

func createExperiment(t *tx, n NewExperiment) (Experiment, error) {
	if n.Name == "" {
		return Experiment{}, invalid("experiment", "", "an experiment needs a name")
	}
	if _, err := experimentWhere(t, n.Name, "name = ?", n.Name); err == nil {
		return Experiment{}, exists("experiment", n.Name)
	}
	now := t.now.UnixMilli()
	id, err := t.insert("INSERT INTO experiments (name, artifact_location, created, updated) VALUES (?, ?, ?, ?)",
		n.Name, n.ArtifactLocation, now, now)
	if err != nil {
		return Experiment{}, err
	}
	if n.ArtifactLocation == "" {
		location := fmt.Sprintf("mlflow-artifacts:/%d", id)
		if err := t.exec("UPDATE experiments SET artifact_location = ? WHERE id = ?", location, id); err != nil {
			return Experiment{}, err
		}
	}
	if err := setExperimentTags(t, id, n.Tags); err != nil {
		return Experiment{}, err
	}
	return experimentByID(t, id)
}

func setExperimentTags(t *tx, id int64, tags []Pair) error {
	for _, p := range tags {
		if err := t.exec("INSERT OR REPLACE INTO experiment_tags (experiment, key, value) VALUES (?, ?, ?)", id, p.Key, p.Value); err != nil {
			return err
		}
	}
	return t.exec("UPDATE experiments SET updated = ? WHERE id = ?", t.now.UnixMilli(), id)
}

// setDeleted hides or shows an experiment together with its runs. A run that
// was deleted by itself has a deleted_at and so stays deleted.
func setDeleted(t *tx, id int64, deleted bool) error {
	if err := t.exec("UPDATE experiments SET deleted = ?, updated = ? WHERE id = ?", deleted, t.now.UnixMilli(), id); err != nil {
		return err
	}
	return t.exec("UPDATE runs SET deleted = ?1, revision = revision + 1 WHERE experiment = ?2 AND deleted <> ?1 AND deleted_at IS NULL", deleted, id)
}

// activeExperiment returns an experiment that may be written to.
func activeExperiment(q querier, id int64) (Experiment, error) {
	e, err := experimentByID(q, id)
	if err == nil && e.Deleted {
		err = conflict("experiment", strconv.FormatInt(id, 10), "experiment %d (%q) is deleted", id, e.Name)
	}
	return e, err
}

func experimentByID(q querier, id int64) (Experiment, error) {
	return experimentWhere(q, strconv.FormatInt(id, 10), "id = ?", id)
}

const experimentColumns = "id, name, artifact_location, deleted, created, updated"

func experimentWhere(q querier, name, where string, arg any) (Experiment, error) {
	e, err := scanExperiment(q.row("SELECT "+experimentColumns+" FROM experiments WHERE "+where, arg).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return e, notFound("experiment", name)
	}
	if err != nil {
		return e, err
	}
	e.Tags, err = pairs(q.query("SELECT key, value FROM experiment_tags WHERE experiment = ? ORDER BY key", e.ID))
	return e, err
}

func scanExperiment(scan scanner) (e Experiment, err error) {
	var created, updated int64
	err = scan(&e.ID, &e.Name, &e.ArtifactLocation, &e.Deleted, &created, &updated)
	e.Created, e.Updated = time.UnixMilli(created).UTC(), time.UnixMilli(updated).UTC()
	return e, err
}
