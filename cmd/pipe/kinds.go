package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"pipe/dag"
	"pipe/stages"
)

func (a *app) kindsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "kinds [NAME]",
		Short: "List the kinds of stages, or show one: what it takes, gives and is configured by",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			kinds := stages.Kinds()
			if len(args) == 1 {
				info, ok := kinds.Get(args[0])
				if !ok {
					return usageError{fmt.Errorf("there is no kind %q; `pipe kinds` lists them all", args[0])}
				}
				_, err := fmt.Fprint(cmd.OutOrStdout(), dag.Reference(info))
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, name := range kinds.Names() {
				info, _ := kinds.Get(name)
				fmt.Fprintf(w, "%s\t%s\n", name, dag.FirstSentence(info.Doc))
			}
			return w.Flush()
		},
	}
}
