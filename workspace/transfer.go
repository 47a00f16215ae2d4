package workspace

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"pipe/artifacts"
	"pipe/artifacts/remote"
	"pipe/registry"
)

// Push copies to a remote what runs and models consist of: names are those of
// runs or models, none means all that the registry knows.
func (w *Workspace) Push(ctx context.Context, address string, names []string) (remote.Report, error) {
	what, err := w.meant(ctx, names)
	if err != nil {
		return remote.Report{}, err
	}
	// What is gone from the store cannot be pushed and is no reason to keep the rest.
	what.Keys = slices.DeleteFunc(what.Keys, func(k artifacts.Key) bool { _, ok := w.Store.Lookup(k); return !ok })
	if len(names) == 0 {
		what.Refs = slices.DeleteFunc(what.Refs, func(r artifacts.Ref) bool { return !w.Store.Has(r) })
	}
	return w.withRemote(ctx, address, remote.Open, func(r *remote.Remote) (remote.Report, error) { return r.Push(ctx, w.Store, what) })
}

// Pull copies from a remote what the store has lost of runs and models; none
// means every result that the remote has.
func (w *Workspace) Pull(ctx context.Context, address string, names []string) (remote.Report, error) {
	what, err := w.meant(ctx, names)
	if errors.Is(err, registry.ErrNotFound) {
		return remote.Report{}, fmt.Errorf("%w; a remote has results and no names: run the pipeline with --remote %s, which takes them from there, or pull --all", err, address)
	}
	if err != nil {
		return remote.Report{}, err
	}
	return w.withRemote(ctx, address, remote.OpenExisting, func(r *remote.Remote) (remote.Report, error) {
		if len(names) == 0 {
			keys, err := r.Keys(ctx)
			if err != nil {
				return remote.Report{}, err
			}
			if len(keys) == 0 {
				return remote.Report{}, fmt.Errorf("remote %s has no results: is the address right, and has anybody pushed there?", r.Name())
			}
			what = artifacts.Roots{Keys: keys}
		}
		return r.Pull(ctx, w.Store, what)
	})
}

func (w *Workspace) withRemote(ctx context.Context, address string, open func(context.Context, string) (*remote.Remote, error), do func(*remote.Remote) (remote.Report, error)) (remote.Report, error) {
	r, err := open(ctx, address)
	if err != nil {
		return remote.Report{}, err
	}
	report, err := do(r)
	return report, errors.Join(err, r.Close())
}

// meant collects what runs and models refer to.
func (w *Workspace) meant(ctx context.Context, names []string) (artifacts.Roots, error) {
	if len(names) == 0 {
		return w.Registry.Roots(ctx, 0)
	}
	var what artifacts.Roots
	for _, name := range names {
		_, stages, err := w.Stages(ctx, name)
		if err == nil {
			for _, s := range stages {
				if s.Key != "" && (s.State == registry.StageDone || s.State == registry.StageCached) {
					what.Keys = append(what.Keys, s.Key)
				}
				for _, ref := range s.Outputs {
					what.Refs = append(what.Refs, ref)
				}
			}
			continue
		}
		if !errors.Is(err, registry.ErrNotFound) {
			return what, err
		}
		v, err := w.Registry.ResolveModel(ctx, name)
		if errors.Is(err, registry.ErrNotFound) {
			return what, w.explainMissing(ctx, name, err)
		}
		if err != nil {
			return what, err
		}
		what.Refs = append(what.Refs, v.Ref)
	}
	return what, nil
}
