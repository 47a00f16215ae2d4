package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"pipe/dag/text"
	"pipe/registry"
	"pipe/workspace"
)

func (a *app) runsCommand() *cobra.Command {
	var asJSON bool
	var q registry.RunQuery
	c := &cobra.Command{
		Use:   "runs",
		Short: "List the runs, newest first",
		Example: `  pipe runs --filter "metrics.evaluate.accuracy > 0.8 and params.units = '128'"
  pipe runs --order "metrics.evaluate.accuracy desc"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := a.open(cmd)
			if err != nil {
				return err
			}
			defer w.Close()
			list, _, err := w.Registry.Runs(cmd.Context(), q)
			if err != nil {
				return err
			}
			if err := knownOrder(cmd.Context(), w.Registry, q.OrderBy, list); err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), notNil(list))
			}
			if len(list) == 0 {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), noRuns(cmd.Context(), w))
				return err
			}
			return listRuns(cmd.OutOrStdout(), list)
		},
	}
	c.PersistentFlags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().StringVar(&q.Filter, "filter", "", "MLflow's filter language over metrics, params, tags and attributes")
	c.Flags().StringArrayVar(&q.OrderBy, "order", nil, "sort by this, as \"metrics.evaluate.accuracy desc\"")
	c.Flags().IntVarP(&q.Limit, "limit", "n", 20, "how many")
	c.AddCommand(a.runShowCommand(&asJSON))
	return c
}

// noRuns says that the registry has none, and what to do where it was lost.
func noRuns(ctx context.Context, w *workspace.Workspace) error {
	lost, err := w.LostRuns(ctx)
	switch {
	case err != nil:
		return err
	case len(lost) > 0:
		return fmt.Errorf("no runs in the registry; %d have journals under %s: `pipe registry rebuild` enters them again", len(lost), w.RunDir(""))
	}
	return errors.New("no runs")
}

// knownOrder refuses to sort runs by what none has: the order would be that of
// no sort key, and look as if it meant something.
func knownOrder(ctx context.Context, reg *registry.Registry, orderBy []string, list []registry.Run) error {
	if len(list) == 0 {
		return nil
	}
	missing, err := reg.MissingKeys(ctx, orderBy)
	if err != nil || len(missing) == 0 {
		return err
	}
	var known []string
	for i := range list {
		for _, m := range list[i].Metrics {
			known = append(known, m.Key)
		}
	}
	if near := text.Closest(missing[0], known); near != "" {
		return usageError{fmt.Errorf("--order: no run has %q; did you mean %q?", missing[0], near)}
	}
	return usageError{fmt.Errorf("--order: no run has %q; `pipe runs show RUN` lists what a run has", missing[0])}
}

// indented is a text of several lines under a column of n letters.
func indented(s string, n int) string {
	return strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n"+strings.Repeat(" ", n))
}

// firstLine is what fits in a row of a table; the whole is with the run, and in
// pipe logs.
func firstLine(s string) string {
	first, rest, _ := strings.Cut(strings.TrimSpace(s), "\n")
	if rest != "" {
		first += " …"
	}
	return first
}

// statusWord is a run's state in pipe's words. MLflow has none for a run of a
// pipeline that waits for a person; the registry files it as scheduled.
func statusWord(r *registry.Run) string {
	switch {
	case r.Queued:
		return "queued"
	case r.Status == registry.Scheduled && r.Pipeline != "":
		return "waiting"
	}
	return strings.ToLower(string(r.Status))
}

func listRuns(out io.Writer, list []registry.Run) error {
	t := newAligned(out)
	fmt.Fprintln(t, "RUN\tNAME\tPIPELINE\tSTATUS\tSTARTED\tTOOK\tMETRICS")
	for _, r := range list {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", short(r.ID), plain(r.Name), plain(r.Pipeline), statusWord(&r), when(r.Start), took(r), headline(r.Metrics))
	}
	return t.Flush()
}

// plain makes a name that anybody may have chosen fit for a column: no control
// characters, not too long.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
	if r := []rune(s); len(r) > 40 {
		return string(r[:39]) + "…"
	}
	return s
}

// took is how long a run took; of one that did not tell its end, how long at
// least.
func took(r registry.Run) string {
	if r.End.IsZero() {
		return ""
	}
	return atLeast(r.Error) + r.End.Sub(r.Start).Round(10*time.Millisecond).String()
}

// atLeast marks the time of what ended so: it goes up to the last sign of life.
func atLeast(errText string) string {
	if errText == registry.NoLastWord {
		return "≥ "
	}
	return ""
}

// when writes a time as people of all zones read it alike.
func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

func short(id string) string { return id[:min(len(id), 8)] }

func (a *app) runShowCommand(asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use:   "show RUN",
		Short: "Show a run: params, stages, metrics and what it registered",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.open(cmd)
			if err != nil {
				return err
			}
			defer w.Close()
			r, err := w.Detail(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if *asJSON {
				return writeJSON(cmd.OutOrStdout(), r)
			}
			return showRun(cmd.OutOrStdout(), r)
		},
	}
}

func showRun(out io.Writer, r registry.RunDetail) error {
	fmt.Fprintf(out, "run       %s  %s\npipeline  %s\nstatus    %s\nstarted   %s", r.ID, r.Name, r.Pipeline, statusWord(&r.Run), when(r.Start))
	if r.User != "" {
		fmt.Fprintf(out, " by %s", r.User)
	}
	fmt.Fprintf(out, "\ntook      %s\n", took(r.Run))
	if r.Git.Commit != "" {
		changed := ""
		if r.Git.Dirty {
			changed = " with changes"
		}
		fmt.Fprintf(out, "git       %s %s%s\n", r.Git.Commit, r.Git.Branch, changed)
	}
	if r.Error != "" {
		fmt.Fprintf(out, "error     %s\n", indented(r.Error, 10))
	}
	section(out, "params", len(r.Params), func(t io.Writer) {
		for _, p := range r.Params {
			fmt.Fprintf(t, "  %s\t%s\n", p.Key, p.Value)
		}
	})
	section(out, "stages", len(r.Stages), func(t io.Writer) {
		for _, s := range r.Stages {
			took := ""
			if s.State != registry.StageCached && !s.Finished.IsZero() {
				took = atLeast(s.Error) + s.Finished.Sub(s.Started).Round(time.Millisecond).String()
			}
			fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\n", s.Name, s.Kind, s.State, took, firstLine(s.Error))
		}
	})
	section(out, "metrics (the last of each)", len(r.Metrics), func(t io.Writer) {
		for _, m := range r.Metrics {
			fmt.Fprintf(t, "  %s\t%.6g\tstep %d\n", m.Key, m.Value, m.Step)
		}
	})
	section(out, "registered", len(r.Versions), func(t io.Writer) {
		for _, v := range r.Versions {
			fmt.Fprintf(t, "  %s\tversion %d\n", v.Model, v.Version)
		}
	})
	return nil
}

// section prints a titled table where there is something in it.
func section(out io.Writer, title string, n int, rows func(io.Writer)) {
	if n == 0 {
		return
	}
	fmt.Fprintf(out, "\n%s\n", title)
	t := newAligned(out)
	rows(t)
	t.Flush()
}
