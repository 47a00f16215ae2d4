package remote

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"

	"pipe/artifacts"
)

// parallel is how many objects are on their way at a time: enough to hide the
// latency of a cloud, few enough not to crowd out everything else.
const parallel = 8

// Report says what was transferred. What both sides had is not counted.
type Report struct {
	Records int   `json:"records"`
	Objects int   `json:"objects"`
	Bytes   int64 `json:"bytes"`
}

// copyAll copies objects, each once and several at a time, and adds them to the
// report. The first error ends it.
func (report *Report) copyAll(ctx context.Context, refs []artifacts.Ref, copy func(context.Context, artifacts.Ref) (copied bool, err error)) error {
	var mu sync.Mutex
	seen := make(map[artifacts.Digest]bool)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, ref := range refs {
		if seen[ref.Digest] {
			continue
		}
		seen[ref.Digest] = true
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			copied, err := copy(ctx, ref)
			if err == nil && copied {
				mu.Lock()
				defer mu.Unlock()
				report.Objects++
				report.Bytes += ref.Size
			}
			return err
		})
	}
	return g.Wait()
}
