package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"pipe/cmd/pipe/view"
	"pipe/dag"
	"pipe/registry"
	"pipe/workspace"
)

func (a *app) logsCommand() *cobra.Command {
	var follow bool
	c := &cobra.Command{
		Use:   "logs RUN [STAGE]",
		Short: "Show what the stages of a run logged",
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withRun(cmd, args[0], func(w *workspace.Workspace, id string) error {
				l := logReader{w: w, out: cmd.OutOrStdout(), id: id}
				if len(args) == 2 {
					l.stage = args[1]
				}
				if follow {
					return l.follow(cmd.Context())
				}
				return l.all(cmd.Context())
			})
		},
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on as the run goes on")
	return c
}

type logReader struct {
	w     *workspace.Workspace
	out   io.Writer
	id    string
	stage string // "" for all
	shown int    // lines of the journal that were looked at
	ended bool
	known bool // the stage occurs in the run
}

// all prints the logs of what ran, and of a hit the log of the work that made
// it.
func (l *logReader) all(ctx context.Context) error {
	if err := l.next(); err != nil {
		return err
	}
	if l.stage != "" && !l.known {
		return fmt.Errorf("run %s has no stage %q", short(l.id), l.stage)
	}
	return nil
}

func (l *logReader) follow(ctx context.Context) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := l.next(); err != nil {
			return err
		}
		if l.ended {
			return nil
		}
		// A run whose process was killed has no last event.
		_, alive, err := l.w.Registry.ProcessOf(ctx, l.id)
		if errors.Is(err, registry.ErrNotFound) || err == nil && !alive {
			return l.next()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// next prints what has come since the last call.
func (l *logReader) next() error {
	line := 0
	err := dag.ReadJournal(l.w.RunDir(l.id), func(e *dag.Event) error {
		if line++; line <= l.shown {
			return nil
		}
		l.shown = line
		return l.show(e)
	})
	return noJournal(l.w, l.id, err)
}

// noJournal explains the error of reading a journal that is not there.
func noJournal(w *workspace.Workspace, id string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("run %s has no journal at %s: its folder was removed, or the run was not made by pipe here; `pipe runs show %[1]s` tells what the registry knows", short(id), w.RunDir(id))
	}
	return err
}

func (l *logReader) show(e *dag.Event) error {
	if e.Type == dag.RunFinished {
		l.ended = true
	}
	if e.Stage == "" || l.stage != "" && e.Stage != l.stage {
		return nil
	}
	l.known = true
	switch e.Type {
	case dag.StageLog:
		return l.print(e.Stage, e.Text)
	case dag.StageFailed:
		l.ended = l.ended || l.stage != ""
		return l.print(e.Stage, "failed: "+e.Text)
	case dag.StageFinished:
		l.ended = l.ended || l.stage != ""
	case dag.StageCached:
		l.ended = l.ended || l.stage != ""
		return l.cached(e)
	}
	return nil
}

func (l *logReader) cached(e *dag.Event) error {
	r, ok := l.w.Store.Lookup(e.Key)
	if !ok || r.Log == nil {
		return nil
	}
	b, err := l.w.Store.ReadAll(*r.Log)
	if err != nil {
		return fmt.Errorf("read the log of stage %q: %w", e.Stage, err)
	}
	if err := l.print(e.Stage, fmt.Sprintf("cached; it ran at %s:", when(r.Started))); err != nil {
		return err
	}
	_, err = io.WriteString(l.out, l.clean(string(b)))
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

func (l *logReader) print(stage, text string) error {
	if l.stage == "" {
		text = stage + "  " + text
	}
	_, err := fmt.Fprintln(l.out, l.clean(text))
	return err
}

// clean leaves a terminal alone; files and pipes get the bytes that were logged.
func (l *logReader) clean(text string) string {
	if _, _, ok := terminalSize(l.out); ok {
		return view.Clean(text)
	}
	return text
}
