package schedule

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pipe/dag"
	"pipe/registry"
)

func TestCatchup(t *testing.T) {
	for _, c := range []struct {
		catchup string
		want    map[registry.FireState]int
	}{
		{"all", map[registry.FireState]int{registry.FireDone: 24}},
		{"latest", map[registry.FireState]int{registry.FireDone: 1, registry.FireSkipped: 1}},
		{"none", map[registry.FireState]int{registry.FireSkipped: 1}},
	} {
		r := open(t)
		put(t, r, "hourly", dag.Schedule{Cron: "0 * * * *", Catchup: c.catchup})
		clock := &fakeClock{now: epoch.Add(24*time.Hour + 30*time.Minute)}
		_, stop := lead(t, Options{Registry: r, Runner: &fakeRunner{}, Clock: clock})
		eventually(t, c.catchup, func() bool {
			n := states(fires(t, r, registry.FireQuery{}))
			return n[registry.FireDone] == c.want[registry.FireDone] && n[registry.FireSkipped] == c.want[registry.FireSkipped]
		})
		// What comes on time is run whatever catchup says, and a new process does
		// not begin again with what is past.
		stop()
		clock.Advance(30*time.Minute + time.Second)
		lead(t, Options{Registry: r, Runner: &fakeRunner{}, Clock: clock})
		eventually(t, c.catchup+": one more", func() bool {
			return states(fires(t, r, registry.FireQuery{}))[registry.FireDone] == c.want[registry.FireDone]+1
		})
		if n := len(fires(t, r, registry.FireQuery{})); n != c.want[registry.FireDone]+c.want[registry.FireSkipped]+1 {
			t.Errorf("%s: %d fires", c.catchup, n)
		}
	}
}

func TestOverlap(t *testing.T) {
	for _, c := range []struct {
		overlap string
		atOnce  int // runs under way after three fire times
		ends    map[registry.FireState]int
	}{
		{"queue", 1, map[registry.FireState]int{registry.FireDone: 3}},
		{"skip", 1, map[registry.FireState]int{registry.FireDone: 1, registry.FireSkipped: 2}},
		{"allow", 3, map[registry.FireState]int{registry.FireDone: 3}},
		{"cancel", 1, map[registry.FireState]int{registry.FireDone: 1, registry.FireCancelled: 2}},
	} {
		r := open(t)
		put(t, r, "m", dag.Schedule{Cron: "* * * * *", Overlap: c.overlap})
		clock := &fakeClock{now: epoch}
		release := make(chan struct{})
		var now, most atomic.Int32
		runner := &fakeRunner{do: func(ctx context.Context, _ Job) error {
			n := now.Add(1)
			defer now.Add(-1)
			for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			select {
			case <-release:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}}
		lead(t, Options{Registry: r, Runner: runner, Clock: clock})
		for i := range 3 {
			clock.Advance(time.Minute)
			eventually(t, "it has come due", func() bool { return len(fires(t, r, registry.FireQuery{})) == i+1 })
			if c.overlap == "cancel" || c.overlap == "allow" || i == 0 {
				eventually(t, "it runs", func() bool { return runner.count() == i+1 })
			}
		}
		close(release)
		eventually(t, c.overlap, func() bool {
			n := states(fires(t, r, registry.FireQuery{}))
			for state, want := range c.ends {
				if n[state] != want {
					return false
				}
			}
			return true
		})
		if int(most.Load()) != c.atOnce {
			t.Errorf("%s: %d runs at a time, want %d", c.overlap, most.Load(), c.atOnce)
		}
	}
}

func TestFailureIsTriedAgainAndTold(t *testing.T) {
	r := open(t)
	put(t, r, "m", dag.Schedule{Cron: "0 * * * *", Retries: &dag.RunRetries{Times: 2, Delay: dag.Duration(5 * time.Minute)}, Deadline: dag.Duration(7 * time.Minute)})
	clock := &fakeClock{now: epoch}
	var fail atomic.Bool
	fail.Store(true)
	runner := &fakeRunner{do: func(context.Context, Job) error {
		if fail.Load() {
			return errors.New("no disk")
		}
		return nil
	}}
	var mu sync.Mutex
	var told []NewsKind
	tell := func(n News) {
		mu.Lock()
		defer mu.Unlock()
		if n.Kind != NewsStarted && n.Kind != NewsEnded {
			told = append(told, n.Kind)
		}
	}
	lead(t, Options{Registry: r, Runner: runner, Clock: clock, Tell: tell})
	clock.Advance(time.Hour)
	for attempt := 1; attempt <= 3; attempt++ {
		eventually(t, "it is tried", func() bool { return runner.count() == attempt })
		eventually(t, "it waits or has failed", func() bool {
			f := fires(t, r, registry.FireQuery{})[0]
			return f.State == registry.FireQueued && f.Attempt == attempt || f.State == registry.FireFailed
		})
		clock.Advance(5 * time.Minute)
	}
	one := fires(t, r, registry.FireQuery{})[0]
	if one.State != registry.FireFailed || one.Attempt != 3 || one.Error != "no disk" || !one.Late {
		t.Errorf("after three attempts: %+v", one)
	}
	if s, _ := r.Schedule(context.Background(), "m"); !s.Failing {
		t.Error("it does not count as failing")
	}
	fail.Store(false)
	clock.Advance(45 * time.Minute)
	eventually(t, "the next one is done", func() bool { return states(fires(t, r, registry.FireQuery{}))[registry.FireDone] == 1 })
	eventually(t, "recovery is told", func() bool { mu.Lock(); defer mu.Unlock(); return len(told) == 3 })
	if want := []NewsKind{NewsLate, NewsFailed, NewsRecovered}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}

func TestTimeoutAndPause(t *testing.T) {
	r := open(t)
	put(t, r, "m", dag.Schedule{Cron: "* * * * *", Timeout: dag.Duration(20 * time.Millisecond)})
	clock := &fakeClock{now: epoch}
	runner := &fakeRunner{do: func(ctx context.Context, _ Job) error { <-ctx.Done(); return ctx.Err() }}
	g, _ := lead(t, Options{Registry: r, Runner: runner, Clock: clock})
	clock.Advance(time.Minute)
	eventually(t, "the timeout ends it", func() bool { return states(fires(t, r, registry.FireQuery{}))[registry.FireFailed] == 1 })
	if f := fires(t, r, registry.FireQuery{})[0]; f.Error != "timeout: it has run for 20ms" {
		t.Errorf("error %q", f.Error)
	}
	s := &Service{Now: clock.Now, Engine: g}
	ctx := context.Background()
	if err := r.PauseSchedule(ctx, "m", true, registry.Audit{Why: "test"}); err != nil {
		t.Fatal(err)
	}
	g.Knock()
	time.Sleep(20 * time.Millisecond)
	clock.Advance(10 * time.Minute)
	time.Sleep(50 * time.Millisecond)
	if n := len(fires(t, r, registry.FireQuery{})); n != 1 {
		t.Errorf("%d fires while it was paused", n)
	}
	if err := r.PauseSchedule(ctx, "m", false, registry.Audit{}); err != nil {
		t.Fatal(err)
	}
	s.knock()
	eventually(t, "it goes on and catches up", func() bool { return len(fires(t, r, registry.FireQuery{})) == 11 })
}

func TestPriorityAndLimit(t *testing.T) {
	r := open(t)
	put(t, r, "low", dag.Schedule{Cron: "0 * * * *"})
	put(t, r, "high", dag.Schedule{Cron: "0 * * * *", Priority: 5})
	put(t, r, "middle", dag.Schedule{Cron: "0 * * * *", Priority: 1})
	clock := &fakeClock{now: epoch}
	runner := &fakeRunner{}
	lead(t, Options{Registry: r, Runner: runner, Clock: clock, MaxRuns: 1})
	clock.Advance(time.Hour)
	eventually(t, "all three ran", func() bool { return states(fires(t, r, registry.FireQuery{}))[registry.FireDone] == 3 })
	var order []string
	for _, j := range runner.jobs {
		order = append(order, j.Schedule)
	}
	if want := []string{"high", "middle", "low"}; !slices.Equal(order, want) {
		t.Errorf("order %v", order)
	}
}

// A thousand schedules that fire at one instant give a thousand runs.
func TestThousandAtOnce(t *testing.T) {
	r := open(t)
	list := make([]registry.Schedule, 1000)
	for i := range list {
		list[i] = registry.Schedule{Name: "s" + newRunID(), Pipeline: "p", File: "p.yaml", Spec: `{"cron":"0 * * * *","timezone":"UTC"}`, Cursor: epoch}
	}
	if err := r.PutSchedules(context.Background(), "", list); err != nil {
		t.Fatal(err)
	}
	clock := &fakeClock{now: epoch}
	runner := &fakeRunner{}
	g, _ := lead(t, Options{Registry: r, Runner: runner, Clock: clock, MaxRuns: 8})
	clock.Advance(time.Hour)
	eventually(t, "all are done", func() bool { return states(fires(t, r, registry.FireQuery{}))[registry.FireDone] == 1000 })
	seen := map[string]bool{}
	for _, j := range runner.jobs {
		seen[j.Schedule] = true
	}
	if len(runner.jobs) != 1000 || len(seen) != 1000 {
		t.Errorf("%d runs of %d schedules", len(runner.jobs), len(seen))
	}
	if g.Metrics().Lateness(1) > time.Second {
		t.Logf("the last was seen to %v late", g.Metrics().Lateness(1))
	}
}

// A year of minutes goes through the decisions of the engine.
func TestYearOfFires(t *testing.T) {
	e, err := newEntry(registry.Schedule{Name: "m", Spec: `{"cron":"* * * * *","timezone":"Europe/Stockholm"}`, Cursor: epoch})
	if err != nil {
		t.Fatal(err)
	}
	end := epoch.AddDate(1, 0, 0)
	n := 0
	for now := epoch; now.Before(end); now = now.Add(time.Minute) {
		fires, cursor := e.come(now)
		for _, f := range fires {
			if n++; !f.At.Equal(epoch.Add(time.Duration(n) * time.Minute)) {
				t.Fatalf("fire %d is of %v", n, f.At)
			}
		}
		e.cursor = cursor
	}
	if want := int(end.Sub(epoch)/time.Minute) - 1; n != want {
		t.Errorf("%d fires, want %d", n, want)
	}
}

// One process leads; when it has lost the lease it can write no more, and its
// runs go on in the other.
func TestTakeover(t *testing.T) {
	r := open(t)
	put(t, r, "m", dag.Schedule{Cron: "* * * * *"})
	clock := &fakeClock{now: epoch}
	self := registry.Self()
	other := registry.Process{PID: self.PID, Born: self.Born, Boot: self.Boot, Host: "elsewhere"}
	first := &fakeRunner{do: func(ctx context.Context, _ Job) error { <-ctx.Done(); return ctx.Err() }}
	second := &fakeRunner{}
	a, stopA := lead(t, Options{Registry: r, Runner: first, Clock: clock, Self: self})
	eventually(t, "the first leads", a.Leads)
	b, _ := lead(t, Options{Registry: r, Runner: second, Clock: clock, Self: other})
	clock.Advance(time.Minute)
	eventually(t, "the first runs it", func() bool { return first.count() == 1 })
	time.Sleep(20 * time.Millisecond)
	if b.Leads() || second.count() != 0 {
		t.Fatal("both lead")
	}
	old, err := r.Lease(context.Background(), leaseName)
	if err != nil {
		t.Fatal(err)
	}
	stopA()
	eventually(t, "the second leads", b.Leads)
	eventually(t, "the second goes on with the run", func() bool { return states(fires(t, r, registry.FireQuery{}))[registry.FireDone] == 1 })
	if first.jobs[0].Run != second.jobs[0].Run {
		t.Error("it is another run")
	}
	_, err = r.AddFires(context.Background(), old, []registry.FireBatch{{Schedule: "m", Fires: []registry.Fire{{At: epoch, Cause: "time"}}}})
	if !errors.Is(err, registry.ErrFenced) {
		t.Errorf("a write under the old lease: %v", err)
	}
}
