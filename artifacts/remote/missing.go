package remote

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"pipe/artifacts"
)

// Missing gives those of some keys, each once and in their order, whose results the
// remote does not have. It asks for each: a remote may have far more of them.
func (r *Remote) Missing(ctx context.Context, keys []artifacts.Key) ([]artifacts.Key, error) {
	seen := make(map[artifacts.Key]bool, len(keys))
	keys = slices.DeleteFunc(slices.Clone(keys), func(k artifacts.Key) bool {
		was := seen[k]
		seen[k] = true
		return was
	})
	there := make([]bool, len(keys))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i, k := range keys {
		g.Go(func() (err error) {
			there[i], err = r.bucket.Exists(ctx, recordName(k))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("look what %s has: %w", r.name, err)
	}
	var missing []artifacts.Key
	for i, k := range keys {
		if !there[i] {
			missing = append(missing, k)
		}
	}
	return missing, nil
}
