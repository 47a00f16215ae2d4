package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"pipe/notify"
	"pipe/registry"
	"pipe/server"
	"pipe/server/inference"
	"pipe/stages/policy"
	"pipe/workspace"
)

func (a *app) serveCommand() *cobra.Command {
	var o server.Options
	var name string
	var f policyFlags
	var workers int
	var alerts []string
	c := &cobra.Command{
		Use:   "serve MODEL",
		Short: "Serve one registered model",
		Long: `Serve answers with one model, named as NAME@ALIAS, NAME/VERSION or NAME (its
champion): raw input in, labelled answer out. An alias that moves is followed, with
no failed request. docs/serving.md lists the protocols.`,
		Example: `  pipe serve textclass@champion --port 8080
  curl -d 'Reads the next tar header' -H 'Content-Type: text/plain' http://127.0.0.1:8080/predict/textclass`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			w, err := a.open(cmd)
			if err != nil {
				return err
			}
			defer w.Close()
			d, err := deploymentOf(ctx, w, args[0], name, &f)
			if err != nil {
				return err
			}
			o.Log = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
			alert, err := alertsTo(alerts)
			if err != nil {
				return err
			}
			models, err := predictions(ctx, w, inference.Options{Only: d, Workers: workers, Alert: alert, Log: o.Log})
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
			o.Alone, o.Rooms = true, []server.Room{inferenceRoom(models)}
			o.Ready = func(addr string) {
				fmt.Fprintf(cmd.OutOrStdout(), "%s%s answers at %s://%s/predict/%s\n", d.Model, d.Target, scheme(o), addr, d.Name)
			}
			return server.Serve(ctx, w.Registry, w.Dir, o)
		},
	}
	addressFlags(c, &o)
	c.Flags().IntVar(&o.Port, "port", 8080, "the port; 0 lets the system choose")
	c.Flags().StringVar(&name, "name", "", "the name in the path; by default the model's")
	alertFlag(c, &alerts)
	c.Flags().IntVar(&workers, "workers", 0, "how many batches are computed at once; 0: one for each processor")
	f.add(c)
	return c
}

// policyFlags are what the command line says of a deployment's policy.
type policyFlags struct {
	json          string
	canary        string
	percent       float64
	sticky        string
	shadow        string
	batch, queue  int
	logged        float64
	inputs        string
	rollbackError float64
	rollbackDrift float64
}

func (f *policyFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.json, "policy", "", "the whole policy as JSON, with the keys of the kind deploy")
	c.Flags().StringVar(&f.canary, "canary", "", "a version (/4 or @challenger) that answers a part of the requests")
	c.Flags().Float64Var(&f.percent, "percent", 10, "the part, with --canary")
	c.Flags().StringVar(&f.sticky, "sticky", "", "a request header whose value decides who gets the canary, with --canary")
	c.Flags().StringVar(&f.shadow, "shadow", "", "a version that gets all requests, too, and whose answers are only compared")
	c.Flags().IntVar(&f.batch, "max-batch", 0, "rows that go through the model at once")
	c.Flags().IntVar(&f.queue, "queue", 0, "rows that may wait")
	c.Flags().Float64Var(&f.logged, "log", 0, "the share of the requests that is kept as Parquet tables")
	c.Flags().StringVar(&f.inputs, "log-inputs", "", "with --log: keep (the default), hash or none")
	c.Flags().Float64Var(&f.rollbackError, "max-error-rate", 0, "the share of failing requests at which the version before takes over again")
	c.Flags().Float64Var(&f.rollbackDrift, "max-drift", 0, "the population stability index of a column or the answers at which the version before takes over again")
	needs(c, "percent sticky", "canary")
	needs(c, "log-inputs", "log")
}

func (f *policyFlags) policy() (*policy.Policy, error) {
	p := new(policy.Policy)
	if f.json != "" {
		var err error
		if p, err = policy.Read(f.json); err != nil {
			return nil, usageError{fmt.Errorf("--policy: %w", err)}
		}
	}
	if f.canary != "" {
		p.Canary = &policy.Canary{Target: f.canary, Percent: f.percent, Key: f.sticky}
	}
	if f.shadow != "" {
		p.Shadow = f.shadow
	}
	if f.batch != 0 {
		p.MaxBatch = f.batch
	}
	if f.queue != 0 {
		p.Queue = f.queue
	}
	if f.logged != 0 {
		p.Log = &policy.Log{Sample: f.logged, Inputs: cmp.Or(f.inputs, "keep")}
	}
	if f.rollbackError != 0 || f.rollbackDrift != 0 {
		if p.Rollback == nil {
			p.Rollback = new(policy.Rollback)
		}
		p.Rollback.ErrorRate = cmp.Or(f.rollbackError, p.Rollback.ErrorRate)
		p.Rollback.Drift = cmp.Or(f.rollbackDrift, p.Rollback.Drift)
	}
	if err := p.Validate(); err != nil {
		return nil, usageError{err}
	}
	return p, nil
}

// deploymentOf describes the deployment of a model, which must exist.
func deploymentOf(ctx context.Context, w *workspace.Workspace, ref, name string, f *policyFlags) (*registry.Deployment, error) {
	model, target, err := registry.SplitModelName(ref)
	if err != nil {
		return nil, usageError{err}
	}
	if _, err := w.Version(ctx, model+target); err != nil {
		return nil, err
	}
	if name == "" {
		name = model
	}
	p, err := f.policy()
	if err != nil {
		return nil, err
	}
	others := []string{p.Shadow}
	if p.Canary != nil {
		others = append(others, p.Canary.Target)
	}
	for _, other := range others {
		if other == "" {
			continue
		}
		if _, err := w.Version(ctx, model+other); err != nil {
			return nil, err
		}
	}
	kept, err := json.Marshal(p)
	return &registry.Deployment{Name: name, Model: model, Target: target, Policy: kept}, err
}

func alertFlag(c *cobra.Command, to *[]string) {
	c.Flags().StringArrayVar(to, "alert", nil, "a webhook's address, mailto:ADDRESS, or a map as the kind notify takes it, that is told when a version does not answer, its requests have drifted, or it was rolled back by itself")
}

// alertsTo tells several targets; nil where there are none.
func alertsTo(addresses []string) (func(context.Context, string, string) error, error) {
	var targets notify.Targets
	for _, a := range addresses {
		t, err := notify.ParseFlag(a)
		if err != nil {
			return nil, usageError{fmt.Errorf("--alert: %w", err)}
		}
		targets = append(targets, t)
	}
	if len(targets) == 0 {
		return nil, nil
	}
	return func(ctx context.Context, title, text string) error {
		var errs []error
		for _, t := range targets {
			errs = append(errs, t.Send(ctx, notify.Message{Title: title, Text: text, Level: notify.Bad, Time: time.Now().UTC()}))
		}
		return errors.Join(errs...)
	}, nil
}

// predictions makes the part of the server that answers with models.
func predictions(ctx context.Context, w *workspace.Workspace, o inference.Options) (*inference.Server, error) {
	o.Registry, o.Store, o.Dir = w.Registry, w.Store, w.Dir
	return inference.New(ctx, o)
}

func inferenceRoom(s *inference.Server) server.Room {
	return server.Room{Name: "predictions", Patterns: s.Patterns(), Handler: s, Run: s.Run, Judges: true}
}
