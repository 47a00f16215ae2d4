package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"pipe/dag"
)

// launcher begins runs in processes of their own, for the pages of `pipe up`:
// each goes on when the server ends, and is cancelled like a run from a terminal.
type launcher struct {
	store string
}

// begins is how long a run may take until it tells its id: it checks the file
// before.
const begins = 30 * time.Second

// Launch implements ui.Launcher.
func (l launcher) Launch(ctx context.Context, args ...string) (run string, err error) {
	program, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	// A file and not a pipe: nobody has to read it for the run to go on.
	out, err := os.CreateTemp("", "pipe-run-*.jsonl")
	if err != nil {
		return "", fmt.Errorf("begin a run: %w", err)
	}
	defer out.Close()
	defer os.Remove(out.Name())
	var said bytes.Buffer
	c := exec.Command(program, append([]string{args[0], "--store", l.store, "--json"}, args[1:]...)...)
	c.Stdout = out
	stderr, err := os.CreateTemp("", "pipe-run-*.err")
	if err != nil {
		return "", fmt.Errorf("begin a run: %w", err)
	}
	defer stderr.Close()
	defer os.Remove(stderr.Name())
	c.Stderr = stderr
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C at the server is not meant for it
	if err := c.Start(); err != nil {
		return "", fmt.Errorf("begin a run: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	limit := time.NewTimer(begins)
	defer limit.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if id := firstRun(out.Name()); id != "" {
			return id, nil
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-limit.C:
			return "", fmt.Errorf("the run did not begin within %v; process %d goes on", begins, c.Process.Pid)
		case err := <-ended:
			if id := firstRun(out.Name()); id != "" {
				return id, nil
			}
			if _, serr := stderr.Seek(0, io.SeekStart); serr == nil {
				_, _ = io.Copy(&said, io.LimitReader(stderr, 64<<10))
			}
			if text := strings.TrimSpace(strings.TrimPrefix(said.String(), "pipe: ")); text != "" {
				return "", errors.New(text)
			}
			return "", fmt.Errorf("the run ended before it began: %v", err)
		case <-tick.C:
		}
	}
}

// firstRun reads the id of a run from the events that it has written.
func firstRun(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	line, err := bufio.NewReader(f).ReadBytes('\n')
	if err != nil {
		return "" // not whole yet
	}
	var e dag.Event
	if json.Unmarshal(line, &e) != nil {
		return ""
	}
	return e.Run
}
