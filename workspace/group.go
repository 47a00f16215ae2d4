package workspace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"pipe/artifacts"
	"pipe/dag"
)

// ErrSkipped says that a run did not begin because another one of its group
// is under way, and the group's policy is to skip.
var ErrSkipped = errors.New("skipped")

// groupPoll is how often a queued run looks whether it may begin.
const groupPoll = 100 * time.Millisecond

// turn is a run's place in its concurrency group. The lock is the kernel's and
// goes with the process; the file says whose it is.
type turn struct {
	dag.Concurrency
	run  string
	file *os.File // nil without a group
	held bool     // the run is the one of its group
}

// enterGroup makes a run the only one of its concurrency group, until it leaves,
// if no other is: if one is, the turn is not held, and can be waited for.
func (w *Workspace) enterGroup(c dag.Concurrency, run string) (*turn, error) {
	t := &turn{Concurrency: c, run: run, held: c.Group == ""}
	if t.held {
		return t, nil
	}
	dir := filepath.Join(w.Dir, "groups")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("enter concurrency group %q: %w", c.Group, err)
	}
	var err error
	if t.file, err = os.OpenFile(filepath.Join(dir, c.Group), os.O_RDWR|os.O_CREATE, 0o666); err != nil {
		return nil, fmt.Errorf("enter concurrency group %q: %w", c.Group, err)
	}
	err = t.take()
	if err == nil && !t.held && c.Policy == dag.PolicySkip {
		err = fmt.Errorf("%w: run %s of concurrency group %q is under way", ErrSkipped, t.holder(), c.Group)
	}
	if err != nil {
		t.leave()
		return nil, err
	}
	return t, nil
}

// take becomes the holder if there is none.
func (t *turn) take() error {
	err := syscall.Flock(int(t.file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("lock concurrency group %q: %w", t.Group, err)
	}
	t.held = true
	if err = t.file.Truncate(0); err == nil {
		_, err = t.file.WriteAt([]byte(t.run), 0)
	}
	if err != nil {
		return fmt.Errorf("enter concurrency group %q: %w", t.Group, err)
	}
	return nil
}

// holder reads which run holds the group; "" in the moment before it is
// written.
func (t *turn) holder() string {
	b := make([]byte, 64)
	n, err := t.file.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return ""
	}
	return strings.TrimSpace(string(b[:n]))
}

// leave lets the next one of the group in.
func (t *turn) leave() {
	if t.file == nil {
		return
	}
	if t.held {
		// Whoever waits must not take this run for the next holder. If it fails, it
		// does so for a moment.
		_ = t.file.Truncate(0)
	}
	t.file.Close()
}

// wait waits for the turn, and tells for whom, each time that it is another one.
func (t *turn) wait(ctx context.Context, w *Workspace, sink dag.Sink, pipeline string) error {
	for told, stopped := "", ""; !t.held; {
		holder := t.holder()
		if t.Policy == dag.PolicyReplace && holder != "" && holder != stopped {
			// It may end by itself just now, or have no process yet.
			if w.cancel(ctx, holder, fmt.Sprintf("replaced by run %.8s of concurrency group %q", t.run, t.Group)) == nil {
				stopped = holder
			}
		}
		if holder != "" && holder != told {
			told = holder
			sink.Event(&dag.Event{Time: time.Now(), Type: dag.RunQueued, Run: t.run, Pipeline: pipeline, Other: holder, Text: fmt.Sprintf("waits for run %.8s of group %s", holder, t.Group)})
		}
		select {
		case <-ctx.Done():
			return dag.Interruption(ctx)
		case <-time.After(groupPoll):
		}
		if err := t.take(); err != nil {
			return err
		}
	}
	return nil
}

// neverBegan tells the end of a run whose turn did not come.
func neverBegan(sink dag.Sink, run string, asked time.Time, err error) *dag.Result {
	now := time.Now()
	res := &dag.Result{Status: dag.StatusFailed, Outputs: map[string]map[string]artifacts.Ref{}, Seconds: now.Sub(asked).Seconds()}
	if errors.Is(err, dag.ErrInterrupted) {
		res.Status = dag.StatusKilled
	}
	sink.Event(&dag.Event{Time: now, Type: dag.RunFinished, Run: run, Status: res.Status, Seconds: res.Seconds, Text: err.Error()})
	return res
}
