package registry

import (
	"context"
	"database/sql"
	"errors"
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
