package workspace

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"pipe/artifacts"
	"pipe/artifacts/remote"
	"pipe/dag"
)

// sharedCache is a remote beside the store of one run: what it has need not be
// run, and what was run is given to it, at once; at the end of the run also what the
// store had and the remote lacks. It can only make a run quicker: after its first
// failure it is left alone, and the run goes on without.
type sharedCache struct {
	ctx    context.Context
	store  *artifacts.Store
	remote *remote.Remote
	warn   func(error)

	uploads chan artifacts.Key
	done    chan struct{}

	mu      sync.Mutex
	broken  bool
	fetched map[artifacts.Key]bool
	hits    []artifacts.Key // of the store, in the order of the stages
}

// pendingUploads is how many results may wait to be given away.
const pendingUploads = 1 << 16

// share opens the remote of a run, nil where there is none or it cannot be
// used.
func (w *Workspace) share(ctx context.Context, o RunOptions) *sharedCache {
	if o.Remote == "" {
		return nil
	}
	warn := o.Warn
	if warn == nil {
		warn = func(error) {}
	}
	r, err := remote.Open(ctx, o.Remote)
	if err != nil {
		warn(fmt.Errorf("the run goes on without the remote: %w", err))
		return nil
	}
	c := &sharedCache{ctx: ctx, store: w.Store, remote: r, warn: warn, uploads: make(chan artifacts.Key, pendingUploads), done: make(chan struct{}), fetched: map[artifacts.Key]bool{}}
	go c.upload()
	return c
}

// Fetch implements dag.Remote.
func (c *sharedCache) Fetch(ctx context.Context, k artifacts.Key) bool {
	if c.isBroken() {
		return false
	}
	_, ok, err := c.remote.Lookup(ctx, c.store, k)
	if err != nil && ctx.Err() == nil {
		c.fail(err)
	}
	if ok {
		c.mu.Lock()
		c.fetched[k] = true
		c.mu.Unlock()
	}
	return ok
}

// Event implements dag.Sink.
func (c *sharedCache) Event(e *dag.Event) {
	if e.Type == dag.StageCached && e.Key != "" {
		c.mu.Lock()
		c.hits = append(c.hits, e.Key)
		c.mu.Unlock()
	}
}

// shareHits gives the remote what it lacks of what the store had.
func (c *sharedCache) shareHits() error {
	keys := slices.DeleteFunc(c.hits, func(k artifacts.Key) bool { return c.fetched[k] })
	if len(keys) == 0 || c.isBroken() || c.ctx.Err() != nil {
		return nil
	}
	missing, err := c.remote.Missing(c.ctx, keys)
	if err != nil || len(missing) == 0 {
		return err
	}
	// An effect that counts as cached has a key and no record.
	missing = slices.DeleteFunc(missing, func(k artifacts.Key) bool { _, ok := c.store.Lookup(k); return !ok })
	_, err = c.remote.Push(c.ctx, c.store, artifacts.Roots{Keys: missing})
	return err
}

// Share implements dag.Remote.
func (c *sharedCache) Share(k artifacts.Key) {
	select {
	case c.uploads <- k:
	default: // the remote is slower than the stages; what it does not get costs time elsewhere
	}
}

func (c *sharedCache) upload() {
	defer close(c.done)
	for k := range c.uploads {
		if c.isBroken() || c.ctx.Err() != nil {
			continue
		}
		if _, err := c.remote.Push(c.ctx, c.store, artifacts.Roots{Keys: []artifacts.Key{k}}); err != nil && c.ctx.Err() == nil {
			c.fail(err)
		}
	}
}

func (c *sharedCache) isBroken() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.broken
}

// fail gives the remote up for this run, and says so once.
func (c *sharedCache) fail(err error) {
	c.mu.Lock()
	first := !c.broken
	c.broken = true
	c.mu.Unlock()
	if first {
		c.warn(fmt.Errorf("the run goes on without the remote: %w", err))
	}
}

// close gives the rest away and waits for it.
func (c *sharedCache) close() {
	close(c.uploads)
	<-c.done
	if err := c.shareHits(); err != nil && c.ctx.Err() == nil {
		c.fail(err)
	}
	if err := c.remote.Close(); err != nil {
		c.fail(err)
	}
}
