package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pipe/artifacts"
	"pipe/cmd/pipe/view"
)

func (a *app) gcCommand() *cobra.Command {
	var o artifacts.GCOptions
	var keepRuns int
	var age, size string
	c := &cobra.Command{
		Use:   "gc",
		Short: "Remove from the store what nothing refers to",
		Long: `Gc removes stored results that neither a run, a model version nor a pin refers
to. All runs that are not deleted count; --keep-runs N counts only the newest N
of each pipeline. With --max-age or --max-size, what was used lately stays as
well, and what is older goes first.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if keepRuns < 0 {
				return usageError{fmt.Errorf("--keep-runs is a number of runs, or 0 for all, not %d", keepRuns)}
			}
			if o.MaxAge, err = parseAge(age); err != nil {
				return usageError{err}
			}
			if o.MaxSize, err = parseSize(size); err != nil {
				return usageError{err}
			}
			w, err := a.open(cmd)
			if err != nil {
				return err
			}
			defer w.Close()
			r, err := w.GC(cmd.Context(), keepRuns, o)
			if err != nil {
				return err
			}
			verb := "removed"
			if o.DryRun {
				verb = "would remove"
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s %d objects (%s) and %d records; %d objects (%s) and %d records stay\n", verb,
				r.RemovedObjects, view.Bytes(r.RemovedBytes), r.RemovedRecords, r.KeptObjects, view.Bytes(r.KeptBytes), r.KeptRecords)
			return err
		},
	}
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "only tell what would be removed")
	c.Flags().IntVar(&keepRuns, "keep-runs", 0, "count only the newest N runs of each pipeline (0: all)")
	c.Flags().StringVar(&age, "max-age", "", "keep what was used within this time, as 36h or 30d")
	c.Flags().StringVar(&size, "max-size", "", "keep what was used last, up to this size, as 500M or 20G")
	return c
}

// parseAge reads a duration in Go's form or in days.
func parseAge(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is no age: write it as 36h or 30d", s)
	}
	return d, nil
}

// parseSize reads a number of bytes with a binary suffix.
func parseSize(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	number, shift := s, 0
	for i, unit := range "KMGT" {
		if rest, ok := strings.CutSuffix(strings.TrimSuffix(strings.ToUpper(s), "IB"), string(unit)); ok {
			number, shift = rest, 10*(i+1)
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n <= 0 || n > 1<<(62-shift) {
		return 0, fmt.Errorf("%q is no size: write it as 500M or 20G", s)
	}
	return n << shift, nil
}
