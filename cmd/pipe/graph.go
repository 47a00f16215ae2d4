package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"pipe/dag"
	"pipe/dag/draw"
	"pipe/workspace"
)

func (a *app) graphCommand() *cobra.Command {
	var set params
	var format, run string
	c := &cobra.Command{
		Use:   "graph FILE | --run RUN",
		Short: "Draw the stages of a pipeline, or of a run with how each ended",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (run == "") == (len(args) == 0) {
				return usageError{fmt.Errorf("give a pipeline file or --run RUN")}
			}
			g, err := a.graphOf(cmd, args, &set, run)
			if err != nil {
				return err
			}
			var text string
			switch format {
			case "terminal":
				text = g.Terminal()
			case "mermaid":
				text = g.Mermaid()
			case "dot":
				text = g.DOT()
			case "svg":
				text = g.SVG(nil)
			default:
				return usageError{fmt.Errorf("--format is terminal, mermaid, dot or svg, not %q", format)}
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), text)
			return err
		},
	}
	c.Flags().StringVarP(&format, "format", "f", "terminal", "terminal, mermaid, dot or svg")
	c.Flags().StringVar(&run, "run", "", "draw this run, with the pipeline text that it had")
	set.flags(c.Flags())
	return c
}

func (a *app) graphOf(cmd *cobra.Command, args []string, set *params, run string) (*draw.Graph, error) {
	if run == "" {
		p, err := set.load(cmd.Context(), args[0])
		if err != nil {
			return nil, err
		}
		return draw.Of(p, nil), nil
	}
	var g *draw.Graph
	err := a.withRun(cmd, run, func(w *workspace.Workspace, id string) error {
		p, _, err := pipelineOf(cmd, w, id, false)
		if err != nil {
			return err
		}
		g = draw.Of(p, endedAs(w.RunDir(id)))
		return nil
	})
	return g, err
}

// endedAs reads from a run's journal how each stage ended; what cannot be read
// is drawn without a state.
func endedAs(dir string) map[string]string {
	states := map[string]string{}
	words := map[dag.EventType]string{dag.StageStarted: "running", dag.StageCached: "cached", dag.StageFinished: "done", dag.StageFailed: "failed", dag.StageSkipped: "skipped"}
	_ = dag.ReadJournal(dir, func(e *dag.Event) error {
		if w, ok := words[e.Type]; ok {
			states[e.Stage] = w
		}
		return nil
	})
	return states
}
