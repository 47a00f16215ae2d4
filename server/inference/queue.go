package inference

import (
	"context"
	"runtime"
	"time"
)

// queue holds the rows that wait for one version, and makes batches of them. All
// of it is guarded by the pool's lock: it is held for a few instructions.
type queue struct {
	pool *pool
	// run computes a batch: it fills in answers or err of each job.
	run      func(batch []*job)
	maxRows  int           // of a batch
	maxDelay time.Duration // how long a row waits for others; 0: not at all
	limit    int           // of waiting rows

	waiting []*job
	rows    int
	gathers bool // one of the waiting has a place, and looks who else comes
	listed  bool // in the pool's turns
	armed   bool // the timer runs
	late    bool // the timer has run out: what is there goes
}

// job is what one request asks of a model.
type job struct {
	ctx  context.Context
	rows []map[string]any
	done chan struct{}

	answers []*answer
	err     error
}

// do computes j, in a batch with others where they come at the same time. It
// returns errFull where too many wait, and the context's error once the caller is
// gone; the row is then passed over.
func (q *queue) do(j *job) error {
	p := q.pool
	p.mu.Lock()
	if q.rows == 0 && p.free > 0 && (q.maxDelay == 0 || len(j.rows) >= q.maxRows) {
		p.free--
		return q.gather(j)
	}
	if q.rows > 0 && q.rows+len(j.rows) > q.limit {
		waiting := q.rows
		p.mu.Unlock()
		return &fullError{waiting}
	}
	j.done = make(chan struct{})
	q.add(j)
	if !q.gathers {
		q.due()
	}
	p.mu.Unlock()
	return q.wait(j)
}

// wait returns when j is answered or its caller is gone.
func (q *queue) wait(j *job) error {
	select {
	case <-j.done:
		return j.err
	case <-j.ctx.Done():
		q.forget(j)
		return context.Cause(j.ctx)
	}
}

func (q *queue) add(j *job) {
	q.waiting = append(q.waiting, j)
	q.rows += len(j.rows)
}

// gather computes j, which is alone in the queue, on a place that is taken for it.
// Requests that have arrived with it are read first, so that they make a batch with
// it and do not wait behind it; nobody is waited for. With the lock held, which it
// gives back.
func (q *queue) gather(j *job) error {
	p := q.pool
	q.add(j)
	q.gathers = true
	p.mu.Unlock()
	runtime.Gosched()
	p.mu.Lock()
	q.gathers = false
	batch := q.take()
	if len(q.waiting) > 0 {
		q.list()
	}
	if len(batch) == 1 {
		p.mu.Unlock()
		q.run(batch)
		p.release()
		return j.err
	}
	j.done = make(chan struct{})
	p.mu.Unlock()
	go p.work(q, batch)
	return q.wait(j)
}

// due lets the queue have its turn, or waits for more rows. With the lock held.
func (q *queue) due() {
	if q.maxDelay == 0 || q.rows >= q.maxRows || q.late {
		q.list()
		return
	}
	if !q.armed {
		q.armed = true
		time.AfterFunc(q.maxDelay, func() {
			q.pool.mu.Lock()
			defer q.pool.mu.Unlock()
			q.armed = false
			if len(q.waiting) > 0 && !q.gathers {
				q.late = true
				q.list()
			}
		})
	}
}

// list takes a place in the row of turns. With the lock held.
func (q *queue) list() {
	if !q.listed {
		q.listed = true
		q.pool.turns = append(q.pool.turns, turn{queue: q})
	}
	q.pool.start()
}

// take returns the next batch: whole requests, at least one. With the lock held.
func (q *queue) take() []*job {
	n, rows := 0, 0
	for n < len(q.waiting) && (n == 0 || rows+len(q.waiting[n].rows) <= q.maxRows) {
		rows += len(q.waiting[n].rows)
		n++
	}
	batch := append([]*job(nil), q.waiting[:n]...)
	clear(q.waiting[:n])
	q.waiting = q.waiting[n:]
	q.rows -= rows
	q.late = false
	return batch
}

// forget takes an abandoned job out, so that it neither fills the queue nor is
// computed; one that is in a batch already is finished for nothing.
func (q *queue) forget(j *job) {
	q.pool.mu.Lock()
	defer q.pool.mu.Unlock()
	for i, w := range q.waiting {
		if w == j {
			q.waiting = append(q.waiting[:i], q.waiting[i+1:]...)
			q.rows -= len(j.rows)
			return
		}
	}
}

// depth is how many rows wait.
func (q *queue) depth() int {
	q.pool.mu.Lock()
	defer q.pool.mu.Unlock()
	return q.rows
}
