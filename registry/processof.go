package registry

import (
	"context"
	"database/sql"
	"errors"

	"pipe/artifacts"
)

// ProcessOf returns the process that executes a run, and whether it is alive.
// ErrNotFound where the run has none: it has ended, or somebody else reports
// on it. A process of another host counts as alive until its heartbeat stops.
func (r *Registry) ProcessOf(ctx context.Context, run string) (p Process, alive bool, err error) {
	err = r.view(ctx, func(t *tx) error {
		err := t.row("SELECT p.pid, p.born, p.boot, p.host FROM processes p JOIN runs r ON p.run = r.seq WHERE r.id = ?", run).
			Scan(&p.PID, &p.Born, &p.Boot, &p.Host)
		if errors.Is(err, sql.ErrNoRows) {
			return notFound("process of run", run)
		}
		return err
	})
	if err != nil {
		return p, false, err
	}
	return p, p.Host != Self().Host || r.alive(p), nil
}

// Working tells which run that is under way computes a key just now, and in which
// stage; both are empty where none is known to.
func (r *Registry) Working(ctx context.Context, k artifacts.Key) (run, stage string, err error) {
	err = r.view(ctx, func(t *tx) error {
		// From the processes, which are few: no index leads from a key to its work.
		err := t.row(`SELECT r.id, s.name FROM processes p CROSS JOIN runs r ON r.seq = p.run CROSS JOIN stages s ON s.run = p.run
			CROSS JOIN works w ON w.id = s.work WHERE s.state = 'running' AND w.key = ? ORDER BY s.started LIMIT 1`, string(k)).Scan(&run, &stage)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return run, stage, err
}
