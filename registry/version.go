package registry

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"pipe/artifacts"
)

// RegisterVersion adds a version to a model, which it creates where there is
// none, and reports whether it did: the same model artifact registered again
// gives the version that is there, unchanged. A version without an artifact
// (registered by URI) is always new.
func (r *Registry) RegisterVersion(ctx context.Context, n NewVersion) (v ModelVersion, created bool, err error) {
	if n.Ref != (artifacts.Ref{}) {
		if err := n.Ref.Validate(); err != nil {
			return v, false, invalid("model", n.Model, "model %q: %v", n.Model, err)
		}
	}
	if len(n.Signature) > 0 && !json.Valid(n.Signature) {
		return v, false, invalid("model", n.Model, "model %q: the signature is not JSON", n.Model)
	}
	err = r.update(ctx, func(t *tx) error {
		v, created, err = registerVersion(t, n)
		return err
	})
	return v, created, err
}

func registerVersion(t *tx, n NewVersion) (ModelVersion, bool, error) {
	model, err := ensureModel(t, n.Model)
	if err != nil {
		return ModelVersion{}, false, err
	}
	var artifact any
	if n.Ref.Digest != "" {
		id, err := keepArtifact(t, n.Ref)
		if err != nil {
			return ModelVersion{}, false, err
		}
		switch old, err := versionWhere(t, "v.model = ? AND v.artifact = ?", model, id); {
		case err == nil:
			return old, false, nil
		case !errors.Is(err, ErrNotFound):
			return ModelVersion{}, false, err
		}
		artifact = id
	}
	var number int
	if err := t.row("UPDATE models SET next_version = max(next_version, ?1) + 1, updated = ?2 WHERE id = ?3 RETURNING next_version - 1",
		n.Version, t.now.UnixMilli(), model).Scan(&number); err != nil {
		return ModelVersion{}, false, err
	}
	if n.Version > 0 && n.Version < number {
		return ModelVersion{}, false, conflict("version", fmt.Sprintf("%s/%d", n.Model, n.Version), "model %q has newer versions than %d already", n.Model, n.Version)
	}
	id, err := t.insert(`INSERT INTO versions (model, version, artifact, source, storage_uri, run_id, run_link, model_id, user, description,
		signature, created, updated) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		model, number, artifact, n.Source, n.StorageURI, n.RunID, n.RunLink, n.ModelID, n.User, n.Description,
		string(n.Signature), t.now.UnixMilli(), t.now.UnixMilli())
	if err != nil {
		return ModelVersion{}, false, err
	}
	if err := errors.Join(setVersionTags(t, id, n.Tags), setVersionMetrics(t, id, n.Metrics)); err != nil {
		return ModelVersion{}, false, err
	}
	v, err := versionWhere(t, "v.id = ?", id)
	return v, true, err
}

func setVersionTags(t *tx, id int64, tags []Pair) error {
	for _, p := range tags {
		if err := t.exec("INSERT OR REPLACE INTO version_tags (version, key, value) VALUES (?, ?, ?)", id, p.Key, p.Value); err != nil {
			return err
		}
	}
	return nil
}

func setVersionMetrics(t *tx, id int64, metrics map[string]float64) error {
	for _, key := range slices.Sorted(maps.Keys(metrics)) {
		p := newPoint(Metric{Value: metrics[key]})
		if err := t.exec("INSERT INTO version_metrics (version, key, value, nan) VALUES (?, ?, ?, ?)", id, key, p.value, p.nan); err != nil {
			return err
		}
	}
	return nil
}

// Version returns a version of a model.
func (r *Registry) Version(ctx context.Context, model string, version int) (v ModelVersion, err error) {
	err = r.view(ctx, func(t *tx) error {
		v, err = versionOf(t, model, version)
		return err
	})
	return v, err
}

// ModelVersions returns the versions of a model, oldest first.
func (r *Registry) ModelVersions(ctx context.Context, model string) (list []ModelVersion, err error) {
	err = r.view(ctx, func(t *tx) error {
		id, err := modelID(t, model)
		if err == nil {
			list, err = versionsWhere(t, "v.model = ? ORDER BY v.version", id)
		}
		return err
	})
	return list, err
}

// DescribeVersion replaces a version's description.
func (r *Registry) DescribeVersion(ctx context.Context, model string, version int, description string) error {
	return r.updateVersion(ctx, model, version, touchesVersion, func(t *tx, id int64) error {
		return t.exec("UPDATE versions SET description = ? WHERE id = ?", description, id)
	})
}

// SetVersionTags adds or replaces tags of a version.
func (r *Registry) SetVersionTags(ctx context.Context, model string, version int, tags []Pair) error {
	return r.updateVersion(ctx, model, version, touchesNothing, func(t *tx, id int64) error { return setVersionTags(t, id, tags) })
}

// DeleteVersionTag removes a tag of a version; one that is not there is no
// error, as in MLflow.
func (r *Registry) DeleteVersionTag(ctx context.Context, model string, version int, key string) error {
	return r.updateVersion(ctx, model, version, touchesNothing, func(t *tx, id int64) error {
		return t.exec("DELETE FROM version_tags WHERE version = ? AND key = ?", id, key)
	})
}

// DeleteVersion removes a version and the aliases that point to it. Its number
// is never given again; its artifact and its run stay.
func (r *Registry) DeleteVersion(ctx context.Context, model string, version int, why Audit) error {
	return r.updateVersion(ctx, model, version, touchesModel, func(t *tx, id int64) error {
		var digest sql.NullString
		if err := t.row("SELECT a.digest FROM versions v LEFT JOIN artifacts a ON a.id = v.artifact WHERE v.id = ?", id).Scan(&digest); err != nil {
			return err
		}
		if err := t.exec("DELETE FROM versions WHERE id = ?", id); err != nil {
			return err
		}
		return audit(t, why, "version.delete", fmt.Sprintf("%s/%d", model, version), digest.String, "")
	})
}

// touches says whose time of change moves with a version's: MLflow moves that
// of the model with stages and versions, that of the version also with its
// description, and none with tags.
type touches int

const (
	touchesNothing touches = iota
	touchesVersion
	touchesModel
)

// updateVersion changes a version that must exist.
func (r *Registry) updateVersion(ctx context.Context, model string, version int, what touches, do func(t *tx, id int64) error) error {
	return r.update(ctx, func(t *tx) error {
		m, id, err := versionID(t, model, version)
		if err != nil {
			return err
		}
		if what >= touchesVersion {
			if err := t.exec("UPDATE versions SET updated = ? WHERE id = ?", t.now.UnixMilli(), id); err != nil {
				return err
			}
		}
		if what >= touchesModel {
			if err := touchModel(t, m); err != nil {
				return err
			}
		}
		return do(t, id)
	})
}

func versionID(q querier, name string, version int) (model, id int64, err error) {
	if model, err = modelID(q, name); err != nil {
		return 0, 0, err
	}
	err = q.row("SELECT id FROM versions WHERE model = ? AND version = ?", model, version).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		err = notFound("version", fmt.Sprintf("%s/%d", name, version))
	}
	return model, id, err
}

func versionOf(q querier, name string, version int) (ModelVersion, error) {
	_, id, err := versionID(q, name, version)
	if err != nil {
		return ModelVersion{}, err
	}
	return versionWhere(q, "v.id = ?", id)
}

func versionWhere(q querier, where string, args ...any) (ModelVersion, error) {
	list, err := versionsWhere(q, where, args...)
	if err == nil && len(list) == 0 {
		err = notFound("version", fmt.Sprint(args...))
	}
	if err != nil {
		return ModelVersion{}, err
	}
	return list[0], nil
}

const versionColumns = `v.id, m.name, v.version, v.status, v.stage, v.source, v.storage_uri, v.run_id, v.run_link, v.model_id, v.user,
	v.description, v.signature, v.created, v.updated, a.digest, a.type, a.format, a.size, a.rows`

// versionsWhere reads versions with all that belongs to them; where may end in
// ORDER BY and LIMIT.
func versionsWhere(q querier, where string, args ...any) ([]ModelVersion, error) {
	var ids []int64
	rows, err := q.query("SELECT "+versionColumns+` FROM versions v JOIN models m ON m.id = v.model
		LEFT JOIN artifacts a ON a.id = v.artifact WHERE `+where, args...)
	list, err := collect(rows, err, func(scan scanner) (ModelVersion, error) {
		id, v, err := scanVersion(scan)
		ids = append(ids, id)
		return v, err
	})
	for i, id := range ids {
		if err != nil {
			break
		}
		err = completeVersion(q, id, &list[i])
	}
	return list, err
}

func scanVersion(scan scanner) (id int64, v ModelVersion, err error) {
	var created, updated int64
	var signature string
	var digest, typ, format sql.NullString
	var size, rows sql.NullInt64
	err = scan(&id, &v.Model, &v.Version, &v.Status, &v.Stage, &v.Source, &v.StorageURI, &v.RunID, &v.RunLink, &v.ModelID, &v.User,
		&v.Description, &signature, &created, &updated, &digest, &typ, &format, &size, &rows)
	v.Created, v.Updated = time.UnixMilli(created).UTC(), time.UnixMilli(updated).UTC()
	v.Ref = artifacts.Ref{Type: artifacts.Type(typ.String), Digest: artifacts.Digest(digest.String), Size: size.Int64,
		Format: format.String, Rows: rows.Int64}
	if signature != "" {
		v.Signature = json.RawMessage(signature)
	}
	return id, v, err
}

func completeVersion(q querier, id int64, v *ModelVersion) (err error) {
	if v.Tags, err = pairs(q.query("SELECT key, value FROM version_tags WHERE version = ? ORDER BY key", id)); err != nil {
		return err
	}
	rows, err := q.query("SELECT key, value, nan FROM version_metrics WHERE version = ? ORDER BY key", id)
	v.Metrics, err = collect(rows, err, func(scan scanner) (Metric, error) {
		m := Metric{Time: v.Created}
		var nan bool
		err := scan(&m.Key, &m.Value, &nan)
		if nan {
			m.Value = math.NaN()
		}
		return m, err
	})
	if err != nil {
		return err
	}
	rows, err = q.query("SELECT alias FROM aliases WHERE version = ? ORDER BY alias", id)
	v.Aliases, err = collect(rows, err, func(scan scanner) (s string, err error) {
		err = scan(&s)
		return s, err
	})
	return err
}
