// Package schedule lets pipelines run by themselves: at times, when something
// happens, and for times that have passed. What it knows lies in the registry,
// so that a process may die at any moment: each fire time gives one run, which
// the next process takes over where it stood.
//
// One process of a store leads (a lease with fencing); the others wait for its
// death. The leader's engine is one goroutine that owns all state; polls and
// runs are goroutines that send it what they found.
package schedule

import (
	"context"
	"time"
)

// Clock tells the time. Tests have one that stands still.
type Clock interface {
	Now() time.Time
	After(d time.Duration) <-chan time.Time
}

// Wall is the clock of the machine.
type Wall struct{}

// Now implements Clock.
func (Wall) Now() time.Time { return time.Now() }

// After implements Clock.
func (Wall) After(d time.Duration) <-chan time.Time { return time.After(d) }

// Runner runs what has come due. Its error says what became of the run; nil is
// success, and ErrSkipped says that the pipeline's own concurrency group had no
// place for it. It must be able to go on with a run that another process began.
type Runner interface {
	Run(ctx context.Context, j Job) error
	// State tells what became of a run of an earlier process.
	State(ctx context.Context, run string) (RunState, error)
}

// RunState is how a run of an earlier process stands.
type RunState int

// The states that a run may be found in.
const (
	RunUnknown  RunState = iota // it had not begun
	RunStopped                  // it began and was cut off: it can go on
	RunAlive                    // a process still works on it
	RunFinished                 // it has finished
	RunFailed                   // it has failed
)
