package workspace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"pipe/dag"
	"pipe/registry"
)

// Cancel tells the process that executes a run to stop, as Ctrl-C does: what
// is finished is kept. A run whose process is gone is marked as killed. By says
// what the user did, for the run's last words: "`pipe cancel`".
func (w *Workspace) Cancel(ctx context.Context, run, by string) error {
	return w.cancel(ctx, run, "cancelled by "+by)
}

// cancel is Cancel with the whole reason.
func (w *Workspace) cancel(ctx context.Context, run, why string) error {
	if stop, here := w.underWay.Load(run); here {
		stop.(context.CancelCauseFunc)(&dag.InterruptedError{Why: why})
		return nil
	}
	p, alive, err := w.Registry.ProcessOf(ctx, run)
	if err == nil && alive {
		if err := keepStop(w.RunDir(run), stop{Why: why}); err != nil {
			return err
		}
	}
	// One that a schedule has started runs inside a server, which goes on.
	if found, err := w.Registry.CancelFire(ctx, run); err != nil || found {
		return err
	}
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

// stop is what somebody leaves in the folder of a run that another process is
// told to stop: a signal alone does not say who sent it.
type stop struct {
	Why string `json:"why"`
}

const stopFile = "stop.json"

func keepStop(dir string, s stop) error {
	b, err := json.Marshal(s)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, stopFile), b, 0o666)
	}
	if err != nil {
		return fmt.Errorf("leave word for the run why it stops: %w", err)
	}
	return nil
}

// ExplainStop leaves word why a run of a schedule, which a server is asked to
// stop, stops.
func (w *Workspace) ExplainStop(run, why string) error {
	err := keepStop(w.RunDir(run), stop{Why: why})
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it has not begun, and has no last words
	}
	return err
}

// forgetStop removes what was left for an earlier attempt at the same run.
func forgetStop(dir string) error {
	if err := os.Remove(filepath.Join(dir, stopFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("begin a run: %w", err)
	}
	return nil
}

// stopped is why a run was told to stop, as the cause of its context; nil where
// nobody has left word.
func stopped(dir string) error {
	var s stop
	b, err := os.ReadFile(filepath.Join(dir, stopFile))
	if err != nil || json.Unmarshal(b, &s) != nil || s.Why == "" {
		return nil
	}
	return &dag.InterruptedError{Why: s.Why}
}

// remember lets Cancel stop a run of this process alone. Where all of the process
// is told to stop, the cause of the run's context is what was left for it.
func (w *Workspace) remember(parent context.Context, run string) (context.Context, func()) {
	ctx, stop := context.WithCancelCause(context.WithoutCancel(parent))
	listen := context.AfterFunc(parent, func() { stop(stopped(w.RunDir(run))) })
	w.underWay.Store(run, stop)
	return ctx, func() {
		listen()
		w.underWay.Delete(run)
		stop(nil)
	}
}
