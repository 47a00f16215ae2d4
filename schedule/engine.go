package schedule

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"pipe/registry"
)

// leaseName is that of the lease of the engine.
const leaseName = "schedule"

// How long a lease lasts without being renewed, how often it is renewed, and
// how often changes by other processes are looked for.
const (
	leaseTTL   = 6 * time.Second
	renewEvery = 2 * time.Second
	lookEvery  = time.Second
)

// Options are the surroundings of an engine.
type Options struct {
	Registry *registry.Registry
	Runner   Runner
	Looker   Looker // finds out what has happened; nil where no entry needs it
	Clock    Clock  // nil means Wall
	MaxRuns  int    // at a time; 0 means 4
	Log      *slog.Logger
	Tell     func(News) // is told what people should know; must not block
	// Self names the process in the lease; the zero Process means this one.
	Self registry.Process
}

// Engine runs what comes due while it leads.
type Engine struct {
	o       Options
	metrics Metrics
	knock   chan struct{} // something has changed in this process
	shown   leadership

	// What follows is the goroutine's that leads.
	lease   registry.Lease
	renewed time.Time
	looked  time.Time
	changes int64
	entries map[string]*entry
	heap    wakeHeap
	queue   []*registry.Fire         // what waits, in the order in which it may start
	running map[int64]*job           // by the fire's id
	active  map[string]int           // how many run, by schedule
	waiting map[int64]*registry.Fire // runs of other processes that still live
	results chan result
	seen    chan sighting
	quit    context.Context // of the time of leading: polls and runs end with it
}

// New makes an engine. Run lets it work.
func New(o Options) *Engine {
	if o.Clock == nil {
		o.Clock = Wall{}
	}
	if o.MaxRuns <= 0 {
		o.MaxRuns = 4
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Self == (registry.Process{}) {
		o.Self = registry.Self()
	}
	if o.Tell == nil {
		o.Tell = func(News) {}
	}
	return &Engine{o: o, knock: make(chan struct{}, 1)}
}

// Knock tells the engine to look for changes now.
func (g *Engine) Knock() {
	select {
	case g.knock <- struct{}{}:
	default:
	}
}

// Run works until ctx is done: it waits for the lease, then leads, and begins
// again where it has lost the lease.
func (g *Engine) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		l, held, err := g.o.Registry.TakeLease(ctx, leaseName, g.o.Self, leaseTTL)
		if err != nil {
			g.pause(ctx, err)
			continue
		}
		g.shown.set(l, held)
		if !held {
			select {
			case <-ctx.Done():
			case <-time.After(lookEvery):
			}
			continue
		}
		g.o.Log.Info("schedules: this process leads", "token", l.Token)
		err = g.lead(ctx, l)
		g.shown.set(registry.Lease{}, false)
		switch {
		case errors.Is(err, registry.ErrFenced):
			g.o.Log.Warn("schedules: another process leads now; the runs of this one were stopped and go on there")
		case ctx.Err() != nil:
			return g.o.Registry.DropLease(context.WithoutCancel(ctx), l)
		case err != nil:
			g.pause(ctx, err)
		}
	}
	return nil
}

// pause waits after an error, such as a full disk, before it is tried again:
// what is to be done is in the registry.
func (g *Engine) pause(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	g.o.Log.Error("schedules: cannot go on, and will try again", "error", err)
	select {
	case <-ctx.Done():
	case <-time.After(lookEvery):
	}
}

// lead works under a lease until ctx is done or the lease is lost. What runs
// then is stopped and stays "running" in the registry, for who leads next.
func (g *Engine) lead(ctx context.Context, l registry.Lease) error {
	ctx, stop := context.WithCancel(ctx)
	g.lease, g.renewed, g.looked, g.changes = l, time.Now(), time.Time{}, -1
	g.entries, g.heap, g.queue = map[string]*entry{}, nil, nil
	g.running, g.active, g.waiting = map[int64]*job{}, map[string]int{}, map[int64]*registry.Fire{}
	g.results, g.seen, g.quit = make(chan result, 64), make(chan sighting, 64), ctx
	defer func() {
		stop()
		for range g.running {
			<-g.results // a run writes down how it ended before anybody takes it over
		}
	}()
	if err := g.adopt(ctx); err != nil {
		return err
	}
	for {
		wait, err := g.step(ctx)
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-g.knock:
			g.looked = time.Time{}
		case r := <-g.results:
			if err := g.ended(ctx, r); err != nil {
				return err
			}
		case s := <-g.seen:
			if err := g.sighted(ctx, s); err != nil {
				return err
			}
		case <-g.o.Clock.After(wait):
		case <-time.After(lookEvery): // whatever the clock of the schedules says
		}
	}
}

// step does everything that there is to do now, and tells how long nothing
// needs to be done.
func (g *Engine) step(ctx context.Context) (wait time.Duration, err error) {
	if time.Since(g.renewed) > renewEvery {
		l, held, err := g.o.Registry.TakeLease(ctx, leaseName, g.o.Self, leaseTTL)
		if err != nil {
			return 0, err
		}
		if !held || l.Token != g.lease.Token {
			return 0, registry.ErrFenced
		}
		g.renewed = time.Now()
	}
	if time.Since(g.looked) > lookEvery {
		if err := g.look(ctx); err != nil {
			return 0, err
		}
	}
	now := g.o.Clock.Now()
	more, err := g.wakeUp(ctx, now)
	if err != nil {
		return 0, err
	}
	if err := g.dispatch(ctx, now); err != nil {
		return 0, err
	}
	next := g.tellLate(ctx, now)
	if more {
		return 0, nil
	}
	if len(g.heap) > 0 {
		next = earlier(next, g.heap[0].wake)
	}
	for _, f := range g.queue {
		if at := startable(f); at.After(now) {
			next = earlier(next, at)
		}
	}
	if next.IsZero() {
		return time.Hour, nil
	}
	return max(next.Sub(now), 0), nil
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// look takes in what others have changed: schedules, and fires by hand.
func (g *Engine) look(ctx context.Context) error {
	g.looked = time.Now()
	for _, f := range g.waiting {
		if err := g.adoptOne(ctx, f); err != nil {
			return err
		}
	}
	n, err := g.o.Registry.ScheduleChanges(ctx)
	if err != nil || n == g.changes {
		return err
	}
	list, err := g.o.Registry.Schedules(ctx)
	if err != nil {
		return err
	}
	now := g.o.Clock.Now()
	there := make(map[string]bool, len(list))
	for _, s := range list {
		there[s.Name] = true
		old := g.entries[s.Name]
		if old != nil && old.Updated.Equal(s.Updated) && old.Paused == s.Paused && old.Spec == s.Spec {
			continue
		}
		e, err := newEntry(s)
		if err != nil {
			g.o.Log.Error("schedules", "error", err)
			continue
		}
		if old != nil {
			// What the engine has seen to is ahead of what was read, never behind.
			e.place, e.busy = old.place, old.busy
			if old.cursor.After(e.cursor) {
				e.cursor = old.cursor
			}
			if e.place >= 0 {
				g.heap[e.place] = e
			}
		}
		g.entries[s.Name] = e
		e.plan(now)
		g.heap.put(e)
	}
	for name, e := range g.entries {
		if !there[name] {
			delete(g.entries, name)
			e.wake = time.Time{}
			g.heap.put(e)
		}
	}
	g.changes = n
	return g.readQueue(ctx)
}

// readQueue takes the fires that wait from the registry, and stops the runs
// that somebody wants to stop.
func (g *Engine) readQueue(ctx context.Context) error {
	open, err := g.o.Registry.Fires(ctx, registry.FireQuery{States: []registry.FireState{registry.FireQueued, registry.FireRunning}})
	if err != nil {
		return err
	}
	g.queue = g.queue[:0]
	for i := range open {
		f := &open[i]
		if f.State == registry.FireQueued {
			g.queue = append(g.queue, f)
		} else if j := g.running[f.ID]; j != nil && f.Cancel {
			j.stop(ErrCancelled)
		}
	}
	g.sortQueue()
	return nil
}

func (g *Engine) sortQueue() {
	slices.SortFunc(g.queue, func(a, b *registry.Fire) int {
		switch {
		case a.Priority != b.Priority:
			return b.Priority - a.Priority
		case !a.Due.Equal(b.Due):
			return a.Due.Compare(b.Due)
		}
		return int(a.ID - b.ID)
	})
}
