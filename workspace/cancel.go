package workspace

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"pipe/registry"
)

// Cancel tells the process that executes a run to stop, as Ctrl-C does: what
// is finished is kept. A run whose process is gone is marked as killed.
func (w *Workspace) Cancel(ctx context.Context, run string) error {
	if stop, here := w.underWay.Load(run); here {
		stop.(context.CancelFunc)()
		return nil
	}
	// One that a schedule has started runs inside a server, which goes on.
	if found, err := w.Registry.CancelFire(ctx, run); err != nil || found {
		return err
	}
	p, alive, err := w.Registry.ProcessOf(ctx, run)
	if errors.Is(err, registry.ErrNotFound) {
		return fmt.Errorf("run %s is not running", run[:8])
	}
	if err != nil {
		return err
	}
	if p.Host != registry.Self().Host {
		return fmt.Errorf("run %s runs on host %s: cancel it there", run[:8], p.Host)
	}
	if !alive {
		_, err := w.Registry.Reap(ctx)
		return errors.Join(fmt.Errorf("the process of run %s is gone; the run is marked as killed", run[:8]), err)
	}
	if err := syscall.Kill(p.PID, syscall.SIGINT); err != nil {
		return fmt.Errorf("interrupt process %d of run %s: %w", p.PID, run[:8], err)
	}
	return nil
}

// remember lets Cancel stop a run of this process alone.
func (w *Workspace) remember(ctx context.Context, run string) (context.Context, func()) {
	ctx, stop := context.WithCancel(ctx)
	w.underWay.Store(run, stop)
	return ctx, func() {
		w.underWay.Delete(run)
		stop()
	}
}
