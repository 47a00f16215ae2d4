package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"pipe/dag"
	"pipe/dag/cron"
	"pipe/schedule"
	"pipe/workspace"
)

func (a *app) backfillCommand() *cobra.Command {
	b := &backfill{app: a}
	c := &cobra.Command{
		Use:   "backfill FILE",
		Short: "Run a pipeline for each of its fire times in the past",
		Long: `Backfill runs a pipeline once for each fire time of its schedule from --from to
--to, with run.scheduled_at and run.interval set to that time. What the store has
is taken from there, so that it goes on where it was interrupted. A time that
fails does not keep the others from running.`,
		Example: `  pipe backfill pipelines/daily.yaml --from 2026-01-01 --to 2026-01-31 --jobs 4`,
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return b.run(cmd, args[0]) },
	}
	f := c.Flags()
	f.StringVar(&b.from, "from", "", "the first fire time is not before this day or time, in the schedule's zone (required)")
	f.StringVar(&b.to, "to", "", "the last fire time is not after this time; a day counts whole (required)")
	f.IntVarP(&b.jobs, "jobs", "j", 1, "runs at a time")
	f.StringVar(&b.entry, "entry", "", "the entry of the schedule; by default the first that fires at times")
	f.BoolVar(&b.dryRun, "dry-run", false, "only list the times")
	b.params.flags(f)
	return c
}

// backfill holds the flags of a backfill and what has come of it.
type backfill struct {
	app             *app
	params          params
	from, to, entry string
	jobs            int
	dryRun          bool

	mu     sync.Mutex
	out    io.Writer
	ended  int
	failed []error
}

func (b *backfill) run(cmd *cobra.Command, file string) error {
	ctx := cmd.Context()
	b.out = cmd.OutOrStdout()
	if b.jobs < 1 {
		return usageError{fmt.Errorf("--jobs is a number of runs, not %d", b.jobs)}
	}
	p, err := b.params.load(ctx, file)
	if err != nil {
		return err
	}
	e, err := b.pick(p)
	if err != nil {
		return err
	}
	times, err := b.times(e)
	if err != nil {
		return err
	}
	if b.dryRun {
		for _, at := range times {
			fmt.Fprintln(b.out, when(at))
		}
		return nil
	}
	w, err := workspace.Open(ctx, b.app.store)
	if err != nil {
		return err
	}
	defer w.Close()
	queue := make(chan time.Time)
	var workers sync.WaitGroup
	for range min(b.jobs, len(times)) {
		workers.Go(func() {
			for at := range queue {
				b.one(ctx, w, file, p.Name, e, at, len(times))
			}
		})
	}
	for _, at := range times {
		select {
		case queue <- at:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(queue)
	workers.Wait()
	if ctx.Err() != nil {
		fmt.Fprintf(b.out, "%d of %d times are done; the same command goes on from there\n", b.ended-len(b.failed), len(times))
		return dag.ErrInterrupted
	}
	fmt.Fprintf(b.out, "%d of %d times are done\n", b.ended-len(b.failed), len(times))
	if len(b.failed) > 0 {
		return errors.Join(errShown, errors.Join(b.failed...))
	}
	return nil
}

// pick finds the entry of the schedule.
func (b *backfill) pick(p *dag.Pipeline) (*dag.Schedule, error) {
	for i := range p.Schedule {
		e := &p.Schedule[i]
		if e.Timetable != nil && (b.entry == "" || e.Name == b.entry) {
			return e, nil
		}
	}
	if b.entry != "" {
		return nil, usageError{fmt.Errorf("%s has no entry %q in its schedule that fires at times", p.File.Name, b.entry)}
	}
	return nil, usageError{fmt.Errorf("%s has no schedule that fires at times: give it one, as in `schedule: \"@daily\"`, so that the times are known", p.File.Name)}
}

func (b *backfill) times(e *dag.Schedule) ([]time.Time, error) {
	if b.from == "" || b.to == "" {
		return nil, usageError{errors.New("--from and --to say which times are wanted")}
	}
	from, err := dag.ParseInstant(b.from, e.Timetable.Zone)
	if err != nil {
		return nil, usageError{fmt.Errorf("--from: %w", err)}
	}
	to, err := dag.ParseInstant(b.to, e.Timetable.Zone)
	if err != nil {
		return nil, usageError{fmt.Errorf("--to: %w", err)}
	}
	if len(b.to) == len(time.DateOnly) {
		to = to.AddDate(0, 0, 1).Add(-time.Second)
	}
	times := dag.BackfillTimes(e.Timetable, from, to)
	if len(times) == 0 {
		return nil, fmt.Errorf("no fire time from %s to %s", when(from), when(to))
	}
	return times, nil
}

// one runs the pipeline for one time.
func (b *backfill) one(ctx context.Context, w *workspace.Workspace, file, pipeline string, e *dag.Schedule, at time.Time, all int) {
	res, err := b.runAt(ctx, w, file, pipeline, e.Timetable, at)
	b.mu.Lock()
	defer b.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	b.ended++
	if err != nil {
		b.failed = append(b.failed, err)
		fmt.Fprintf(b.out, "%*d/%d  %s  failed: %v\n", len(fmt.Sprint(all)), b.ended, all, when(at), err)
		return
	}
	fmt.Fprintf(b.out, "%*d/%d  %s  %d ran, %d cached\n", len(fmt.Sprint(all)), b.ended, all, when(at), res.Ran, res.Cached)
}

func (b *backfill) runAt(ctx context.Context, w *workspace.Workspace, file, pipeline string, tt *cron.Timetable, at time.Time) (*dag.Result, error) {
	params := b.params
	params.moment = dag.MomentAt(tt, at)
	p, err := params.load(ctx, file)
	if err != nil {
		return nil, err
	}
	_, res, err := w.Run(ctx, p, workspace.RunOptions{Tags: map[string]string{
		schedule.TagSchedule: pipeline, schedule.TagScheduledAt: at.UTC().Format(time.RFC3339), schedule.TagCause: "backfill"}})
	return res, err
}
