// Command pipe checks, runs and serves machine-learning pipelines.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/text"
	"pipe/registry"
	"pipe/workspace"
)

// Exit codes, as docs/cli.md lists them.
const (
	exitDone        = 0
	exitFailed      = 1
	exitWrongFile   = 2
	exitUsage       = 3
	exitDamaged     = 4
	exitInterrupted = 130
)

func main() {
	delayCollection()
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program with its surroundings as arguments.
func run(args []string, in io.Reader, out, errOut io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() { // a second interrupt ends the process the ordinary way
		<-ctx.Done()
		stop()
	}()
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	return report(errOut, err)
}

func newRoot() *cobra.Command {
	a := &app{}
	root := &cobra.Command{
		Use:   "pipe",
		Short: "Pipelines that turn changing data into models that stay good",
		Long: `pipe runs machine-learning pipelines that a YAML file declares, remembers every
run, metric and model version, and answers with the models.

  pipe init                              a small pipeline of your own to start from
  pipe check pipelines/textclass.yaml    is the file right? (reads no data)
  pipe run pipelines/textclass.yaml      run what is not up to date
  pipe predict textclass@champion "…"    use the model

Exit codes: 0 done, 1 a stage failed, 2 the pipeline file is wrong, 3 usage,
4 the store is damaged, 130 interrupted.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noSuchCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.PersistentFlags().StringVar(&a.store, "store", ".pipe", "folder of the store and the registry")
	root.PersistentFlags().StringVarP(&a.dir, "directory", "C", "", "work in this folder")
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		if a.dir == "" {
			return nil
		}
		if err := os.Chdir(a.dir); err != nil {
			return usageError{err}
		}
		return nil
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(a.runCommand(), a.planCommand(), a.checkCommand(), a.graphCommand(), a.predictCommand(), a.transcribeCommand(), a.generateCommand(), a.runsCommand(), a.logsCommand(), a.replayCommand(), a.diffCommand(), a.retryCommand(), a.cancelCommand(), a.approveCommand(), a.rejectCommand(), a.modelsCommand(), a.artifactsCommand(), a.gcCommand(), a.pushCommand(), a.pullCommand(), a.upCommand(), a.scheduleCommand(), a.triggerCommand(), a.backfillCommand(), a.serveCommand(), a.usersCommand(), a.registryCommand(), a.initCommand(), a.kindsCommand(), schemaCommand(), fmtCommand(), explainCommand(), benchCommand(), versionCommand())
	for _, c := range root.Commands() {
		usageArgs(c)
	}
	return root
}

// app holds what the flags of all commands set.
type app struct {
	store string
	dir   string
}

// usageError is a command line that cannot be understood.
type usageError struct{ error }

// noSuchCommand refuses what is no command, with the one that was meant.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	hint := text.DidYouMean(args[0], names)
	if cmd.HasParent() { // a group is short enough to be listed
		if hint != "" {
			hint += "; "
		}
		return usageError{fmt.Errorf("`%s` has no command %q: %sits commands are %s", cmd.CommandPath(), args[0], hint, strings.Join(names, ", "))}
	}
	if hint == "" {
		hint = "`pipe --help` lists the commands"
	}
	return usageError{fmt.Errorf("there is no command %q: %s", args[0], hint)}
}

// usageArgs makes a wrong number of arguments a usage error, in all
// subcommands.
func usageArgs(c *cobra.Command) {
	if c.Args == nil && c.HasSubCommands() {
		c.Args = noSuchCommand
	}
	if !c.Runnable() { // else cobra looks at no arguments
		c.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	if check := c.Args; check != nil {
		c.Args = func(cmd *cobra.Command, args []string) error {
			var usage usageError
			switch err := check(cmd, args); {
			case err == nil || errors.As(err, &usage):
				return err
			case cmd.HasSubCommands() && len(args) > 0:
				return noSuchCommand(cmd, args)
			case len(args) == 0:
				return usageError{fmt.Errorf("%s: what to work on is missing\nusage: %s", cmd.CommandPath(), cmd.UseLine())}
			}
			return usageError{fmt.Errorf("%s: it does not take these %d arguments\nusage: %s", cmd.CommandPath(), len(args), cmd.UseLine())}
		}
	}
	for _, sub := range c.Commands() {
		usageArgs(sub)
	}
}

// errDamaged says that the store was found to be damaged.
var errDamaged = errors.New("the store is damaged")

// errShown says that what went wrong has been shown already.
var errShown = errors.New("shown")

// report shows an error, unless that was done, and returns the exit code.
func report(w io.Writer, err error) int {
	code := exitCode(err)
	if code == exitDone || errors.Is(err, errShown) {
		if errors.Is(err, workspace.ErrSkipped) {
			fmt.Fprintln(w, err)
		}
		return code
	}
	var wrong *text.Error
	var stopped *dag.InterruptedError
	switch {
	case errors.As(err, &wrong):
		fmt.Fprint(w, wrong.Render())
		if n := len(wrong.Problems); n > 1 {
			fmt.Fprintf(w, "%d problems\n", n)
		}
	case errors.As(err, &stopped):
		fmt.Fprintf(w, "%v; what was finished is kept\n", stopped)
	case code == exitInterrupted:
		fmt.Fprintln(w, "interrupted: what was finished is kept, the next run continues from there")
	default:
		fmt.Fprintln(w, "pipe:", err)
	}
	return code
}

func exitCode(err error) int {
	var wrong *text.Error
	var usage usageError
	var unknown *dag.UnknownStageError
	var corrupt *artifacts.CorruptError
	var missing *artifacts.MissingError
	var registryDamage *registry.DamagedError
	switch {
	case err == nil, errors.Is(err, workspace.ErrSkipped):
		return exitDone
	case errors.As(err, &wrong):
		return exitWrongFile
	case errors.Is(err, dag.ErrInterrupted), errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &usage), errors.As(err, &unknown), errors.Is(err, workspace.ErrNoFile):
		return exitUsage
	case errors.As(err, &corrupt), errors.As(err, &missing), errors.As(err, &registryDamage), errors.Is(err, artifacts.ErrDamaged), errors.Is(err, dag.ErrJournalDamaged), errors.Is(err, errDamaged):
		return exitDamaged
	}
	return exitFailed
}
