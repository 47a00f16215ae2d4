package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pipe/artifacts"
	"pipe/cmd/pipe/view"
	"pipe/dag"
	"pipe/workspace"
)

func (a *app) planCommand() *cobra.Command {
	var set params
	var asJSON bool
	var force forceFlag
	o := dag.PlanOptions{}
	c := &cobra.Command{
		Use:   "plan FILE [STAGE…]",
		Short: "Tell what a run would do, and why",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			var p *dag.Pipeline
			w, err := workspace.OpenMeanwhile(ctx, a.store, func(*artifacts.Store) (err error) {
				p, err = set.load(ctx, args[0])
				return err
			})
			if err != nil {
				return err
			}
			defer w.Close()
			tellLost(cmd, w)
			o.Force, o.Targets = force.split(args)
			return showPlan(cmd, w, p, o, asJSON)
		},
	}
	set.flags(c.Flags())
	set.momentFlag(c.Flags())
	force.add(c.Flags())
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func showPlan(cmd *cobra.Command, w *workspace.Workspace, p *dag.Pipeline, o dag.PlanOptions, asJSON bool) error {
	plan, err := w.Plan(cmd.Context(), p, o)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), plan)
	}
	t := newAligned(cmd.OutOrStdout())
	for _, s := range plan {
		last := ""
		if s.Last > 0 {
			last = "took " + s.Last.Round(time.Millisecond).String()
		}
		name := s.Name
		if columns, _, ok := terminalSize(cmd.OutOrStdout()); ok {
			name = view.Cut(name, max(20, columns/3)) // one long name would push all reasons out of the window
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", s.Action, name, s.Kind, strings.Join(s.Why, "; "), last)
	}
	return t.Flush()
}
