package registry

import (
	"context"
	"errors"
)

// Run returns a run with all that belongs to it, by its id or by a beginning
// of it that no other run shares; ErrInvalid where several do.
func (r *Registry) Run(ctx context.Context, idOrPrefix string) (d RunDetail, err error) {
	err = r.view(ctx, func(t *tx) error {
		seq, err := resolveRun(t, idOrPrefix)
		if err != nil {
			return err
		}
		d, err = detail(t, seq)
		return err
	})
	return d, err
}

// RunByID returns a run by its whole id, without pipeline and stages.
func (r *Registry) RunByID(ctx context.Context, id string) (run Run, err error) {
	err = r.view(ctx, func(t *tx) error {
		seq, err := seqOf(t, id)
		if err == nil {
			run, err = runBySeq(t, seq)
		}
		return err
	})
	return run, err
}

func resolveRun(q querier, idOrPrefix string) (int64, error) {
	seq, err := seqOf(q, idOrPrefix)
	if !errors.Is(err, ErrNotFound) || idOrPrefix == "" {
		return seq, err
	}
	// All ids with the prefix lie between it and the prefix followed by a byte
	// that no id contains.
	rows, err := q.query("SELECT seq FROM runs WHERE id > ?1 AND id < ?1 || '~' LIMIT 2", idOrPrefix)
	found, err := collect(rows, err, func(scan scanner) (n int64, err error) {
		err = scan(&n)
		return n, err
	})
	switch {
	case err != nil:
		return 0, err
	case len(found) == 0:
		return 0, notFound("run", idOrPrefix)
	case len(found) == 2:
		return 0, invalid("run", idOrPrefix, "several runs begin with %q; give more digits", idOrPrefix)
	}
	return found[0], nil
}

func detail(q querier, seq int64) (d RunDetail, err error) {
	if d.Run, err = runBySeq(q, seq); err != nil {
		return d, err
	}
	if d.PipelineDigest != "" {
		if err = q.row("SELECT text FROM pipelines WHERE digest = ?", string(d.PipelineDigest)).Scan(&d.PipelineText); err != nil {
			return d, err
		}
	}
	if d.Stages, err = stagesOf(q, seq); err != nil {
		return d, err
	}
	rows, err := q.query(`SELECT m.name, v.version FROM versions v JOIN models m ON m.id = v.model
		WHERE v.run_id = ? ORDER BY m.name, v.version`, d.ID)
	d.Versions, err = collect(rows, err, func(scan scanner) (v VersionName, err error) {
		err = scan(&v.Model, &v.Version)
		return v, err
	})
	return d, err
}
