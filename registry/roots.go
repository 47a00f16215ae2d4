package registry

import (
	"context"
	"fmt"
	"strings"

	"pipe/artifacts"
)

// Roots returns what the store must keep: the models of all versions, and what
// the stages of runs read, made and recorded. keep is how many runs of each
// pipeline count, the newest first; 0 means all. Deleted runs never count,
// running ones always do.
func (r *Registry) Roots(ctx context.Context, keep int) (roots artifacts.Roots, err error) {
	err = r.view(ctx, func(t *tx) error {
		roots, err = rootsOf(t, keep)
		return err
	})
	return roots, err
}

// kept ranks the runs of each pipeline by age and keeps the newest.
const kept = `WITH kept AS (
	SELECT seq FROM (
		SELECT seq, status, row_number() OVER (PARTITION BY pipeline ORDER BY seq DESC) AS age FROM runs WHERE deleted = 0
	) WHERE ?1 = 0 OR age <= ?1 OR status = 'RUNNING'
), works_kept AS (SELECT DISTINCT work FROM stages WHERE run IN (SELECT stages_of FROM runs WHERE seq IN kept)) `

func rootsOf(q querier, keep int) (roots artifacts.Roots, err error) {
	rows, err := q.query(kept+`SELECT DISTINCT digest, type, format, size, rows FROM artifacts
		WHERE id IN (SELECT artifact FROM ports WHERE work IN works_kept) OR id IN (SELECT artifact FROM versions WHERE artifact IS NOT NULL)`, keep)
	roots.Refs, err = collect(rows, err, func(scan scanner) (ref artifacts.Ref, err error) {
		err = scan(&ref.Digest, &ref.Type, &ref.Format, &ref.Size, &ref.Rows)
		return ref, err
	})
	if err != nil {
		return roots, err
	}
	rows, err = q.query(kept+`SELECT DISTINCT key FROM works WHERE id IN works_kept AND key <> ''`, keep)
	roots.Keys, err = collect(rows, err, func(scan scanner) (k artifacts.Key, err error) {
		err = scan(&k)
		return k, err
	})
	return roots, err
}

// FindArtifact returns the artifact whose digest begins with a prefix.
func (r *Registry) FindArtifact(ctx context.Context, prefix string) (ref artifacts.Ref, err error) {
	err = r.view(ctx, func(t *tx) error {
		ref, err = findArtifact(t, prefix)
		return err
	})
	return ref, err
}

func findArtifact(q querier, prefix string) (artifacts.Ref, error) {
	if prefix == "" || strings.Trim(prefix, "0123456789abcdef") != "" {
		return artifacts.Ref{}, invalid("artifact", prefix, "%q is no digest", prefix)
	}
	rows, err := q.query("SELECT digest, type, format, size, rows FROM artifacts WHERE digest >= ?1 AND digest < ?1 || 'g' ORDER BY digest LIMIT 2", prefix)
	found, err := collect(rows, err, func(scan scanner) (ref artifacts.Ref, err error) {
		err = scan(&ref.Digest, &ref.Type, &ref.Format, &ref.Size, &ref.Rows)
		return ref, err
	})
	switch {
	case err != nil:
		return artifacts.Ref{}, err
	case len(found) == 0:
		return artifacts.Ref{}, notFound("artifact", prefix)
	case len(found) == 2 && found[0].Digest != found[1].Digest:
		return artifacts.Ref{}, &Error{ErrInvalid, "artifact", prefix, fmt.Sprintf("several digests begin with %q; give more of it", prefix)}
	}
	return found[0], nil
}

// ModelsOfArtifact returns the names of the registered models that have a
// version of an artifact.
func (r *Registry) ModelsOfArtifact(ctx context.Context, digest string) (names []string, err error) {
	err = r.view(ctx, func(t *tx) error {
		rows, err := t.query(`SELECT DISTINCT m.name FROM artifacts a JOIN versions v ON v.artifact = a.id JOIN models m ON m.id = v.model
			WHERE a.digest = ? ORDER BY m.name`, digest)
		names, err = collect(rows, err, func(scan scanner) (name string, err error) {
			err = scan(&name)
			return name, err
		})
		return err
	})
	return names, err
}
