package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// aliasName is MLflow's rule; "latest" and "v3" would be mistaken for what
// they say.
var (
	aliasName    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[\w\-]{1,255}$`) })
	aliasVersion = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[vV]\d+$`) })
)

// SetAlias lets an alias point to a version and records the move in the audit
// log. A move to where it points already is not a change and not recorded.
func (r *Registry) SetAlias(ctx context.Context, model, alias string, version int, why Audit) error {
	if !aliasName().MatchString(alias) || aliasVersion().MatchString(alias) || strings.EqualFold(alias, "latest") {
		return invalid("alias", alias, "alias %q must be letters, digits, _ and -, and neither \"latest\" nor like \"v3\"", alias)
	}
	return r.update(ctx, func(t *tx) error {
		m, id, err := versionID(t, model, version)
		if err != nil {
			return err
		}
		before, err := aliasTarget(t, m, alias)
		if err != nil || before == strconv.Itoa(version) {
			return err
		}
		if err := t.exec("INSERT OR REPLACE INTO aliases (model, alias, version) VALUES (?, ?, ?)", m, alias, id); err != nil {
			return err
		}
		if err := touchModel(t, m); err != nil {
			return err
		}
		return audit(t, why, "alias.set", model+"@"+alias, before, strconv.Itoa(version))
	})
}

// DeleteAlias removes an alias; one that is not there is no error, as in
// MLflow, and not recorded.
func (r *Registry) DeleteAlias(ctx context.Context, model, alias string, why Audit) error {
	return r.update(ctx, func(t *tx) error {
		m, err := modelID(t, model)
		if err != nil {
			return err
		}
		before, err := aliasTarget(t, m, alias)
		if err != nil || before == "" {
			return err
		}
		if err := t.exec("DELETE FROM aliases WHERE model = ? AND alias = ?", m, alias); err != nil {
			return err
		}
		if err := touchModel(t, m); err != nil {
			return err
		}
		return audit(t, why, "alias.delete", model+"@"+alias, before, "")
	})
}

// SetStage moves a version to one of MLflow's deprecated stages; with archive,
// other versions of that stage are archived.
func (r *Registry) SetStage(ctx context.Context, model string, version int, stage string, archive bool, why Audit) error {
	return r.updateVersion(ctx, model, version, touchesModel, func(t *tx, id int64) error {
		var before string
		if err := t.row("SELECT stage FROM versions WHERE id = ?", id).Scan(&before); err != nil {
			return err
		}
		if archive {
			if err := t.exec(`UPDATE versions SET stage = 'Archived', updated = ?
				WHERE model = (SELECT model FROM versions WHERE id = ?2) AND stage = ?3 AND id <> ?2`, t.now.UnixMilli(), id, stage); err != nil {
				return err
			}
		}
		if err := t.exec("UPDATE versions SET stage = ? WHERE id = ?", stage, id); err != nil {
			return err
		}
		return audit(t, why, "stage.set", fmt.Sprintf("%s/%d", model, version), before, stage)
	})
}

// VersionByAlias returns the version that an alias points to.
func (r *Registry) VersionByAlias(ctx context.Context, model, alias string) (v ModelVersion, err error) {
	err = r.view(ctx, func(t *tx) error {
		v, err = versionByAlias(t, model, alias)
		return err
	})
	return v, err
}

// ResolveModel finds "name@alias", "name/3" or "name", which is its newest
// version.
func (r *Registry) ResolveModel(ctx context.Context, ref string) (v ModelVersion, err error) {
	err = r.view(ctx, func(t *tx) error {
		v, err = resolveModel(t, ref)
		return err
	})
	return v, err
}

func resolveModel(q querier, ref string) (ModelVersion, error) {
	if at := strings.LastIndexByte(ref, '@'); at >= 0 {
		return versionByAlias(q, ref[:at], ref[at+1:])
	}
	if at := strings.LastIndexByte(ref, '/'); at >= 0 {
		version, err := strconv.Atoi(ref[at+1:])
		if err != nil {
			return ModelVersion{}, invalid("version", ref, "%q: after the slash comes a version number, not %q", ref, ref[at+1:])
		}
		return versionOf(q, ref[:at], version)
	}
	id, err := modelID(q, ref)
	if err != nil {
		return ModelVersion{}, err
	}
	v, err := versionWhere(q, "v.model = ? ORDER BY v.version DESC LIMIT 1", id)
	if errors.Is(err, ErrNotFound) {
		err = &Error{ErrNotFound, "version", ref, fmt.Sprintf("model %q has no version", ref)}
	}
	return v, err
}

func versionByAlias(q querier, model, alias string) (ModelVersion, error) {
	id, err := modelID(q, model)
	if err != nil {
		return ModelVersion{}, err
	}
	v, err := versionWhere(q, "v.id = (SELECT version FROM aliases WHERE model = ? AND alias = ?)", id, alias)
	if errors.Is(err, ErrNotFound) {
		err = &Error{ErrNotFound, "alias", alias, fmt.Sprintf("model %q has no alias %q", model, alias)}
	}
	return v, err
}

// aliasTarget is the number of the version that an alias points to, "" for
// none.
func aliasTarget(q querier, model int64, alias string) (version string, err error) {
	err = q.row("SELECT v.version FROM aliases a JOIN versions v ON v.id = a.version WHERE a.model = ? AND a.alias = ?", model, alias).Scan(&version)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return version, err
}

func aliasesOf(q querier, model int64) (map[string]int, error) {
	rows, err := q.query("SELECT a.alias, v.version FROM aliases a JOIN versions v ON v.id = a.version WHERE a.model = ?", model)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all map[string]int
	for rows.Next() {
		var alias string
		var version int
		if err := rows.Scan(&alias, &version); err != nil {
			return nil, err
		}
		if all == nil {
			all = make(map[string]int)
		}
		all[alias] = version
	}
	return all, rows.Err()
}
