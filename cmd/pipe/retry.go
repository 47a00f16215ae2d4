package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"pipe/dag"
	"pipe/workspace"
)

func (a *app) retryCommand() *cobra.Command {
	r := &runner{app: a}
	var edits bool
	c := &cobra.Command{
		Use:   "retry RUN",
		Short: "Run again what a run did not finish",
		Long: `Retry takes the pipeline as it was in that run, with its params and targets, and
runs what is not in the store: the stage that failed and what depends on it.
With --with-edits it takes the pipeline file as it is now.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withRun(cmd, args[0], func(w *workspace.Workspace, id string) error {
				p, req, err := pipelineOf(cmd, w, id, edits)
				if err != nil {
					return err
				}
				r.Selection = dag.Selection{Targets: req.Targets, From: req.From}
				r.Tags = map[string]string{"pipe.retry_of": id}
				return r.execute(cmd.Context(), cmd, w, p)
			})
		},
	}
	f := c.Flags()
	f.BoolVar(&edits, "with-edits", false, "take the pipeline file as it is now")
	f.IntVarP(&r.Jobs, "jobs", "j", 0, "stages to run at a time (default: one for each core)")
	f.BoolVarP(&r.KeepGoing, "keep-going", "k", false, "after a failure, run what does not depend on it")
	f.BoolVar(&r.json, "json", false, "print events as lines of JSON")
	f.BoolVarP(&r.quiet, "quiet", "q", false, "print the summary only")
	return c
}

// pipelineOf loads the pipeline of a run: the text it had, or the file as it
// is now.
func pipelineOf(cmd *cobra.Command, w *workspace.Workspace, id string, edits bool) (*dag.Pipeline, *workspace.Request, error) {
	req, err := w.Request(id)
	if err != nil {
		return nil, nil, err
	}
	if edits {
		p, err := workspace.LoadFile(cmd.Context(), req.File, dag.LoadOptions{Params: req.Params, Moment: req.Moment})
		return p, req, err
	}
	data, err := os.ReadFile(filepath.Join(w.RunDir(id), dag.PipelineFile))
	if err != nil {
		return nil, nil, fmt.Errorf("the text of the run's pipeline is gone: %w", err)
	}
	p, err := workspace.LoadRequest(cmd.Context(), req, data)
	return p, req, err
}
