// Command schedule measures the engine of scheduled runs: what ten thousand
// schedules cost while nothing is due, how late fire times are seen to, and
// whether a thousand fires at one instant give a thousand runs.
//
//	go run ./benchmarks/schedule
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"pipe/registry"
	"pipe/schedule"
)

// counting runs nothing.
type counting struct{ n atomic.Int64 }

func (c *counting) Run(context.Context, schedule.Job) error { c.n.Add(1); return nil }

func (c *counting) State(context.Context, string) (schedule.RunState, error) {
	return schedule.RunUnknown, nil
}

func main() {
	if err := measure(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func measure() error {
	idle, err := run(10_000, func(int) string { return `{"cron":"0 0 1 1 *","timezone":"UTC"}` }, 30*time.Second)
	if err != nil {
		return err
	}
	fmt.Printf("10,000 schedules, nothing due, 30 s: %.2f %% of a core\n", 100*idle.cpu.Seconds()/idle.wall.Seconds())
	busy, err := run(10_000, func(i int) string {
		if i < 200 {
			return `{"cron":"* * * * * *","timezone":"UTC","overlap":"allow"}`
		}
		return `{"cron":"0 0 1 1 *","timezone":"UTC"}`
	}, 30*time.Second)
	if err != nil {
		return err
	}
	fmt.Printf("200 of 10,000 fire each second, 30 s: %d runs, lateness p50 %v, p99 %v, largest %v\n", busy.runs, busy.p50, busy.p99, busy.worst)
	at := time.Now().Add(4 * time.Second).UTC()
	spec := fmt.Sprintf(`{"cron":"%d %d %d %d %d *","timezone":"UTC"}`, at.Second(), at.Minute(), at.Hour(), at.Day(), at.Month())
	once, err := run(1000, func(int) string { return spec }, 12*time.Second)
	if err != nil {
		return err
	}
	fmt.Printf("1,000 fires at one instant: %d runs, the last queued %v after its time\n", once.runs, once.worst)
	return nil
}

type figures struct {
	cpu, wall, p50, p99, worst time.Duration
	runs                       int64
}

func run(n int, spec func(i int) string, length time.Duration) (f figures, err error) {
	dir, err := os.MkdirTemp("", "schedules")
	if err != nil {
		return f, err
	}
	defer os.RemoveAll(dir)
	r, err := registry.Open(context.Background(), filepath.Join(dir, "registry.db"))
	if err != nil {
		return f, err
	}
	defer r.Close()
	list := make([]registry.Schedule, n)
	for i := range list {
		list[i] = registry.Schedule{Name: fmt.Sprint("s", i), Pipeline: "p", File: "p.yaml", Spec: spec(i), Cursor: time.Now()}
	}
	if err := r.PutSchedules(context.Background(), "", list); err != nil {
		return f, err
	}
	c := &counting{}
	g := schedule.New(schedule.Options{Registry: r, Runner: c, MaxRuns: 16})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	time.Sleep(2 * time.Second) // it has read them all
	before, start := cpu(), time.Now()
	time.Sleep(length)
	f.cpu, f.wall = cpu()-before, time.Since(start)
	stop()
	m := g.Metrics()
	f.runs, f.p50, f.p99, f.worst = c.n.Load(), m.Lateness(0.5), m.Lateness(0.99), m.Lateness(1)
	return f, <-ended
}

// cpu is the processor time of this process.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // it fails only for a wrong argument
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
