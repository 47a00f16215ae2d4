package workspace

import (
	"context"
	"errors"
	"fmt"

	"pipe/dag"
	"pipe/registry"
)

// models is the registry as the stages of one run see it.
type models struct {
	registry *registry.Registry
	recorder *recorder
	run      string
}

// Resolve implements dag.Models.
func (m *models) Resolve(ctx context.Context, name string) (*dag.ModelVersion, error) {
	v, err := m.registry.ResolveModel(ctx, name)
	if errors.Is(err, registry.ErrNotFound) {
		return nil, fmt.Errorf("%w: %s", dag.ErrNoModel, name)
	}
	if err != nil {
		return nil, err
	}
	return version(v), nil
}

// Register implements dag.Models.
func (m *models) Register(ctx context.Context, n dag.NewModelVersion) (*dag.ModelVersion, error) {
	m.recorder.Flush()
	// A version that is in the registry must be there after a loss of power, too.
	if err := m.recorder.store.Flush(); err != nil {
		return nil, err
	}
	v, created, err := m.registry.RegisterVersion(ctx, registry.NewVersion{Model: n.Model, RunID: m.run, Ref: n.Ref, User: m.recorder.start.User,
		Signature: n.Signature, Metrics: n.Metrics, Description: n.Description, Tags: registry.Pairs(n.Tags)})
	if err != nil {
		return nil, err
	}
	out := version(v)
	out.Created = created
	return out, nil
}

// SetAlias implements dag.Models.
func (m *models) SetAlias(ctx context.Context, model, alias string, v int, why string) error {
	return m.registry.SetAlias(ctx, model, alias, v, registry.Audit{Who: m.recorder.start.User, Why: why, RunID: m.run})
}

// Deploy implements dag.Models.
func (m *models) Deploy(ctx context.Context, d dag.Deployment) (bool, error) {
	return m.registry.SetDeployment(ctx, registry.Deployment{Name: d.Name, Model: d.Model, Target: d.Target, Policy: d.Policy},
		registry.Audit{Who: m.recorder.start.User, Why: d.Why, RunID: m.run})
}

func version(v registry.ModelVersion) *dag.ModelVersion {
	out := &dag.ModelVersion{Model: v.Model, Version: v.Version, Ref: v.Ref, Aliases: v.Aliases, Metrics: make(map[string]float64, len(v.Metrics))}
	for _, x := range v.Metrics {
		out.Metrics[x.Key] = x.Value
	}
	return out
}
