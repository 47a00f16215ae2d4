package schedule

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"pipe/dag"
	"pipe/registry"
)

// fakeClock stands still until it is moved.
type fakeClock struct {
	mu      sync.Mutex
	now     time.Time
	waiters []waiter
}

type waiter struct {
	at time.Time
	c  chan time.Time
}

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := waiter{c.now.Add(d), make(chan time.Time, 1)}
	if d <= 0 {
		w.c <- c.now
	} else {
		c.waiters = append(c.waiters, w)
	}
	return w.c
}

func (c *fakeClock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	kept := c.waiters[:0]
	for _, w := range c.waiters {
		if w.at.After(c.now) {
			kept = append(kept, w)
		} else {
			w.c <- c.now
		}
	}
	c.waiters = kept
}

// fakeRunner does what a test says, and remembers what it was asked for.
type fakeRunner struct {
	mu   sync.Mutex
	jobs []Job
	do   func(ctx context.Context, j Job) error
}

func (r *fakeRunner) Run(ctx context.Context, j Job) error {
	r.mu.Lock()
	r.jobs = append(r.jobs, j)
	r.mu.Unlock()
	if r.do == nil {
		return nil
	}
	return r.do(ctx, j)
}

func (r *fakeRunner) State(context.Context, string) (RunState, error) { return RunStopped, nil }

func (r *fakeRunner) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.jobs)
}

var epoch = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func open(t testing.TB) *registry.Registry {
	t.Helper()
	r, err := registry.Open(context.Background(), filepath.Join(t.TempDir(), "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// put adds a schedule whose cursor is at the epoch.
func put(t testing.TB, r *registry.Registry, name string, s dag.Schedule) {
	t.Helper()
	if s.Timezone == "" {
		s.Timezone = "UTC"
	}
	if s.Catchup == "" {
		s.Catchup = "all"
	}
	if s.Poll == 0 {
		s.Poll = dag.Duration(time.Second)
	}
	spec, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.PutSchedules(context.Background(), "", []registry.Schedule{{Name: name, Pipeline: name, File: name + ".yaml", Spec: string(spec), Cursor: epoch}}); err != nil {
		t.Fatal(err)
	}
}

// lead lets an engine work until the test ends, or stop is called.
func lead(t testing.TB, o Options) (g *Engine, stop func()) {
	t.Helper()
	g = New(o)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return g, stop
}

// eventually waits for what another goroutine is to bring about.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it did not come to this: %s", what)
		}
	}
}

func fires(t testing.TB, r *registry.Registry, q registry.FireQuery) []registry.Fire {
	t.Helper()
	q.Oldest = true
	list, err := r.Fires(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func states(list []registry.Fire) map[registry.FireState]int {
	n := map[registry.FireState]int{}
	for _, f := range list {
		n[f.State]++
	}
	return n
}
