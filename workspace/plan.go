package workspace

import (
	"context"

	"pipe/artifacts"
	"pipe/dag"
)

// Plan tells what a run would do and why, against the newest run of the
// pipeline.
func (w *Workspace) Plan(ctx context.Context, p *dag.Pipeline, o dag.PlanOptions) ([]dag.Planned, error) {
	keys, err := w.Registry.LastKeys(ctx, p.Name)
	if err != nil {
		return nil, err
	}
	o.Store = w.Store
	// A plan is told without the secrets, too: a stage that lacks one would run.
	if o.Secrets, err = w.secrets(p, o.Selection); err != nil && !dag.IsWrong(err) {
		return nil, err
	}
	o.Last = func(stage string) (artifacts.Key, bool) {
		k, ok := keys[stage]
		return k, ok
	}
	o.Artifact = func(d artifacts.Digest) (artifacts.Ref, bool) {
		ref, err := w.Registry.FindArtifact(ctx, string(d))
		return ref, err == nil
	}
	return dag.Plan(ctx, p, o)
}
