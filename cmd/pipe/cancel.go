package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"pipe/workspace"
)

func (a *app) cancelCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "cancel RUN",
		Short: "Stop a run; what is finished is kept",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withRun(cmd, args[0], func(w *workspace.Workspace, id string) error {
				if err := w.Cancel(cmd.Context(), id, "`pipe cancel`"); err != nil {
					return err
				}
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "run %s was told to stop\n", short(id))
				return err
			})
		},
	}
}

// open opens the workspace for a command that only looks: it creates nothing.
func (a *app) open(cmd *cobra.Command) (*workspace.Workspace, error) {
	w, err := workspace.OpenExisting(cmd.Context(), a.store)
	if err == nil {
		tellLost(cmd, w)
	}
	return w, err
}

// tellLost says that the registry of earlier runs is gone, which is noticed once:
// when the new one begins.
func tellLost(cmd *cobra.Command, w *workspace.Workspace) {
	if w.Lost > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "pipe: the registry was missing and begins anew: %d earlier runs, the models and their aliases are not in it; `pipe registry restore` takes a backup, and `pipe registry rebuild` enters the runs again, from their journals under %s\n", w.Lost, w.RunDir(""))
	}
}

// withRun opens the workspace and finds a run by its id or the beginning of it:
// one in the registry, or one that has a folder only.
func (a *app) withRun(cmd *cobra.Command, prefix string, do func(w *workspace.Workspace, id string) error) error {
	w, err := a.open(cmd)
	if err != nil {
		return err
	}
	defer w.Close()
	id, err := w.FindRun(cmd.Context(), prefix)
	if err != nil {
		return err
	}
	return do(w, id)
}
