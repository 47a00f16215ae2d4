package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"pipe/cmd/pipe/view"
	"pipe/dag"
	"pipe/registry"
	"pipe/workspace"
)

func (a *app) replayCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "replay RUN",
		Short: "Show what happened in a run, and when",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withRun(cmd, args[0], func(w *workspace.Workspace, id string) error {
				out := cmd.OutOrStdout()
				if asJSON {
					v := view.NewJSON(out)
					return noJournal(w, id, dag.ReadJournal(w.RunDir(id), func(e *dag.Event) error { v.Event(e); return nil }))
				}
				ended, err := replay(out, w.RunDir(id))
				if err == nil && !ended {
					err = tellOpen(cmd.Context(), out, w, id)
				}
				return noJournal(w, id, err)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print the journal's events as JSON lines")
	return c
}

// tellOpen says why a journal has no end.
func tellOpen(ctx context.Context, out io.Writer, w *workspace.Workspace, id string) error {
	why := "the journal ends here: " + registry.NoLastWord
	if _, alive, err := w.Registry.ProcessOf(ctx, id); err == nil && alive {
		why = "the run goes on"
	}
	_, err := fmt.Fprintf(out, "%10s  %s\n", "", why)
	return err
}

// replay prefixes each line of the plain view with the time since the start, and
// tells whether the run came to its end.
func replay(out io.Writer, dir string) (ended bool, err error) {
	stamped := &stampWriter{w: out}
	v := view.NewPlain(stamped, nil)
	err = dag.ReadJournal(dir, func(e *dag.Event) error {
		if stamped.start.IsZero() {
			stamped.start = e.Time
		}
		stamped.at = e.Time
		ended = e.Type == dag.RunFinished
		switch e.Type {
		case dag.RunStarted:
			fmt.Fprintf(stamped, "%s: %d stages, at %s\n", e.Pipeline, e.Stages, when(e.Time))
		case dag.RunFinished:
			what := e.Status
			if e.Status == dag.StatusKilled { // no stage has said why
				what += "  " + e.Text
			}
			fmt.Fprintln(stamped, what)
		case dag.StageStarted:
			fmt.Fprintf(stamped, "%s  started %s\n", e.Stage, e.Kind)
		default:
			v.Event(e)
		}
		return nil
	})
	return ended, err
}

// stampWriter puts the time of an event before what is written of it.
type stampWriter struct {
	w         io.Writer
	start, at time.Time
}

func (s *stampWriter) Write(p []byte) (int, error) {
	if _, err := fmt.Fprintf(s.w, "%9.3fs  %s", s.at.Sub(s.start).Seconds(), p); err != nil {
		return 0, err
	}
	return len(p), nil
}
