package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
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
	known := &externals{}
	r.Sink = known
	for {
		if err := r.look(cmd.Context(), known); err != nil {
			return err
		}
		known.reported = map[string]bool{}
		began := time.Now()
		err := r.once(cmd, file)
		stamp := r.stamp(file, began)
		if errors.As(err, &usage) || cmd.Context().Err() != nil {
			return err
		}
		report(cmd.ErrOrStderr(), err)
		if err == nil { // what no stage reads any more is forgotten
			maps.DeleteFunc(known.digests, func(path string, _ artifacts.Digest) bool { return !known.reported[path] })
		}
		fmt.Fprintf(cmd.OutOrStdout(), "watching %s and %d files or folders that it reads\n", file, len(known.digests))
		if err := r.waitForChange(cmd.Context(), file, stamp, err, known); err != nil {
			return err
		}
	}
}

// externals are the files that stages have read.
type externals struct {
	digests  map[string]artifacts.Digest // as they were before the last run or in it; "" for what was not there
	reported map[string]bool             // by the last run
}

// Event implements dag.Sink.
func (x *externals) Event(e *dag.Event) {
	for _, f := range e.Externals {
		if x.digests == nil {
			x.digests = map[string]artifacts.Digest{}
		}
		x.digests[f.Path], x.reported[f.Path] = f.Digest, true
	}
}

// look notes the state of all known files, so that a change while the next run
// is under way is one even if that run does not come to read the file.
func (r *runner) look(ctx context.Context, known *externals) error {
	if len(known.digests) == 0 {
		return nil
	}
	w, err := workspace.Open(ctx, r.app.store)
	if err != nil {
		return err
	}
	for path := range known.digests {
		known.digests[path] = digestNow(w, path)
	}
	return w.Close()
}

// digestNow is "" where the file cannot be read.
func digestNow(w *workspace.Workspace, path string) artifacts.Digest {
	fp, err := w.Store.Fingerprint(path)
	if err != nil {
		return ""
	}
	return fp.Digest
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

// waitForChange returns nil when it is time to run again. A pipeline that was
// found to be wrong is checked at each look as well: a file that is missing may
// be one that nobody has told of yet.
func (r *runner) waitForChange(ctx context.Context, file, stamp string, failed error, known *externals) error {
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
		if dag.IsWrong(failed) {
			if _, err := r.params.load(ctx, file); err == nil || err.Error() != failed.Error() {
				return nil
			}
			continue
		}
		for path, before := range known.digests {
			if digestNow(w, path) != before {
				return nil // the next run tells what is wrong with it
			}
		}
	}
}
