package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/workspace"
)

// watchEvery is how often the files are looked at; a look is a stat each.
const watchEvery = 300 * time.Millisecond

// watchFile runs the pipeline, then again whenever its file or a file that a
// stage read has changed, until it is interrupted. A run that fails does not
// end it: the mend is what is waited for.
func (r *runner) watchFile(cmd *cobra.Command, file string) error {
	var usage usageError
	for {
		seen := &externals{files: map[string]artifacts.Fingerprint{}}
		r.Sink = seen
		began := time.Now()
		err := r.once(cmd, file)
		stamp := r.stamp(file, began)
		if errors.As(err, &usage) || cmd.Context().Err() != nil {
			return err
		}
		report(cmd.ErrOrStderr(), err)
		fmt.Fprintf(cmd.OutOrStdout(), "watching %s and %d files or folders that it reads\n", file, len(seen.files))
		if err := r.waitForChange(cmd.Context(), file, stamp, seen); err != nil {
			return err
		}
	}
}

// externals collects the files that the stages of a run read.
type externals struct {
	files map[string]artifacts.Fingerprint
}

// Event implements dag.Sink.
func (x *externals) Event(e *dag.Event) {
	for _, f := range e.Externals {
		x.files[f.Path] = f
	}
}

// stamp tells the state of the pipeline's files. One that changed after the run
// began has another state than it had for the run.
func (r *runner) stamp(file string, began time.Time) string {
	var b strings.Builder
	for _, path := range append([]string{file}, r.reads...) {
		info, err := os.Stat(path)
		switch {
		case err != nil:
			b.WriteString(err.Error())
		case !began.IsZero() && info.ModTime().After(began):
			b.WriteString("changed meanwhile")
		default:
			fmt.Fprintln(&b, info.ModTime().UnixNano(), info.Size())
		}
	}
	return b.String()
}

func (r *runner) waitForChange(ctx context.Context, file, stamp string, seen *externals) error {
	w, err := workspace.Open(ctx, r.app.store)
	if err != nil {
		return err
	}
	defer w.Close()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return dag.ErrInterrupted
		case <-tick.C:
		}
		if r.stamp(file, time.Time{}) != stamp {
			return nil
		}
		for path, before := range seen.files {
			now, err := w.Store.Fingerprint(path)
			if err != nil || now.Digest != before.Digest {
				return nil // the next run tells what is wrong with it
			}
		}
	}
}
