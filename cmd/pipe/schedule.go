package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"pipe/dag"
	"pipe/registry"
	"pipe/schedule"
	"pipe/workspace"
)

func (a *app) scheduleCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "schedule",
		Short: "Pipelines that run by themselves: at times, or when something happens",
		Long: `Schedule registers the schedule: of pipeline files and shows what becomes of it.
What comes due runs in the process of ` + "`pipe up`" + `; docs/schedule.md tells the rest.`,
		Example: `  pipe schedule add pipelines/textclass.yaml
  pipe up
  pipe schedule ls`,
	}
	c.AddCommand(a.scheduleAddCommand(), a.scheduleListCommand(), a.scheduleShowCommand(), a.scheduleHistoryCommand(), a.scheduleNextCommand(),
		a.scheduleExplainCommand(), a.schedulePauseCommand("pause"), a.schedulePauseCommand("resume"), a.scheduleRemoveCommand())
	return c
}

// scheduling opens the workspace and hands over what answers for schedules.
func (a *app) scheduling(cmd *cobra.Command, do func(s *schedule.Service) error) error {
	w, err := workspace.Open(cmd.Context(), a.store)
	if err != nil {
		return err
	}
	defer w.Close()
	return do(&schedule.Service{Workspace: w, Lookup: paramOfEnvironment})
}

func (a *app) scheduleAddCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "add FILE…",
		Short: "Register the schedules of pipeline files, or what they say now",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.scheduling(cmd, func(s *schedule.Service) error {
				for _, file := range args {
					names, err := s.Add(cmd.Context(), file, "")
					if err != nil {
						return err
					}
					for _, name := range names {
						st, err := s.Show(cmd.Context(), name)
						if err != nil {
							return err
						}
						next := ""
						if !st.Next.IsZero() {
							next = "; next " + when(st.Next)
						}
						if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: %s%s\n", name, st.When, next); err != nil {
							return err
						}
					}
				}
				return nil
			})
		},
	}
}

func (a *app) scheduleListCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "ls",
		Short: "List the schedules: when they run next, how they went",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.scheduling(cmd, func(s *schedule.Service) error {
				list, err := s.List(cmd.Context())
				if err != nil {
					return err
				}
				out := cmd.OutOrStdout()
				if asJSON {
					return writeJSON(out, notNil(list))
				}
				if len(list) == 0 {
					_, err := fmt.Fprintln(out, "no schedules: `pipe schedule add FILE` registers those of a pipeline")
					return err
				}
				t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
				fmt.Fprintln(t, "SCHEDULE\tWHEN\tNEXT\tLAST\tRUNS\tSUCCESS\tNOW")
				for _, st := range list {
					fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", st.Name, plain(st.When), nextText(st), lastText(st.Last), st.Done+st.Failed, rate(st), nowText(st))
				}
				return t.Flush()
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func nextText(st schedule.Status) string {
	switch {
	case st.Problem != "":
		return "(file is wrong)"
	case st.Paused:
		return "paused"
	}
	return when(st.Next)
}

func lastText(f *registry.Fire) string {
	if f == nil {
		return ""
	}
	late := ""
	if f.Late {
		late = " late"
	}
	return fmt.Sprintf("%s %s%s", when(f.At), f.State, late)
}

func rate(st schedule.Status) string {
	if st.Done+st.Failed == 0 {
		return ""
	}
	return fmt.Sprintf("%.0f %%", 100*st.Success)
}

func nowText(st schedule.Status) string {
	switch {
	case st.Running > 0 && st.Queued > 0:
		return fmt.Sprintf("%d running, %d waiting", st.Running, st.Queued)
	case st.Running > 0:
		return fmt.Sprintf("%d running", st.Running)
	case st.Queued > 0:
		return fmt.Sprintf("%d waiting", st.Queued)
	}
	return ""
}

func (a *app) scheduleShowCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "show NAME",
		Short: "Show a schedule and its last runs",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.scheduling(cmd, func(s *schedule.Service) error {
				st, err := s.Show(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				out := cmd.OutOrStdout()
				if asJSON {
					return writeJSON(out, st)
				}
				fmt.Fprintf(out, "schedule  %s\nwhen      %s\nfile      %s\nnext      %s\n", st.Name, st.When, st.File, nextText(st))
				if st.Problem != "" {
					fmt.Fprintf(out, "problem   %s\n", st.Problem)
				}
				if st.Watching != "" {
					fmt.Fprintf(out, "watching  %s (%s)\n", st.Watching, when(st.Looked))
				}
				fmt.Fprintf(out, "30 days   %d done, %d failed, %d skipped\n", st.Done, st.Failed, st.Skipped)
				list, err := s.History(cmd.Context(), args[0], registry.FireQuery{Limit: 10})
				if err != nil {
					return err
				}
				return listFires(out, list)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (a *app) scheduleHistoryCommand() *cobra.Command {
	var asJSON bool
	var q registry.FireQuery
	var states []string
	c := &cobra.Command{
		Use:   "history [NAME]",
		Short: "List what came due and what became of it, newest first",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.scheduling(cmd, func(s *schedule.Service) error {
				for _, st := range states {
					q.States = append(q.States, registry.FireState(st))
				}
				list, err := s.History(cmd.Context(), optional(args), q)
				if err != nil {
					return err
				}
				if asJSON {
					return writeJSON(cmd.OutOrStdout(), notNil(list))
				}
				return listFires(cmd.OutOrStdout(), list)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().IntVarP(&q.Limit, "limit", "n", 20, "how many")
	c.Flags().StringSliceVar(&states, "state", nil, "only these: queued, running, done, failed, cancelled, skipped")
	return c
}

func optional(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

func listFires(out io.Writer, list []registry.Fire) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(out, "it has not come due yet")
		return err
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "FOR\tSCHEDULE\tCAUSE\tSTATE\tRUN\tTOOK\tWHY")
	for _, f := range list {
		took := ""
		if !f.Started.IsZero() && !f.Ended.IsZero() {
			took = f.Ended.Sub(f.Started).Round(10 * time.Millisecond).String()
		}
		why := f.Why
		if f.Error != "" {
			why = f.Error
		}
		late := ""
		if f.Late {
			late = " late"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s%s\t%s\t%s\t%s\n", when(f.At), f.Schedule, f.Cause, f.State, late, short(f.Run), took, oneLine(why))
	}
	return t.Flush()
}

// oneLine makes any text fit for the last column of a table.
func oneLine(s string) string {
	for i, r := range s {
		if r == '\n' {
			return s[:i] + " …"
		}
	}
	return s
}

func (a *app) scheduleNextCommand() *cobra.Command {
	var asJSON bool
	var n int
	c := &cobra.Command{
		Use:   "next [NAME]",
		Short: "List the fire times that come next, and why",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.scheduling(cmd, func(s *schedule.Service) error {
				list, err := s.Next(cmd.Context(), optional(args), n, time.Time{})
				if err != nil {
					return err
				}
				if asJSON {
					return writeJSON(cmd.OutOrStdout(), notNil(list))
				}
				if len(list) == 0 {
					_, err := fmt.Fprintln(cmd.OutOrStdout(), "no fire time is left; `pipe schedule explain` tells why")
					return err
				}
				t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
				fmt.Fprintln(t, "AT\tLOCAL\tSCHEDULE\tWHY")
				for _, u := range list {
					fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", when(u.At), u.Local, u.Schedule, u.Why)
				}
				return t.Flush()
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().IntVarP(&n, "limit", "n", 10, "how many")
	return c
}

func (a *app) scheduleExplainCommand() *cobra.Command {
	var at string
	c := &cobra.Command{
		Use:   "explain NAME",
		Short: "Say why a schedule did or did not run",
		Example: `  pipe schedule explain textclass
  pipe schedule explain textclass --at 2026-03-29T01:00:00Z`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			moment, err := dag.ParseInstant(at, time.UTC)
			if err != nil {
				return usageError{fmt.Errorf("--at: %w", err)}
			}
			return a.scheduling(cmd, func(s *schedule.Service) error {
				lines, err := s.Explain(cmd.Context(), args[0], moment)
				for _, l := range lines {
					fmt.Fprintln(cmd.OutOrStdout(), l)
				}
				return err
			})
		},
	}
	c.Flags().StringVar(&at, "at", "", "about this fire time, in UTC")
	return c
}

func (a *app) schedulePauseCommand(verb string) *cobra.Command {
	var why string
	paused := verb == "pause"
	short := "Start no new run of a schedule until it is resumed"
	if !paused {
		short = "Let a paused schedule go on; its catchup decides about what has passed"
	}
	c := &cobra.Command{
		Use:   verb + " NAME",
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.scheduling(cmd, func(s *schedule.Service) error {
				do := s.Resume
				if paused {
					do = s.Pause
				}
				by := byHand()
				by.Why = why
				if err := do(cmd.Context(), args[0], by); err != nil {
					return err
				}
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s is %sd\n", args[0], verb)
				return err
			})
		},
	}
	c.Flags().StringVar(&why, "why", "", "a reason, for those who look later")
	return c
}

func (a *app) scheduleRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rm NAME",
		Short: "End a schedule; its history stays",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.scheduling(cmd, func(s *schedule.Service) error {
				if err := s.Remove(cmd.Context(), args[0], byHand()); err != nil {
					return err
				}
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s is removed\n", args[0])
				return err
			})
		},
	}
}
