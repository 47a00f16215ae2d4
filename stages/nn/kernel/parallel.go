package kernel

import (
	"runtime"
	"sync"
)

// Task is work that can be split: Range does the part [lo, hi). A pointer to a struct that is kept between calls makes ParallelTask free
// of allocations, which a closure built for every call is not.
type Task interface {
	Range(lo, hi int)
}

// rangeFunc lets a function be a Task.
type rangeFunc func(lo, hi int)

func (f rangeFunc) Range(lo, hi int) { f(lo, hi) }

// Parallel calls f on contiguous chunks [lo, hi) that cover [0, n) once, each of at least grain elements where n allows, on several
// cores, and returns when all are done. f must write only what belongs to its chunk and its numbers must not depend on where the chunk
// ends, so that the split never changes a result. Calls may come from several goroutines and may nest; a call that finds the
// pool busy runs inline. A panic in f is raised again in the caller.
func Parallel(n, grain int, f func(lo, hi int)) { ParallelTask(n, grain, rangeFunc(f)) }

// ParallelTask is Parallel for a Task.
func ParallelTask(n, grain int, t Task) {
	if n <= 0 {
		return
	}
	width := min(runtime.GOMAXPROCS(0), n/max(grain, 1))
	if width <= 1 {
		t.Range(0, n)
		return
	}
	chunks := width * min(chunksPerWorker, n/max(grain, 1)/width)
	if !workers.claim(t, n, (n+chunks-1)/chunks) {
		t.Range(0, n)
		return
	}
	workers.run(width)
}

// chunksPerWorker is how finely a range is cut, so that a core that another process has taken holds the others up by a part of its share
// only.
const chunksPerWorker = 4

// workers is the pool of the process. Its goroutines sleep on a channel between ranges.
var workers = pool{wake: make(chan struct{}, maxWorkers), done: make(chan struct{}, 1)}

// maxWorkers bounds the goroutines of the pool.
const maxWorkers = 256

// pool runs one range at a time. Whoever takes part, the caller first of all, takes the next chunk under the lock until none is left, so a
// worker that wakes late costs nothing.
type pool struct {
	wake chan struct{} // one token asks one worker to look for chunks
	done chan struct{} // the last worker tells a waiting caller

	mu       sync.Mutex
	started  int
	busy     bool
	task     Task
	n, chunk int
	next     int // first element that nobody has taken
	running  int // chunks taken and not finished
	waiting  bool
	panicked any
}

// claim makes t the pool's range, or reports that there is another.
func (p *pool) claim(t Task, n, chunk int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy {
		return false
	}
	p.busy, p.task, p.n, p.chunk, p.next = true, t, n, chunk, 0
	return true
}

// run works the claimed range with up to width goroutines and releases the pool. It wakes as many, one more than are needed beside the
// caller: the scheduler of Go keeps the goroutine that was woken last for the core of the caller, which may be about to sleep, and lets
// another core have it only after a nap of more than 50 µs. The others go to whoever looks first.
func (p *pool) run(width int) {
	p.start(min(width, maxWorkers))
	p.work()
	p.mu.Lock()
	if p.running > 0 {
		p.waiting = true
		p.mu.Unlock()
		<-p.done
		p.mu.Lock()
	}
	raised := p.panicked
	p.busy, p.task, p.panicked = false, nil, nil
	p.mu.Unlock()
	if raised != nil {
		panic(raised)
	}
}

// start wakes n workers, creating those that do not exist yet.
func (p *pool) start(n int) {
	p.mu.Lock()
	for ; p.started < n; p.started++ {
		go func() {
			for range p.wake {
				p.work()
			}
		}()
	}
	p.mu.Unlock()
	for range n {
		select {
		case p.wake <- struct{}{}:
		default: // there are tokens enough for every worker
		}
	}
}

// work takes chunks until none is left.
func (p *pool) work() {
	p.mu.Lock()
	for p.task != nil && p.next < p.n {
		lo := p.next
		p.next = min(lo+p.chunk, p.n)
		p.running++
		task, hi := p.task, p.next
		p.mu.Unlock()
		raised := attempt(task, lo, hi)
		p.mu.Lock()
		p.running--
		if raised != nil {
			p.next = p.n // the rest is of no use
			if p.panicked == nil {
				p.panicked = raised
			}
		}
	}
	if p.waiting && p.running == 0 {
		p.waiting = false
		p.done <- struct{}{}
	}
	p.mu.Unlock()
}

// attempt runs a chunk and returns what it panicked with.
func attempt(t Task, lo, hi int) (raised any) {
	defer func() { raised = recover() }()
	t.Range(lo, hi)
	return nil
}
