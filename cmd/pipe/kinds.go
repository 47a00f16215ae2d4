package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"pipe/dag"
	"pipe/dag/text"
	"pipe/stages/all"
)

func (a *app) kindsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "kinds [NAME]",
		Short: "List the kinds of stages, or show one: what it takes, gives and is configured by",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			kinds := all.Kinds()
			if len(args) == 1 {
				info, ok := kinds.Get(args[0])
				if !ok {
					hint := text.DidYouMean(args[0], kinds.Names())
					if hint == "" {
						hint = "`pipe kinds` lists them all"
					}
					return usageError{fmt.Errorf("there is no kind %q: %s", args[0], hint)}
				}
				_, err := fmt.Fprint(cmd.OutOrStdout(), dag.Reference(info))
				return err
			}
			w := newAligned(cmd.OutOrStdout())
			for _, name := range kinds.Names() {
				info, _ := kinds.Get(name)
				fmt.Fprintf(w, "%s\t%s\n", name, dag.FirstSentence(info.Doc))
			}
			return w.Flush()
		},
	}
}
