package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"pipe/artifacts/remote"
	"pipe/cmd/pipe/view"
	"pipe/workspace"
)

// remoteVariable names the environment variable that stands in for --remote.
const remoteVariable = "PIPE_REMOTE"

// remoteFlag adds --remote to a command; the address is read by the function
// that it returns, when the command runs.
func remoteFlag(c *cobra.Command) (address func() string) {
	var given string
	c.Flags().StringVar(&given, "remote", "", "a store that is shared: file:///path, s3://bucket, gs://bucket, azblob://container (default: $"+remoteVariable+")")
	return func() string {
		if given == "" && !c.Flags().Changed("remote") { // --remote= is none
			return os.Getenv(remoteVariable)
		}
		return given
	}
}

func (a *app) pushCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "push [RUN|MODEL…]",
		Short: "Copy results to a store that is shared",
		Long: `Push copies what runs or models consist of to a remote, as far as it is not there;
with --all, everything that the registry knows. Whoever runs the same pipeline
with the same --remote takes the results instead of running the stages.`,
		Example: `  pipe push --all --remote file:///mnt/team/pipe
  pipe push textclass@champion`,
	}
	a.transfer(c, (*workspace.Workspace).Push)
	return c
}

// transfer makes a command that moves what its arguments name.
func (a *app) transfer(c *cobra.Command, move func(*workspace.Workspace, context.Context, string, []string) (remote.Report, error)) {
	var all, asJSON bool
	address := remoteFlag(c)
	c.Flags().BoolVar(&all, "all", false, "all that there is")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.RunE = func(cmd *cobra.Command, names []string) error {
		if all == (len(names) > 0) {
			return usageError{errors.New("name runs or models, or give --all")}
		}
		if address() == "" {
			return usageError{fmt.Errorf("say where to: --remote URL, or %s in the environment", remoteVariable)}
		}
		w, err := workspace.Open(cmd.Context(), a.store)
		if err != nil {
			return err
		}
		defer w.Close()
		report, err := move(w, cmd.Context(), address(), names)
		if err != nil {
			return err
		}
		if asJSON {
			return writeJSON(cmd.OutOrStdout(), report)
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d results, %d objects (%s) copied\n", report.Records, report.Objects, view.Bytes(report.Bytes))
		return err
	}
}
