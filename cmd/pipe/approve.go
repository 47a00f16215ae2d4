package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"pipe/workspace"
)

func (a *app) approveCommand() *cobra.Command {
	return a.decideCommand(true, &cobra.Command{
		Use:   "approve RUN STAGE",
		Short: "Approve a stage that waits for a person, and go on with its run",
		Long: `Approve records who has approved the stage, when and why, and goes on with the run
in a new one: the pipeline as it was, with what is in the store. The approval is
for what the stage would work on: where that has changed, it is asked for again.`,
		Example: `  pipe approve 6d39c493 release --why "numbers look right"`,
	})
}

func (a *app) rejectCommand() *cobra.Command {
	return a.decideCommand(false, &cobra.Command{
		Use:     "reject RUN STAGE",
		Short:   "Reject a stage that waits for a person: it fails, and its run ends",
		Example: `  pipe reject 6d39c493 release --why "too many false alarms"`,
	})
}

func (a *app) decideCommand(approved bool, c *cobra.Command) *cobra.Command {
	r := &runner{app: a}
	var why, who string
	var only bool
	c.Args = func(_ *cobra.Command, args []string) error {
		if len(args) == 2 {
			return nil
		}
		return usageError{fmt.Errorf("name a run and its stage that waits, as in: %s 6d39c493 release", c.CommandPath())}
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		return a.withRun(cmd, args[0], func(w *workspace.Workspace, id string) error {
			if _, err := w.Detail(cmd.Context(), id); err != nil {
				return err // the run that waits is changed there
			}
			d, err := w.Decide(id, args[1], approved, who, why)
			if err != nil {
				return err
			}
			if !r.json { // a program reads lines of JSON and nothing else
				fmt.Fprintf(cmd.OutOrStdout(), "%s of run %s: %s\n", d.Stage, short(id), d)
			}
			if only {
				return nil
			}
			p, _, err := pipelineOf(cmd, w, id, false)
			if err != nil {
				return err
			}
			r.continues = id
			return r.execute(cmd.Context(), cmd, w, p)
		})
	}
	f := c.Flags()
	f.StringVar(&why, "why", "", "the reason, which is kept with the decision")
	f.StringVar(&who, "as", "", "who decides (default: the user of this machine)")
	f.BoolVar(&only, "only", false, "record the decision and run nothing; the same command without it goes on later")
	f.IntVarP(&r.Jobs, "jobs", "j", 0, "stages to run at a time (default: one for each core)")
	f.BoolVar(&r.json, "json", false, "print events as lines of JSON")
	f.BoolVarP(&r.quiet, "quiet", "q", false, "print the summary only")
	excludes(c, "jobs json quiet", "only")
	return c
}
