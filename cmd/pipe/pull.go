package main

import (
	"github.com/spf13/cobra"

	"pipe/workspace"
)

func (a *app) pullCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "pull [RUN|MODEL…]",
		Short: "Copy results from a store that is shared",
		Long: `Pull copies what this store lacks of runs or models from a remote; with --all,
every result that the remote has. It is checked against its digest on the way.

Which runs and models there are is told by this folder's own registry: a remote
holds results by their keys, and no names. In a fresh folder, run the pipeline
with --remote: it takes the results, and the registry learns of them.`,
		Example: `  pipe pull --all --remote file:///mnt/team/pipe
  pipe pull textclass@champion`,
	}
	a.transfer(c, (*workspace.Workspace).Pull)
	return c
}
