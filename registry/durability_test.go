package registry

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMain lets the test binary be a second process: with PIPE_REGISTRY_WRITER
// set it logs to that file and acknowledges each point on standard output.
func TestMain(m *testing.M) {
	if path := os.Getenv("PIPE_REGISTRY_WRITER"); path != "" {
		fmt.Fprintln(os.Stderr, writeAndAcknowledge(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func writeAndAcknowledge(path string) error {
	ctx := context.Background()
	r, err := Open(ctx, path)
	if err != nil {
		return err
	}
	self := Self()
	run, err := r.CreateRun(ctx, NewRun{Process: &self})
	if err != nil {
		return err
	}
	fmt.Println(run.ID)
	var out sync.Mutex
	failed := make(chan error)
	for client := range 4 {
		go func() {
			for i := 0; ; i++ {
				if err := r.LogMetrics(ctx, run.ID, []Metric{dot(fmt.Sprint("m", client), float64(i), time.UnixMilli(int64(i)), int64(i))}); err != nil {
					failed <- err
					return
				}
				out.Lock()
				fmt.Println(client, i)
				out.Unlock()
			}
		}()
	}
	return <-failed
}

// child starts a writing process and returns its run's id.
func child(t *testing.T, path string) (*exec.Cmd, *bufio.Scanner, string) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PIPE_REGISTRY_WRITER="+path)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	ok(t, err)
	ok(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_, _ = io.Copy(io.Discard, stdout)
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() {
		t.Fatal("the child said nothing")
	}
	return cmd, lines, lines.Text()
}

// What was acknowledged before a kill -9 is there after it, and the dead
// process's run is marked.
func TestKillLosesNothingAcknowledged(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "registry.db")
	for round := range 4 {
		cmd, lines, run := child(t, path)
		acknowledged := map[string]int{}
		for n := 0; lines.Scan(); n++ {
			client, last, _ := strings.Cut(lines.Text(), " ")
			// A last line that the kill cut short was not acknowledged.
			if i, err := strconv.Atoi(last); err == nil && i == acknowledged[client] {
				acknowledged[client] = i + 1
			}
			if n == 150+37*round {
				ok(t, cmd.Process.Kill())
			}
		}
		_ = cmd.Wait()
		r := must(Open(ctx, path))(t)
		for client, n := range acknowledged {
			points, _, err := r.History(ctx, run, "m"+client, 0, 0)
			if err != nil || len(points) < n {
				t.Fatalf("client %s: %d points of %d acknowledged, %v", client, len(points), n, err)
			}
		}
		if d := must(r.Run(ctx, run))(t); d.Status != Killed || d.Error != NoLastWord {
			t.Errorf("the run is %s, %q", d.Status, d.Error)
		}
		ok(t, r.Close())
	}
}

// Two processes write to one file at the same time.
func TestTwoProcesses(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "registry.db")
	r := openAt(t, path)
	mine := must(r.CreateRun(ctx, NewRun{}))(t)
	_, lines, theirs := child(t, path)
	for i := range 100 {
		ok(t, r.LogMetrics(ctx, mine.ID, []Metric{dot("m", 1, time.UnixMilli(int64(i)), int64(i))}))
		if !lines.Scan() {
			t.Fatal("the other process stopped")
		}
	}
	for id, key := range map[string]string{mine.ID: "m", theirs: "m0"} {
		if points, _, err := r.History(ctx, id, key, 0, 0); err != nil || len(points) == 0 || id == mine.ID && len(points) != 100 {
			t.Errorf("run %s has %d points, %v", id, len(points), err)
		}
	}
}

// In a group each write succeeds or fails for itself.
func TestConcurrentWritersAndErrors(t *testing.T) {
	ctx := context.Background()
	r := openTest(t)
	run := must(r.CreateRun(ctx, NewRun{Params: []Pair{{"fixed", "1"}}}))(t)
	var wg sync.WaitGroup
	for c := range 32 {
		wg.Go(func() {
			for i := range 20 {
				key := fmt.Sprintf("p%d-%d", c, i)
				if c%2 == 0 {
					if err := r.LogParams(ctx, run.ID, []Pair{{key, "v"}}); err != nil {
						t.Error(err)
					}
				} else if err := r.LogParams(ctx, run.ID, []Pair{{key, "v"}, {"fixed", "2"}}); !errors.Is(err, ErrConflict) {
					t.Errorf("%v, want a conflict", err)
				}
			}
		})
	}
	wg.Wait()
	if d := must(r.Run(ctx, run.ID))(t); len(d.Params) != 1+16*20 {
		t.Fatalf("%d parameters, want %d", len(d.Params), 1+16*20)
	}
}

func TestClosedAndCancelled(t *testing.T) {
	r := must(Open(context.Background(), filepath.Join(t.TempDir(), "registry.db")))(t)
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := r.CreateRun(cancelled, NewRun{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	ok(t, r.Close())
	ok(t, r.Close())
	_, err := r.CreateRun(context.Background(), NewRun{})
	wantKind(t, err, ErrClosed)
	_, err = r.Run(context.Background(), "x")
	wantKind(t, err, ErrClosed)
}
