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

	"pipe/dag"
)

// ErrSkipped says that a run did not begin because another one of its group
// is under way, and the group's policy is to skip.
var ErrSkipped = errors.New("skipped")

// groupPoll is how often a queued run looks whether it may begin.
const groupPoll = 100 * time.Millisecond

// enterGroup makes a run the only one of its concurrency group until leave is
// called. The lock is the kernel's and goes with the process; the file says
// whose it is.
func (w *Workspace) enterGroup(ctx context.Context, c dag.Concurrency, run string) (leave func(), err error) {
	if c.Group == "" {
		return func() {}, nil
	}
	dir := filepath.Join(w.Dir, "groups")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("enter concurrency group %q: %w", c.Group, err)
	}
	f, err := os.OpenFile(filepath.Join(dir, c.Group), os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, fmt.Errorf("enter concurrency group %q: %w", c.Group, err)
	}
	if err := w.waitForGroup(ctx, f, c); err != nil {
		f.Close()
		return nil, err
	}
	if err := writeHolder(f, run); err != nil {
		f.Close()
		return nil, fmt.Errorf("enter concurrency group %q: %w", c.Group, err)
	}
	return func() { f.Close() }, nil
}

func (w *Workspace) waitForGroup(ctx context.Context, f *os.File, c dag.Concurrency) error {
	told := ""
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return fmt.Errorf("lock concurrency group %q: %w", c.Group, err)
		}
		holder := holderOf(f)
		if c.Policy == dag.PolicySkip {
			return fmt.Errorf("%w: run %s of concurrency group %q is under way", ErrSkipped, holder, c.Group)
		}
		if c.Policy == dag.PolicyReplace && holder != "" && holder != told {
			// It may end by itself just now; then there is nothing to stop.
			if err := w.Cancel(ctx, holder); err == nil {
				told = holder
			}
		}
		select {
		case <-ctx.Done():
			return dag.ErrInterrupted
		case <-time.After(groupPoll):
		}
	}
}

func writeHolder(f *os.File, run string) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(run), 0)
	return err
}

// holderOf reads which run holds a group; "" in the moment before it is
// written.
func holderOf(f *os.File) string {
	b := make([]byte, 64)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return ""
	}
	return strings.TrimSpace(string(b[:n]))
}
