package registry

import "sync"

// runCache keeps runs as they were last read, with their parameters, tags and
// metrics, because reading those is nearly all of what a page costs. A run is
// valid while its revision, which every page reads anyway, is the same; so
// changes by other processes are seen, too. Running runs are never kept.
type runCache struct {
	mu   sync.Mutex
	runs map[int64]cachedRun // by seq
}

type cachedRun struct {
	revision int64
	run      Run
}

// cachedRuns bounds the cache: about 2 KB each with ten metrics.
const cachedRuns = 10_000

// get returns the runs of revs (seq -> revision) that are kept.
func (c *runCache) get(revs map[int64]int64) map[int64]Run {
	found := make(map[int64]Run, len(revs))
	c.mu.Lock()
	defer c.mu.Unlock()
	for seq, revision := range revs {
		if kept, ok := c.runs[seq]; ok && kept.revision == revision {
			found[seq] = kept.run
		}
	}
	return found
}

// put keeps runs that are not running. When there is no room, any others go:
// with the least recently used instead, reading more runs than there is room
// for, again and again, would never find one.
func (c *runCache) put(list []Run, revs map[int64]int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.runs == nil {
		c.runs = make(map[int64]cachedRun)
	}
	for _, run := range list {
		if run.Status == Running {
			continue
		}
		if _, ok := c.runs[run.seq]; !ok && len(c.runs) >= cachedRuns {
			for seq := range c.runs { // map order: any
				delete(c.runs, seq)
				break
			}
		}
		c.runs[run.seq] = cachedRun{revs[run.seq], run}
	}
}
