package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"pipe/dag"
	"pipe/dag/text"
)

func (a *app) checkCommand() *cobra.Command {
	var set params
	var asJSON, verbose bool
	c := &cobra.Command{
		Use:   "check FILE…",
		Short: "Check pipeline files: types, shapes and expressions, before any data is read",
		Long: `Check pipeline files: types, shapes and expressions, before any data is read.

With -v every stage is listed with what it gives, and a network with its layers:
shapes, parameters, arithmetic and memory.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var wrong text.Error
			for _, path := range args {
				p, err := set.load(cmd.Context(), path)
				var e *text.Error
				switch {
				case errors.As(err, &e):
					wrong.Problems = append(wrong.Problems, e.Problems...)
				case err != nil:
					return err
				case !asJSON:
					fmt.Fprintf(cmd.OutOrStdout(), "%s: ok, %s\n", path, stagesText(p))
					if verbose {
						tellStages(cmd.OutOrStdout(), p)
					}
				}
			}
			if asJSON {
				if err := problemsJSON(cmd.OutOrStdout(), wrong.Problems); err != nil {
					return err
				}
			}
			if len(wrong.Problems) == 0 {
				return nil
			}
			if asJSON {
				cmd.SetErr(io.Discard)
			}
			return &wrong
		},
	}
	set.flags(c.Flags())
	set.momentFlag(c.Flags())
	c.Flags().BoolVar(&asJSON, "json", false, "print the problems as JSON")
	c.Flags().BoolVarP(&verbose, "verbose", "v", false, "list the stages with what they give, and the layers of networks")
	return c
}

// tellStages lists what each stage gives, as far as that is known without data.
func tellStages(w io.Writer, p *dag.Pipeline) {
	for _, s := range p.Stages {
		fmt.Fprintf(w, "\n%s (%s)\n", s.Name, s.Info.Name)
		for _, port := range s.Outputs {
			schema := s.Schemas[port.Name]
			fmt.Fprintf(w, "  %s: %s", port.Name, port.Type)
			if schema.Table != nil {
				fmt.Fprintf(w, " of %d columns", schema.Table.NumFields())
				for i, f := range schema.Table.Fields() {
					fmt.Fprintf(w, "%s%s %s", []string{": ", ", "}[min(i, 1)], f.Name, f.Type)
				}
			}
			fmt.Fprintln(w)
		}
		if s.Summary == nil {
			continue
		}
		for line := range strings.Lines(s.Summary()) {
			fmt.Fprint(w, "  "+line)
		}
	}
}

func stagesText(p *dag.Pipeline) string {
	if len(p.Stages) == 1 {
		return "1 stage"
	}
	return fmt.Sprintf("%d stages", len(p.Stages))
}

func problemsJSON(w io.Writer, ps []*text.Problem) error {
	type problem struct {
		File   string `json:"file"`
		Line   int    `json:"line"`
		Column int    `json:"column"`
		Code   string `json:"code"`
		Text   string `json:"text"`
		Trail  string `json:"trail,omitempty"`
		Hint   string `json:"hint,omitempty"`
	}
	out := make([]problem, len(ps))
	for i, p := range ps {
		out[i] = problem{p.Pos.File.Name, p.Pos.Line, p.Pos.Col, p.Code, p.Text, p.Trail, p.Hint}
	}
	return writeJSON(w, out)
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
