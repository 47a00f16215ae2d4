package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"pipe/artifacts"
	"pipe/cmd/pipe/view"
	"pipe/dag"
	"pipe/workspace"
)

func (a *app) runCommand() *cobra.Command {
	r := &runner{app: a}
	var address func() string
	var force forceFlag
	c := &cobra.Command{
		Use:   "run FILE [STAGE…]",
		Short: "Run a pipeline: all that is not up to date",
		Long: `Run checks the pipeline file, then runs each stage whose configuration, inputs
or files have changed since its result was stored. With stages given, it runs
only what they need. With --remote, results are taken from a shared store before
a stage runs, and it gets what it lacks, also of stages that were up to date.`,
		Example: `  pipe run pipelines/textclass.yaml
  pipe run pipelines/textclass.yaml -p epochs=3 -p units=64
  pipe run pipelines/textclass.yaml evaluate`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var targets []string
			r.Force, targets = force.split(args)
			r.Targets = append(r.Targets, targets...)
			r.Remote = address()
			if r.watch {
				return r.watchFile(cmd, args[0])
			}
			return r.once(cmd, args[0])
		},
	}
	address = remoteFlag(c)
	f := c.Flags()
	r.params.flags(f)
	r.params.momentFlag(f)
	f.StringSliceVar(&r.Targets, "until", nil, "run what these stages need, and the stages (as STAGE arguments)")
	f.StringSliceVar(&r.From, "from", nil, "begin at these stages: what they need must be in the store")
	force.add(f)
	f.BoolVar(&r.Verify, "verify", false, "run what the store has once more, and compare the bytes")
	f.IntVarP(&r.Jobs, "jobs", "j", 0, "stages to run at a time (default: one for each core)")
	f.BoolVarP(&r.KeepGoing, "keep-going", "k", false, "after a failure, run what does not depend on it")
	f.StringVar(&r.Name, "name", "", "a name for the run")
	f.BoolVar(&r.dryRun, "dry-run", false, "only tell what would run, and why (as pipe plan)")
	f.BoolVar(&r.watch, "watch", false, "run again whenever the pipeline or a file that it reads changes")
	f.BoolVar(&r.json, "json", false, "print events as lines of JSON")
	f.BoolVarP(&r.quiet, "quiet", "q", false, "print the summary only")
	return c
}

// runner holds the flags of the commands that run pipelines.
type runner struct {
	app *app
	workspace.RunOptions
	params              params
	json, quiet, dryRun bool
	watch               bool
	continues           string   // a run that waited and is gone on with
	reads               []string // files that the pipeline includes and uses
}

// checkFlags refuses values that no run can have.
func (r *runner) checkFlags() error {
	if r.Jobs < 0 {
		return usageError{fmt.Errorf("--jobs is a number of stages, not %d", r.Jobs)}
	}
	if len(r.Name) > 250 || strings.ContainsFunc(r.Name, unicode.IsControl) {
		return usageError{fmt.Errorf("--name: at most 250 bytes without control characters")}
	}
	return nil
}

// once loads the file and runs it; where a memo knows that nothing has changed,
// it is not even read.
func (r *runner) once(cmd *cobra.Command, file string) error {
	if err := r.checkFlags(); err != nil {
		return err
	}
	ctx := cmd.Context()
	how, err := r.params.options()
	if err != nil {
		return err
	}
	r.Memo = nil
	if r.plain(how) {
		r.Memo = workspace.FindMemo(r.app.store, file, r.params.setBy(how))
	}
	var p *dag.Pipeline
	load := func() (err error) {
		expectText(file)
		if p, err = workspace.LoadFile(ctx, file, how); err != nil {
			return err
		}
		r.reads = r.reads[:0]
		for _, f := range p.Reads {
			r.reads = append(r.reads, f.Name)
		}
		return p.CheckSelection(r.Selection)
	}
	var unchanged bool
	w, err := workspace.OpenMeanwhile(ctx, r.app.store, func(store *artifacts.Store) error {
		if unchanged = r.Memo.Recall(store); unchanged {
			return nil
		}
		return load()
	})
	if err != nil {
		return err
	}
	defer w.Close()
	tellLost(cmd, w)
	if unchanged {
		return r.repeat(ctx, cmd, w)
	}
	if r.dryRun {
		return showPlan(cmd, w, p, dag.PlanOptions{Selection: r.Selection, Verify: r.Verify}, r.json)
	}
	return r.execute(ctx, cmd, w, p)
}

// plain tells whether a run is of a whole pipeline, now, with nothing asked for
// beside what is not up to date.
func (r *runner) plain(how dag.LoadOptions) bool {
	return len(r.Targets)+len(r.From)+len(r.Force) == 0 && !r.Verify && !r.dryRun && !r.watch && r.Remote == "" && r.continues == "" && how.At.IsZero() && how.Moment.At.IsZero()
}

// repeat is execute for a pipeline that has not changed.
func (r *runner) repeat(ctx context.Context, cmd *cobra.Command, w *workspace.Workspace) error {
	o := r.RunOptions
	end := func() {}
	if r.json || !r.quiet {
		v := newView(cmd.OutOrStdout(), view.Memorized(r.Memo.Stages()), r.json, r.quiet)
		o.Sink, end = v, v.Close
	}
	id, res, err := w.Repeat(ctx, o)
	end()
	return r.summarize(cmd, id, res, err)
}

// execute runs a checked pipeline and shows how it goes.
func (r *runner) execute(ctx context.Context, cmd *cobra.Command, w *workspace.Workspace, p *dag.Pipeline) error {
	v := newView(cmd.OutOrStdout(), view.Rows(p), r.json, r.quiet)
	o := r.RunOptions
	o.Sink = v
	o.Warn = func(err error) { fmt.Fprintln(cmd.ErrOrStderr(), "pipe:", err) }
	if r.Sink != nil {
		o.Sink = dag.Sinks{v, r.Sink}
	}
	tracer, end, err := traces(cmd)
	if err != nil {
		return err
	}
	defer end()
	if t := tracer.Run(); t != nil {
		o.Sink = dag.Sinks{o.Sink, t}
	}
	var id string
	var res *dag.Result
	if r.continues != "" {
		id, res, err = w.ContinueWith(ctx, r.continues, p, o)
	} else {
		id, res, err = w.Run(ctx, p, o)
	}
	v.Close()
	return r.summarize(cmd, id, res, err)
}

// summarize tells what a run came to.
func (r *runner) summarize(cmd *cobra.Command, id string, res *dag.Result, err error) error {
	if r.json || res == nil {
		return shown(err, r.json)
	}
	for _, f := range res.Failures {
		fmt.Fprintf(cmd.ErrOrStderr(), "pipe: stage %q failed: %s\n", f.Stage, view.Clean(f.Err.Error()))
	}
	for _, f := range res.HookFailures {
		fmt.Fprintf(cmd.ErrOrStderr(), "pipe: the hook %s failed: %s\n", f.Stage, view.Clean(f.Err.Error()))
	}
	if _, werr := fmt.Fprintf(cmd.OutOrStdout(), "%s  (run %s)\n", view.Summary(res), short(id)); werr != nil && err == nil {
		return werr
	}
	for _, s := range res.Waiting {
		fmt.Fprintf(cmd.OutOrStdout(), "stage %q waits: pipe approve %s %s --why …\n", s, short(id), s)
	}
	return shown(err, len(res.Failures) > 0)
}

// shown marks an error whose text the user has seen, so that only the exit
// code is left to tell.
func shown(err error, was bool) error {
	if err == nil || !was || errors.Is(err, dag.ErrInterrupted) {
		return err
	}
	return errors.Join(errShown, err)
}

func newView(out io.Writer, rows []view.Row, asJSON, quiet bool) view.View {
	if asJSON {
		return view.NewJSON(out)
	}
	if quiet {
		return view.NewPlain(io.Discard, rows)
	}
	if _, _, ok := terminalSize(out); ok && os.Getenv("TERM") != "dumb" {
		return view.NewLive(out, rows, os.Getenv("NO_COLOR") == "", func() (int, int) {
			columns, rows, _ := terminalSize(out)
			return columns, rows
		})
	}
	return view.NewPlain(out, rows)
}

// terminalSize tells whether something is a terminal, and how large it is; one that does
// not say is 80 by 24.
func terminalSize(out io.Writer) (columns, rows int, ok bool) {
	f, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 80, 24, false
	}
	columns, rows, err := term.GetSize(int(f.Fd()))
	if err != nil || columns <= 0 || rows <= 0 {
		return 80, 24, true
	}
	return columns, rows, true
}
