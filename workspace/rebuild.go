package workspace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"pipe/dag"
	"pipe/registry"
)

// row is what the registry has of a run beside its events and its request. The
// run's folder keeps it, too, so that a registry that is lost can be made anew of
// the folders.
type row struct {
	Experiment string            `json:"experiment,omitempty"`
	Name       string            `json:"name,omitempty"`
	User       string            `json:"user,omitempty"`
	Values     []registry.Pair   `json:"values,omitempty"` // of all params, also of those that have their defaults
	Tags       map[string]string `json:"tags,omitempty"`
	Host       registry.Host     `json:"host,omitzero"`
	Start      time.Time         `json:"start,omitzero"` // a little before the first event; zero for a run that waits its turn
}

// LostRunError says that a run has a journal and is not in the registry, which
// somebody has then removed, or replaced by an older one.
type LostRunError struct {
	ID  string
	Dir string // of its journal
}

func (e *LostRunError) Error() string {
	return fmt.Sprintf("the registry does not know run %.8s, whose journal is in %s: `pipe registry rebuild` enters it again", e.ID, e.Dir)
}

// Unwrap makes it one of what is not found.
func (e *LostRunError) Unwrap() error { return registry.ErrNotFound }

// Detail is Registry.Run; for a run that is not there and has a journal, the error
// is a *LostRunError.
func (w *Workspace) Detail(ctx context.Context, prefix string) (registry.RunDetail, error) {
	r, err := w.Registry.Run(ctx, prefix)
	if !errors.Is(err, registry.ErrNotFound) || prefix == "" {
		return r, err
	}
	runs, jerr := w.journals()
	if jerr != nil {
		return r, errors.Join(err, jerr)
	}
	runs = slices.DeleteFunc(runs, func(id string) bool { return !strings.HasPrefix(id, prefix) })
	switch len(runs) {
	case 0:
		return r, err
	case 1:
		return r, &LostRunError{ID: runs[0], Dir: w.RunDir(runs[0])}
	}
	return r, fmt.Errorf("several runs begin with %q; give more digits", prefix)
}

// FindRun completes the beginning of a run's id: of a run in the registry, or of
// one that has a journal only.
func (w *Workspace) FindRun(ctx context.Context, prefix string) (id string, err error) {
	r, err := w.Detail(ctx, prefix)
	if lost := (*LostRunError)(nil); errors.As(err, &lost) {
		return lost.ID, nil
	}
	return r.ID, err
}

// Stages finds a run by the beginning of its id and gives its stages: as the
// registry has them, or else as the journal tells them.
func (w *Workspace) Stages(ctx context.Context, prefix string) (id string, list []registry.Stage, err error) {
	r, err := w.Detail(ctx, prefix)
	lost := (*LostRunError)(nil)
	if !errors.As(err, &lost) {
		return r.ID, r.Stages, err
	}
	told, err := w.readBack(lost.ID)
	if err != nil {
		return lost.ID, nil, err
	}
	for _, name := range told.order {
		list = append(list, told.stages[name])
	}
	return lost.ID, list, nil
}

// Rebuilt is what Rebuild has done.
type Rebuilt struct {
	Runs     []string `json:"runs"`      // that were entered, the oldest first
	UnderWay []string `json:"under_way"` // that were left alone
}

// underWayFor is how long a journal may be silent until a run that did not end
// counts as killed, and settled how long one that has ended may lack its row.
const (
	underWayFor = 2 * time.Minute
	settled     = time.Second
)

// Rebuild enters into the registry the runs that it does not know, from their
// folders: stages, metrics, params, tags, times and how they ended. What a folder
// does not tell is lost: the commit of the code. One that cannot be
// read is left out, and in the error, which joins those of all.
func (w *Workspace) Rebuild(ctx context.Context) (done Rebuilt, err error) {
	lost, err := w.LostRuns(ctx)
	if err != nil || len(lost) == 0 {
		return done, err
	}
	// A process writes the journal of a run before its row.
	time.Sleep(settled)
	if lost, err = w.LostRuns(ctx); err != nil {
		return done, err
	}
	var runs []*recorder
	var failed []error
	for _, id := range lost {
		r, err := w.readBack(id)
		switch {
		case err != nil:
			failed = append(failed, fmt.Errorf("run %.8s is not entered: %w", id, err))
		case r.end == nil && time.Since(w.lastWritten(id)) < underWayFor:
			done.UnderWay = append(done.UnderWay, id)
		default:
			runs = append(runs, r)
		}
	}
	slices.SortStableFunc(runs, func(a, b *recorder) int { return a.start.Start.Compare(b.start.Start) })
	for _, r := range runs {
		if err := w.enter(ctx, r); err != nil {
			return done, errors.Join(append(failed, fmt.Errorf("run %.8s is not entered: %w", r.start.ID, err))...)
		}
		done.Runs = append(done.Runs, r.start.ID)
	}
	return done, errors.Join(failed...)
}

// lastWritten is when something was added to a run's journal.
func (w *Workspace) lastWritten(id string) time.Time {
	info, err := os.Stat(filepath.Join(w.RunDir(id), dag.JournalFile))
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// readBack folds a run's journal as it was folded when the run wrote it.
func (w *Workspace) readBack(id string) (*recorder, error) {
	r := newRecorder(w)
	r.start.ID = id
	var last time.Time
	queued := false // the run has not begun
	err := dag.ReadJournal(w.RunDir(id), func(e *dag.Event) error {
		if e.Type == dag.RunStarted {
			r.end = nil // it was interrupted, and went on
			r.start.Pipeline = e.Pipeline
		}
		if e.Type == dag.RunQueued && r.start.Start.IsZero() {
			queued, r.start.Pipeline = true, e.Pipeline
		}
		if r.start.Start.IsZero() || queued && e.Type == dag.RunStarted {
			r.start.Start = e.Time
			queued = queued && e.Type != dag.RunStarted
		}
		last = e.Time
		r.Event(e)
		return nil
	})
	if err == nil && last.IsZero() {
		err = fmt.Errorf("its journal is empty")
	}
	r.last = last
	return r, err
}

// enter writes a run that was read back.
func (w *Workspace) enter(ctx context.Context, r *recorder) error {
	if err := w.readRow(ctx, r); err != nil {
		return err
	}
	if r.end == nil {
		r.end = &dag.Event{Time: r.last, Status: dag.StatusKilled, Text: registry.NoLastWord}
	}
	if r.err = r.create(ctx); r.err != nil {
		return r.err
	}
	if !r.repeat(ctx) {
		r.put(ctx)
		r.finish(ctx)
	}
	if before, continues := registry.Value(r.start.Tags, ContinuesTag); r.err == nil && continues {
		r.err = w.continued(ctx, before, r.start.ID, r.end.Status)
		if errors.Is(r.err, registry.ErrNotFound) { // its folder is gone
			r.err = nil
		}
	}
	return r.err
}

// readRow fills in what the events do not tell.
func (w *Workspace) readRow(ctx context.Context, r *recorder) error {
	dir := w.RunDir(r.start.ID)
	r.exp = r.start.Pipeline
	if text, err := os.ReadFile(filepath.Join(dir, dag.PipelineFile)); err == nil {
		r.start.PipelineText = string(text)
	}
	data, err := os.ReadFile(filepath.Join(dir, requestFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil // the events are more than nothing
	}
	if err != nil {
		return err
	}
	var kept keptRequest
	if err := json.Unmarshal(data, &kept); err != nil {
		return fmt.Errorf("%s is damaged: %w", filepath.Join(dir, requestFile), err)
	}
	if kept.Experiment != "" {
		r.exp = kept.Experiment
		r.start.Name, r.start.User, r.start.Params, r.start.Tags = kept.Name, kept.User, kept.Values, registry.Pairs(kept.Tags)
		r.start.Host = kept.Host
		if !kept.Start.IsZero() && kept.Start.Before(r.start.Start) { // else it went on later
			r.start.Start = kept.Start
		}
		return nil
	}
	// A folder of an older pipe has the text only, which need not load today.
	if p, err := LoadRequest(ctx, &kept.Request, []byte(r.start.PipelineText)); err == nil {
		r.exp, r.start.Params, r.start.Tags = p.ExperimentName(), params(p), registry.Pairs(p.Tags)
	} else {
		r.start.Params = registry.Pairs(kept.Params)
	}
	return nil
}
