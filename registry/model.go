package registry

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// CreateModel adds a registered model without versions; ErrExists when the
// name is taken.
func (r *Registry) CreateModel(ctx context.Context, name, description string, tags []Pair) (m RegisteredModel, err error) {
	err = r.update(ctx, func(t *tx) error {
		if _, err := modelID(t, name); err == nil {
			return exists("model", name)
		}
		id, err := ensureModel(t, name)
		if err != nil {
			return err
		}
		if err := t.exec("UPDATE models SET description = ? WHERE id = ?", description, id); err != nil {
			return err
		}
		if err := setModelTags(t, id, tags); err != nil {
			return err
		}
		m, err = model(t, name)
		return err
	})
	return m, err
}

// Model returns a registered model.
func (r *Registry) Model(ctx context.Context, name string) (m RegisteredModel, err error) {
	err = r.view(ctx, func(t *tx) error {
		m, err = model(t, name)
		return err
	})
	return m, err
}

// Models returns all registered models by name.
func (r *Registry) Models(ctx context.Context) (list []RegisteredModel, err error) {
	err = r.view(ctx, func(t *tx) error {
		rows, err := t.query("SELECT name FROM models ORDER BY name")
		names, err := collect(rows, err, func(scan scanner) (s string, err error) {
			err = scan(&s)
			return s, err
		})
		for _, name := range names {
			if err != nil {
				break
			}
			var m RegisteredModel
			m, err = model(t, name)
			list = append(list, m)
		}
		return err
	})
	return list, err
}

// DescribeModel replaces a model's description.
func (r *Registry) DescribeModel(ctx context.Context, name, description string) error {
	return r.updateModel(ctx, name, func(t *tx, id int64) error {
		return t.exec("UPDATE models SET description = ? WHERE id = ?", description, id)
	})
}

// RenameModel gives a model with all its versions another name.
func (r *Registry) RenameModel(ctx context.Context, name, to string, why Audit) error {
	if to == "" {
		return invalid("model", to, "a model needs a name")
	}
	return r.updateModel(ctx, name, func(t *tx, id int64) error {
		if other, err := modelID(t, to); err == nil && other != id {
			return exists("model", to)
		}
		// MLflow's clients see a rename as a change of every version.
		if err := t.exec("UPDATE versions SET updated = ? WHERE model = ?", t.now.UnixMilli(), id); err != nil {
			return err
		}
		if err := t.exec("UPDATE models SET name = ? WHERE id = ?", to, id); err != nil {
			return err
		}
		return audit(t, why, "model.rename", name, name, to)
	})
}

// DeleteModel removes a model with its versions, tags and aliases. Artifacts
// and runs stay.
func (r *Registry) DeleteModel(ctx context.Context, name string, why Audit) error {
	return r.updateModel(ctx, name, func(t *tx, id int64) error {
		if err := t.exec("DELETE FROM models WHERE id = ?", id); err != nil {
			return err
		}
		return audit(t, why, "model.delete", name, "", "")
	})
}

// SetModelTags adds or replaces tags of a model.
func (r *Registry) SetModelTags(ctx context.Context, name string, tags []Pair) error {
	return r.updateModel(ctx, name, func(t *tx, id int64) error { return setModelTags(t, id, tags) })
}

// DeleteModelTag removes a tag of a model; one that is not there is no error,
// as in MLflow.
func (r *Registry) DeleteModelTag(ctx context.Context, name, key string) error {
	return r.updateModel(ctx, name, func(t *tx, id int64) error {
		return t.exec("DELETE FROM model_tags WHERE model = ? AND key = ?", id, key)
	})
}

// updateModel changes a model that must exist, and its time of change.
func (r *Registry) updateModel(ctx context.Context, name string, do func(t *tx, id int64) error) error {
	return r.update(ctx, func(t *tx) error {
		id, err := modelID(t, name)
		if err != nil {
			return err
		}
		if err := touchModel(t, id); err != nil {
			return err
		}
		return do(t, id)
	})
}

func touchModel(t *tx, id int64) error {
	return t.exec("UPDATE models SET updated = ? WHERE id = ?", t.now.UnixMilli(), id)
}

func modelID(q querier, name string) (id int64, err error) {
	err = q.row("SELECT id FROM models WHERE name = ?", name).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		err = notFound("model", name)
	}
	return id, err
}

// ensureModel returns the id of a model that it creates where there is none.
func ensureModel(t *tx, name string) (int64, error) {
	if name == "" {
		return 0, invalid("model", name, "a model needs a name")
	}
	id, err := modelID(t, name)
	if errors.Is(err, ErrNotFound) {
		now := t.now.UnixMilli()
		id, err = t.insert("INSERT INTO models (name, created, updated) VALUES (?, ?, ?)", name, now, now)
	}
	return id, err
}

func setModelTags(t *tx, id int64, tags []Pair) error {
	for _, p := range tags {
		if err := t.exec("INSERT OR REPLACE INTO model_tags (model, key, value) VALUES (?, ?, ?)", id, p.Key, p.Value); err != nil {
			return err
		}
	}
	return nil
}

func model(q querier, name string) (m RegisteredModel, err error) {
	id, err := modelID(q, name)
	if err != nil {
		return m, err
	}
	var created, updated int64
	if err := q.row("SELECT name, description, created, updated FROM models WHERE id = ?", id).
		Scan(&m.Name, &m.Description, &created, &updated); err != nil {
		return m, err
	}
	m.Created, m.Updated = time.UnixMilli(created).UTC(), time.UnixMilli(updated).UTC()
	if m.Tags, err = pairs(q.query("SELECT key, value FROM model_tags WHERE model = ? ORDER BY key", id)); err != nil {
		return m, err
	}
	if m.Aliases, err = aliasesOf(q, id); err != nil {
		return m, err
	}
	m.Latest, err = versionsWhere(q, `v.id IN (SELECT max(id) FROM versions WHERE model = ? GROUP BY stage) ORDER BY v.version`, id)
	return m, err
}
