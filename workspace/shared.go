package workspace

import (
	"context"
	"fmt"
	"sync"

	"pipe/artifacts"
	"pipe/artifacts/remote"
)

// sharedCache is a remote beside the store of one run: what it has need not be
// run, and what was run is given to it. It can only make a run quicker: after
// its first failure it is left alone, and the run goes on without.
type sharedCache struct {
	ctx    context.Context
	store  *artifacts.Store
	remote *remote.Remote
	warn   func(error)

	uploads chan artifacts.Key
	done    chan struct{}

	mu     sync.Mutex
	broken bool
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
	c := &sharedCache{ctx: ctx, store: w.Store, remote: r, warn: warn, uploads: make(chan artifacts.Key, pendingUploads), done: make(chan struct{})}
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
	return ok
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

// close waits for what is being given away.
func (c *sharedCache) close() {
	close(c.uploads)
	<-c.done
	if err := c.remote.Close(); err != nil {
		c.fail(err)
	}
}
