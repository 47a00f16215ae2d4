package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"pipe/cmd/pipe/view"
	"pipe/dag"
	"pipe/workspace"
)

func (a *app) runCommand() *cobra.Command {
	var given []string
	var o workspace.RunOptions
	var asJSON, quiet bool
	c := &cobra.Command{
		Use:   "run FILE [STAGE…]",
		Short: "Run a pipeline: all that is not up to date",
		Long: `Run checks the pipeline file, then runs each stage whose configuration, inputs
or files have changed since its result was stored. With stages given, it runs
only what they need.`,
		Example: `  pipe run pipelines/textclass.yaml
  pipe run pipelines/textclass.yaml -p epochs=3 -p units=64
  pipe run pipelines/textclass.yaml evaluate`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			params, err := parseParams(given)
			if err != nil {
				return err
			}
			p, err := workspace.Load(ctx, args[0], params)
			if err != nil {
				return err
			}
			o.Targets = args[1:]
			for _, t := range o.Targets {
				if p.Stage(t) == nil {
					return usageError{fmt.Errorf("pipeline %q has no stage %q", p.Name, t)}
				}
			}
			w, err := workspace.Open(ctx, a.store)
			if err != nil {
				return err
			}
			defer w.Close()
			v := newView(cmd.OutOrStdout(), p, asJSON, quiet)
			o.Sink = v
			id, res, err := w.Run(ctx, p, o)
			v.Close()
			if asJSON || res == nil {
				return shown(err, asJSON)
			}
			for _, f := range res.Failures {
				fmt.Fprintf(cmd.ErrOrStderr(), "pipe: stage %q failed: %v\n", f.Stage, f.Err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s  (run %s)\n", view.Summary(res), id[:8])
			return shown(err, len(res.Failures) > 0)
		},
	}
	c.Flags().StringArrayVarP(&given, "param", "p", nil, "set a param of the pipeline: name=value")
	c.Flags().IntVarP(&o.Jobs, "jobs", "j", 0, "stages to run at a time (default: one for each core)")
	c.Flags().BoolVar(&o.Force, "force", false, "run every stage, whatever the store has")
	c.Flags().BoolVarP(&o.KeepGoing, "keep-going", "k", false, "after a failure, run what does not depend on it")
	c.Flags().StringVar(&o.Name, "name", "", "a name for the run")
	c.Flags().BoolVar(&asJSON, "json", false, "print events as lines of JSON")
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "print the summary only")
	return c
}

// shown marks an error whose text the user has seen, so that only the exit
// code is left to tell.
func shown(err error, was bool) error {
	if err == nil || !was || errors.Is(err, dag.ErrInterrupted) {
		return err
	}
	return errors.Join(errShown, err)
}

func newView(out io.Writer, p *dag.Pipeline, asJSON, quiet bool) view.View {
	if asJSON {
		return view.NewJSON(out)
	}
	if quiet {
		return view.NewPlain(io.Discard, p)
	}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		return view.NewLive(out, p, func() (int, int) {
			columns, rows, err := term.GetSize(int(f.Fd()))
			if err != nil || columns <= 0 {
				return 80, 24
			}
			return columns, rows
		})
	}
	return view.NewPlain(out, p)
}

// parseParams reads -p name=value.
func parseParams(given []string) (map[string]string, error) {
	m := make(map[string]string, len(given))
	for _, g := range given {
		name, value, ok := strings.Cut(g, "=")
		if !ok || name == "" {
			return nil, usageError{fmt.Errorf("-p takes name=value, not %q", g)}
		}
		m[name] = value
	}
	return m, nil
}
