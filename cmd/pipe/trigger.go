package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pipe/dag"
	"pipe/registry"
	"pipe/schedule"
)

func (a *app) triggerCommand() *cobra.Command {
	var at, why string
	var given []string
	var wait bool
	c := &cobra.Command{
		Use:   "trigger NAME",
		Short: "Let a schedule run now, in the process of pipe up",
		Example: `  pipe trigger textclass --why "new labels"
  pipe trigger textclass --at 2026-03-01 -p epochs=20 --wait`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			moment, err := dag.ParseInstant(at, time.UTC)
			if err != nil {
				return usageError{fmt.Errorf("--at: %w", err)}
			}
			params := map[string]string{}
			for _, g := range given {
				name, value, ok := strings.Cut(g, "=")
				if !ok || name == "" {
					return usageError{fmt.Errorf("-p takes name=value, not %q", g)}
				}
				params[name] = value
			}
			return a.scheduling(cmd, func(s *schedule.Service) error {
				f, err := s.Trigger(cmd.Context(), args[0], moment, params, "manual", why)
				if err != nil {
					return err
				}
				if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s waits to run for %s\n", f.Schedule, when(f.At)); err != nil || !wait {
					return err
				}
				return waitForFire(cmd, s, f.ID)
			})
		},
	}
	c.Flags().StringVar(&at, "at", "", "the logical time of the run, in UTC; by default the last fire time")
	c.Flags().StringVar(&why, "why", "", "a reason, for those who look later")
	c.Flags().StringArrayVarP(&given, "param", "p", nil, "set a param of the pipeline: name=value")
	c.Flags().BoolVar(&wait, "wait", false, "wait until it has ended; the exit code is that of the run")
	return c
}

// waitForFire waits until a fire has ended.
func waitForFire(cmd *cobra.Command, s *schedule.Service, id int64) error {
	for {
		list, err := s.History(cmd.Context(), "", registry.FireQuery{ID: id})
		if err != nil {
			return err
		}
		if len(list) == 1 {
			switch f := list[0]; f.State {
			case registry.FireQueued, registry.FireRunning:
			case registry.FireDone:
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "done as run %s\n", short(f.Run))
				return err
			default:
				return fmt.Errorf("%s: %s: %s", f.Schedule, f.State, f.Error)
			}
		}
		select {
		case <-cmd.Context().Done():
			return dag.ErrInterrupted
		case <-time.After(200 * time.Millisecond):
		}
	}
}
