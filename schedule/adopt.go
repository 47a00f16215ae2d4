package schedule

import (
	"context"
	"errors"

	"pipe/registry"
)

// adopt takes over the runs of the process that led before.
func (g *Engine) adopt(ctx context.Context) error {
	if err := g.look(ctx); err != nil {
		return err
	}
	open, err := g.o.Registry.Fires(ctx, registry.FireQuery{States: []registry.FireState{registry.FireRunning}, Oldest: true})
	if err != nil {
		return err
	}
	for i := range open {
		if err := g.adoptOne(ctx, &open[i]); err != nil {
			return err
		}
	}
	return nil
}

// adoptOne finds out how the run of a fire stands that another process has
// started, and goes on from there: under the same id, so that a fire time has
// one run whatever happens to those who work on it.
func (g *Engine) adoptOne(ctx context.Context, f *registry.Fire) error {
	state, err := g.o.Runner.State(ctx, f.Run)
	if err != nil {
		return err
	}
	delete(g.waiting, f.ID)
	e := g.entries[f.Schedule]
	switch {
	case state == RunAlive: // a process that has lost its lease and not noticed yet
		g.waiting[f.ID] = f
		return nil
	case e == nil || f.Cancel && state != RunFinished:
		return g.o.Registry.EndFire(ctx, g.lease, f.ID, registry.FireEnd{State: registry.FireCancelled, Error: ErrCancelled.Error(), At: g.o.Clock.Now()}, nil)
	case state == RunFinished:
		return g.settle(ctx, f, e.spec, nil)
	case state == RunFailed:
		return g.settle(ctx, f, e.spec, errors.New("the run failed; `pipe runs show` tells why"))
	}
	g.o.Log.Info("schedules: a run of an earlier process goes on", "schedule", f.Schedule, "run", f.Run)
	g.metrics.adopted()
	g.start(e, f)
	return nil
}
