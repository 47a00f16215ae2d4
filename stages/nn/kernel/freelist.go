package kernel

import "sync"

// freeList keeps values between calls, so that a call allocates nothing. It is no sync.Pool, which would hand them to the garbage
// collector. It never holds more than have been in use at once.
type freeList[T any] struct {
	mu   sync.Mutex
	free []*T
}

// take returns a value that nobody uses; its content is what the last user left, or the zero value.
func (l *freeList[T]) take() *T {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.free); n > 0 {
		v := l.free[n-1]
		l.free = l.free[:n-1]
		return v
	}
	return new(T)
}

func (l *freeList[T]) give(v *T) {
	l.mu.Lock()
	l.free = append(l.free, v)
	l.mu.Unlock()
}

// parallel runs a Task that is kept in a free list: a copy of t goes to the cores, and nothing of it is kept.
func parallel[T any, P interface {
	*T
	Task
}](l *freeList[T], n, grain int, t T) {
	kept := l.take()
	*kept = t
	ParallelTask(n, grain, P(kept))
	var zero T
	*kept = zero
	l.give(kept)
}
