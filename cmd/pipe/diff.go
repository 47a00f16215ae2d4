package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"pipe/workspace"
)

func (a *app) diffCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "diff RUN1 RUN2",
		Short: "Show what differs between two runs: params, code, stages, data, metrics",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.open(cmd)
			if err != nil {
				return err
			}
			defer w.Close()
			d, err := w.Diff(cmd.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), d)
			}
			return showDiff(cmd.OutOrStdout(), d)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func showDiff(out io.Writer, d *workspace.Diff) error {
	fmt.Fprintf(out, "run %s → %s\n", short(d.Runs[0]), short(d.Runs[1]))
	changed := func(list []workspace.Change) func(io.Writer) {
		return func(t io.Writer) {
			for _, c := range list {
				fmt.Fprintf(t, "  %s\t%s → %s\n", c.Name, orNone(c.Before), orNone(c.After))
			}
		}
	}
	section(out, "params", len(d.Params), changed(d.Params))
	section(out, "code", len(d.Code), changed(d.Code))
	section(out, "pipeline", len(d.Pipeline), func(t io.Writer) {
		for _, l := range d.Pipeline {
			fmt.Fprintf(t, "  %s\n", strings.ReplaceAll(l, "\t", "  "))
		}
	})
	section(out, "stages", len(d.Stages), func(t io.Writer) {
		for _, s := range d.Stages {
			fmt.Fprintf(t, "  %s\t%s\n", s.Stage, strings.Join(s.Why, "; "))
		}
	})
	section(out, "data", len(d.Data), func(t io.Writer) {
		for _, x := range d.Data {
			fmt.Fprintf(t, "  %s\t%s\n", x.Table, tableText(x))
		}
	})
	section(out, "metrics", len(d.Metrics), changed(d.Metrics))
	if len(d.Params)+len(d.Code)+len(d.Pipeline)+len(d.Stages)+len(d.Data)+len(d.Metrics) == 0 {
		fmt.Fprintln(out, "nothing differs")
	}
	return nil
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}

func tableText(x workspace.TableChange) string {
	parts := []string{fmt.Sprintf("%d → %d rows", x.Rows[0], x.Rows[1])}
	if x.Added >= 0 {
		parts = append(parts, fmt.Sprintf("%d came, %d went", x.Added, x.Removed))
	}
	for _, c := range x.Schema {
		parts = append(parts, fmt.Sprintf("column %s: %s → %s", c.Name, orNone(c.Before), orNone(c.After)))
	}
	if len(x.Columns) > 0 {
		parts = append(parts, "other values in "+strings.Join(x.Columns, ", "))
	}
	if x.Missing != "" {
		parts = append(parts, x.Missing)
	}
	return strings.Join(parts, "; ")
}
