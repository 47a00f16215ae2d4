package schedule

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"pipe/dag"
	"pipe/registry"
)

// TestKilledAtFireTimes kills the process again and again around the moments
// at which schedules fire (PIPE_KILLS times; 40), by SIGKILL, and then demands
// that each fire time has exactly one run, which has finished once.
func TestKilledAtFireTimes(t *testing.T) {
	kills := 40
	if n, err := strconv.Atoi(os.Getenv("PIPE_KILLS")); err == nil {
		kills = n
	}
	dir := t.TempDir()
	r, err := registry.Open(context.Background(), filepath.Join(dir, "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	put(t, r, "minutely", dag.Schedule{Cron: "* * * * *"})
	put(t, r, "side", dag.Schedule{Cron: "*/2 * * * *", Overlap: "allow", Jitter: dag.Duration(30 * time.Second)})
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	killed, lives := 0, 0
	for ; ; lives++ {
		if lives > 3*kills+20 {
			t.Fatal("it does not come to an end")
		}
		c := exec.Command(os.Args[0], "-test.run=^TestHelperLife$")
		c.Env = append(os.Environ(), "PIPE_LIFE="+dir, "PIPE_LIFE_SEED="+strconv.Itoa(lives), "PIPE_LIFE_TIMES="+strconv.Itoa(kills))
		if killed < kills {
			c.Env = append(c.Env, "PIPE_LIFE_KILL=1")
		}
		out, err := c.CombinedOutput()
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
			killed++
			continue
		}
		if err != nil {
			t.Fatalf("life %d: %v\n%s", lives, err, out)
		}
		if killed >= kills {
			break
		}
	}
	if r, err = registry.Open(context.Background(), filepath.Join(dir, "registry.db")); err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	begun, ended := readLog(t, filepath.Join(dir, "log"))
	seen, runs, resumed := map[string]bool{}, map[string]bool{}, 0
	want := 0
	for _, s := range []struct {
		name  string
		every int
	}{{"minutely", 1}, {"side", 2}} {
		list := fires(t, r, registry.FireQuery{Schedule: s.name})
		for i, f := range list {
			want++
			if at := epoch.Add(time.Duration((i+1)*s.every) * time.Minute); !f.At.Equal(at) {
				t.Fatalf("%s: fire %d is of %v, want %v", s.name, i, f.At, at)
			}
			key := s.name + f.At.String()
			run, err := r.Run(context.Background(), f.Run)
			switch {
			case f.State != registry.FireDone:
				t.Errorf("%s of %v is %s", s.name, f.At, f.State)
			case seen[key] || runs[f.Run]:
				t.Errorf("%s of %v fired twice", s.name, f.At)
			case err != nil || run.Status != registry.Finished:
				t.Errorf("%s of %v: run %s is %v, %v", s.name, f.At, f.Run, run.Status, err)
			case f.Attempt != 1:
				t.Errorf("%s of %v has %d runs", s.name, f.At, f.Attempt)
			case ended[f.Run] == 0:
				t.Errorf("%s of %v: nobody ran it", s.name, f.At)
			}
			seen[key], runs[f.Run] = true, true
			if begun[f.Run] > 1 {
				resumed++
			}
		}
	}
	for run := range begun {
		if !runs[run] {
			t.Errorf("run %s belongs to no fire", run)
		}
	}
	if len(runs) != want || want < kills {
		t.Errorf("%d runs for %d fire times", len(runs), want)
	}
	t.Logf("%d kills in %d lives, %d fire times, one run of each; %d runs were taken over by the next process", killed, lives+1, want, resumed)
}

// readLog counts how often each run was begun and ended.
func readLog(t *testing.T, path string) (begun, ended map[string]int) {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	begun, ended = map[string]int{}, map[string]int{}
	for s := bufio.NewScanner(f); s.Scan(); {
		what, run, ok := strings.Cut(s.Text(), " ")
		if !ok || len(run) != 32 {
			continue // a kill cut the line
		}
		if what == "begin" {
			begun[run]++
		} else {
			ended[run]++
		}
	}
	return begun, ended
}

// TestHelperLife is one life of the process that TestKilledAtFireTimes kills.
func TestHelperLife(t *testing.T) {
	dir := os.Getenv("PIPE_LIFE")
	if dir == "" {
		t.Skip("skipped: it is started by TestKilledAtFireTimes")
	}
	seed, _ := strconv.Atoi(os.Getenv("PIPE_LIFE_SEED"))
	times, _ := strconv.Atoi(os.Getenv("PIPE_LIFE_TIMES"))
	rng := rand.New(rand.NewPCG(uint64(seed), 1))
	r, err := registry.Open(context.Background(), filepath.Join(dir, "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		t.Fatal(err)
	}
	clock := &fakeClock{now: epoch}
	clockFile := filepath.Join(dir, "clock")
	if b, err := os.ReadFile(clockFile); err == nil {
		if at, err := time.Parse(time.RFC3339, string(b)); err == nil {
			clock.now = at
		}
	}
	runner := &recordingRunner{registry: r, log: log}
	_, stop := lead(t, Options{Registry: r, Runner: runner, Clock: clock})
	end := epoch.Add(time.Duration(times) * time.Minute)
	if os.Getenv("PIPE_LIFE_KILL") != "" {
		time.AfterFunc(time.Duration(rng.IntN(5000)+2000)*time.Microsecond, func() { syscall.Kill(os.Getpid(), syscall.SIGKILL) })
	}
	for clock.Now().Before(end) {
		clock.Advance(30 * time.Second)
		next := clockFile + ".new" // a clock never goes back, even over a kill
		if err := os.WriteFile(next, []byte(clock.Now().Format(time.RFC3339)), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, clockFile); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rng.IntN(1500)) * time.Microsecond)
	}
	clock.Advance(30 * time.Second) // the jitter of the last
	eventually(t, "everything is done", func() bool {
		open := fires(t, r, registry.FireQuery{States: []registry.FireState{registry.FireQueued, registry.FireRunning}})
		return len(open) == 0 && len(fires(t, r, registry.FireQuery{Schedule: "minutely"})) >= times
	})
	stop()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

// recordingRunner keeps its runs in the registry, as a workspace does.
type recordingRunner struct {
	registry *registry.Registry
	log      *os.File
}

func (r *recordingRunner) Run(ctx context.Context, j Job) error {
	self := registry.Self()
	bg := context.WithoutCancel(ctx)
	_, err := r.registry.CreateRun(bg, registry.NewRun{ID: j.Fire.Run, Name: j.Schedule, Pipeline: j.Pipeline, Process: &self})
	if errors.Is(err, registry.ErrExists) {
		err = r.registry.ReopenRun(bg, j.Fire.Run, self)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(r.log, "begin %s\n", j.Fire.Run)
	select {
	case <-time.After(time.Millisecond):
	case <-ctx.Done():
		return ctx.Err()
	}
	fmt.Fprintf(r.log, "end %s\n", j.Fire.Run)
	return r.registry.FinishRun(bg, j.Fire.Run, registry.Finished, time.Now(), "")
}

func (r *recordingRunner) State(ctx context.Context, run string) (RunState, error) {
	return StateOf(ctx, r.registry, run)
}
