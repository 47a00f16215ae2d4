package main

import (
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"pipe/server"
	"pipe/workspace"
)

func (a *app) upCommand() *cobra.Command {
	var o server.Options
	c := &cobra.Command{
		Use:   "up",
		Short: "Serve the registry to MLflow clients on this machine",
		Long: `Up answers MLflow's REST API over the registry: point MLFLOW_TRACKING_URI at it.
It listens on a loopback address only. docs/mlflow.md lists what it answers.`,
		Example: `  pipe up --port 5000
  MLFLOW_TRACKING_URI=http://127.0.0.1:5000 python train.py`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := workspace.Open(cmd.Context(), a.store)
			if err != nil {
				return err
			}
			defer w.Close()
			o.Log = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
			o.Ready = func(addr string) { fmt.Fprintf(cmd.OutOrStdout(), "pipe is up at http://%s\n", addr) }
			return server.Serve(cmd.Context(), w.Registry, w.Dir, o)
		},
	}
	c.Flags().StringVar(&o.Host, "host", "127.0.0.1", "a loopback address")
	c.Flags().IntVar(&o.Port, "port", 5000, "the port; 0 lets the system choose")
	return c
}
