package main

import (
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"pipe/schedule"
	"pipe/server"
	"pipe/server/inference"
	"pipe/server/mlflow"
	"pipe/workspace"
)

func (a *app) upCommand() *cobra.Command {
	var o server.Options
	var memory int64
	var schedules scheduleFlags
	c := &cobra.Command{
		Use:   "up",
		Short: "Serve the web pages, the deployed models, and the registry to MLflow clients",
		Long: `Up shows runs, models, artifacts and pipelines on web pages (docs/ui.md), answers
with every deployed model (POST /predict/NAME and the protocols that docs/serving.md
lists), and speaks MLflow's REST API over the registry: point MLFLOW_TRACKING_URI at
it; docs/mlflow.md lists what it answers. It runs what the registered schedules let
come due (docs/schedule.md).

It listens on a loopback address. Any other needs users (pipe users add), who have
to sign in; give it a certificate, too, or put a proxy that has TLS in front.`,
		Example: `  pipe up --port 5000
  MLFLOW_TRACKING_URI=http://127.0.0.1:5000 python train.py
  pipe up --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			collectAsUsual()
			w, err := workspace.Open(cmd.Context(), a.store)
			if err != nil {
				return err
			}
			defer w.Close()
			o.Log = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
			alert, err := alertsTo(schedules.alerts)
			if err != nil {
				return err
			}
			models, err := predictions(cmd.Context(), w, inference.Options{Memory: memory << 20, Alert: alert, Log: o.Log})
			if err != nil {
				return err
			}
			defer models.Close()
			tracer, end, err := traces(cmd)
			if err != nil {
				return err
			}
			defer end()
			o.Trace = tracer.Handler
			o.Made = workspace.NewOutputs(w, mlflow.Release)
			o.Rooms = append(o.Rooms, inferenceRoom(models))
			rooms, service, err := scheduleRooms(cmd.Context(), w, schedules, o.Log)
			if err != nil {
				return err
			}
			o.Rooms = append(o.Rooms, rooms...)
			o.Auth.Open = append(o.Auth.Open, schedule.HookPath)
			o.Ready = func(addr string) { fmt.Fprintf(cmd.OutOrStdout(), "pipe is up at %s://%s\n", scheme(o), addr) }
			pages := a.pages(w, models, service, &o)
			defer pages.Close()
			return server.Serve(cmd.Context(), w.Registry, w.Dir, o)
		},
	}
	addressFlags(c, &o)
	schedules.add(c)
	c.Flags().Int64Var(&memory, "model-memory", 0, "how many MiB loaded models may take before the longest unused are evicted; 0: no limit")
	c.Flags().BoolVar(&o.PrivateWebhooks, "private-webhooks", false, "let webhooks of the MLflow API call this machine, private networks, and addresses without TLS")
	c.Flags().IntVar(&o.Port, "port", 5000, "the port; 0 lets the system choose")
	return c
}

func scheme(o server.Options) string {
	if o.CertFile != "" {
		return "https"
	}
	return "http"
}

// addressFlags say where a server listens, and to whom.
func addressFlags(c *cobra.Command, o *server.Options) {
	c.Flags().StringVar(&o.Host, "host", "127.0.0.1", "where to listen; what other machines reach needs users")
	c.Flags().StringSliceVar(&o.AllowedHosts, "allowed-hosts", nil, "names, beside those of the address, by which requests may call the server; * allows all")
	c.Flags().StringVar(&o.CertFile, "tls-cert", "", "a file with the certificate and those above it, PEM")
	c.Flags().StringVar(&o.KeyFile, "tls-key", "", "a file with the key of the certificate, PEM")
	c.Flags().Float64Var(&o.Auth.Rate, "rate-limit", 0, "requests a second for each user from other machines; 0: 2,000")
}
