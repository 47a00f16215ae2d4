package dag

import (
	"context"
	"path/filepath"
	"time"

	"pipe/artifacts"
)

// RunKind runs one kind against a store, outside any pipeline: the seam for
// tests of kinds. Events may be nil.
func RunKind(ctx context.Context, s *artifacts.Store, k Kind, inputs map[string][]artifacts.Ref, seed uint64, models Models, scratch string, events func(Event)) (map[string]artifacts.Ref, []Metric, error) {
	if events == nil {
		events = func(Event) {}
	}
	env := newEnv(s, inputs, seed, models, filepath.Clean(scratch), events, time.Now)
	out, err := env.execute(ctx, k)
	return out, env.metrics, err
}

func newEnv(s *artifacts.Store, inputs map[string][]artifacts.Ref, seed uint64, models Models, scratch string, emit func(Event), now func() time.Time) *Env {
	return &Env{Seed: seed, Models: models, store: s, inputs: inputs, scratch: scratch, emit: emit, now: now, drafts: map[string]draft{}}
}
