package schedule

import (
	"context"
	"errors"

	"pipe/registry"
)

// StateOf tells from the registry what became of a run.
func StateOf(ctx context.Context, r *registry.Registry, run string) (RunState, error) {
	d, err := r.Run(ctx, run)
	if errors.Is(err, registry.ErrNotFound) {
		return RunUnknown, nil
	}
	if err != nil {
		return RunUnknown, err
	}
	switch d.Status {
	case registry.Finished:
		return RunFinished, nil
	case registry.Failed:
		return RunFailed, nil
	case registry.Killed:
		return RunStopped, nil
	}
	_, alive, err := r.ProcessOf(ctx, run)
	if errors.Is(err, registry.ErrNotFound) {
		return RunStopped, nil
	}
	if err != nil {
		return RunUnknown, err
	}
	if alive {
		return RunAlive, nil
	}
	return RunStopped, nil
}
