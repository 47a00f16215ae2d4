package inference

import (
	"context"
	"runtime"
	"sync"
)

// pool bounds how much is computed at once over all models. Who finds a place
// free computes at once, in its own goroutine; else it waits for its turn. Turns go
// round: a model with a long queue does not starve the others.
type pool struct {
	mu   sync.Mutex
	free int
	// turns are those that wait for a place, first come first served.
	turns []turn
}

// turn is a queue with rows, or somebody who waits for a place.
type turn struct {
	queue *queue
	wake  chan struct{}
}

func newPool(places int) *pool { return &pool{free: max(places, 1)} }

// acquire takes a place; give it back with release.
func (p *pool) acquire(ctx context.Context) error {
	p.mu.Lock()
	if p.free > 0 {
		p.free--
		p.mu.Unlock()
		return nil
	}
	wake := make(chan struct{})
	p.turns = append(p.turns, turn{wake: wake})
	p.mu.Unlock()
	select {
	case <-wake:
		return nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	for i, t := range p.turns {
		if t.wake == wake {
			p.turns = append(p.turns[:i], p.turns[i+1:]...)
			p.mu.Unlock()
			return context.Cause(ctx)
		}
	}
	p.mu.Unlock()
	p.release() // the place had been given meanwhile
	return context.Cause(ctx)
}

// release hands the place to the next turn.
func (p *pool) release() {
	p.mu.Lock()
	q, batch := p.next()
	if q == nil {
		p.mu.Unlock()
		return
	}
	p.mu.Unlock()
	go p.work(q, batch)
}

// yield lets others compute in between, where some wait.
func (p *pool) yield(ctx context.Context) error {
	p.mu.Lock()
	waiting := len(p.turns) > 0
	p.mu.Unlock()
	if !waiting {
		return nil
	}
	p.release()
	return p.acquire(ctx)
}

// next gives a place that is free now to the next turn: a waiting one is woken,
// of a queue a batch is returned that the caller must compute. With mu held.
func (p *pool) next() (*queue, []*job) {
	for len(p.turns) > 0 {
		t := p.turns[0]
		p.turns[0] = turn{}
		p.turns = p.turns[1:]
		if t.wake != nil {
			close(t.wake)
			return nil, nil
		}
		t.queue.listed = false
		if batch := t.queue.take(); len(batch) > 0 {
			if len(t.queue.waiting) > 0 {
				t.queue.list()
			}
			return t.queue, batch
		}
	}
	p.free++
	return nil, nil
}

// start puts free places to work. With mu held.
func (p *pool) start() {
	for p.free > 0 && len(p.turns) > 0 {
		p.free--
		if q, batch := p.next(); q != nil {
			go p.work(q, batch)
		}
	}
}

// work computes batches on a place until nobody waits.
func (p *pool) work(q *queue, batch []*job) {
	for q != nil {
		q.run(batch)
		for _, j := range batch {
			close(j.done)
		}
		// Who has been answered writes, and who has sent is read, before the next
		// batch is made: it is then the larger one. Without this a computation
		// follows the other and nobody reads from the network for milliseconds.
		runtime.Gosched()
		p.mu.Lock()
		q, batch = p.next()
		p.mu.Unlock()
	}
}
