package workspace

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/user"
	"runtime"
	"sync"
	"time"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/registry"
)

// recorder writes a run's events to the registry. Events arrive on the
// runner's goroutine and must not wait for a disk: they are folded into what
// is pending, and one goroutine writes that, a transaction at a time.
type recorder struct {
	registry *registry.Registry
	store    *artifacts.Store
	start    registry.NewRun
	exp      string
	known    *known // the run repeats what a memo knows, and no stage is told
	goesOn   bool   // a run of this id may be there already
	reopened bool   // it was, and has stages

	mu      sync.Mutex
	pending map[string]*registry.StageRecord
	order   []string
	stages  map[string]registry.Stage // the last known state of each
	list    registry.WorkList         // of all stages, once the run has ended well
	ran     bool                      // a stage did something else than to be found in the store
	began   time.Time                 // when a run that was queued began; not yet written
	end     *dag.Event
	last    time.Time // of a journal that was read back

	wake    chan struct{} // something is pending that people may wait for
	many    chan struct{} // so much is pending that it is time to write
	flushed chan chan struct{}
	closed  chan struct{}
	done    chan struct{}
	err     error
}

// heartbeat is how often a run tells other machines that it goes on.
const heartbeat = 30 * time.Second

// gatherFor is how long small changes are collected before they are written,
// and gatherMax how many stages may change meanwhile.
const (
	gatherFor = 100 * time.Millisecond
	gatherMax = 250
)

// newRecorder folds events, and writes nothing by itself.
func newRecorder(w *Workspace) *recorder {
	return &recorder{
		registry: w.Registry, store: w.Store,
		pending: map[string]*registry.StageRecord{}, stages: map[string]registry.Stage{},
		wake: make(chan struct{}, 1), many: make(chan struct{}, 1), flushed: make(chan chan struct{}), closed: make(chan struct{}), done: make(chan struct{}),
	}
}

// record writes the run down while it goes on.
func (w *Workspace) record(a *about, id string, o RunOptions, k *known, about row, queued bool) *recorder {
	self := registry.Self()
	r := newRecorder(w)
	r.known, r.exp, r.goesOn = k, about.Experiment, o.ID != ""
	r.start = registry.NewRun{ID: id, Name: about.Name, Start: about.Start, Host: about.Host, Pipeline: a.Pipeline, PipelineText: string(a.text), User: about.User,
		Params: about.Values, Tags: registry.Pairs(about.Tags), Process: &self}
	if queued {
		r.start.Status, r.start.Start, r.ran = registry.Scheduled, time.Now(), true
	}
	go r.write()
	return r
}

// tags joins the pipeline's tags with the run's own, which win.
func tags(a *about, o RunOptions) map[string]string {
	all := make(map[string]string, len(a.Tags)+len(o.Tags))
	maps.Copy(all, a.Tags)
	maps.Copy(all, o.Tags)
	return all
}

func params(p *dag.Pipeline) []registry.Pair {
	out := make([]registry.Pair, len(p.Params))
	for i, q := range p.Params {
		out[i] = registry.Pair{Key: q.Name, Value: q.Text()}
	}
	return out
}

func username() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return os.Getenv("USER")
}

// Event implements dag.Sink.
func (r *recorder) Event(e *dag.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch e.Type {
	case dag.RunStarted:
		if r.start.Status != registry.Scheduled {
			return
		}
		r.began = e.Time
	case dag.StageStarted:
		r.stage(e, registry.StageRunning)
	case dag.StageMetric:
		s := r.pend(e.Stage)
		s.Metrics = append(s.Metrics, metrics(e.Stage, e.Metrics)...)
	case dag.StageCached:
		r.stage(e, registry.StageCached)
		if !r.ran {
			return // a run of nothing but hits is written as one, at its end
		}
	case dag.StageFinished:
		r.stage(e, registry.StageDone)
	case dag.StageFailed:
		r.stage(e, registry.StageFailed)
	case dag.StageSkipped, dag.StageWaiting:
		r.stage(e, registry.StageSkipped)
	case dag.RunFinished:
		end := *e
		r.end = &end
		return // Close writes it
	default:
		return
	}
	r.ran = true
	knock(r.wake)
	if len(r.order) >= gatherMax {
		knock(r.many)
	}
}

// knock wakes who waits at a channel, now or later, without waiting.
func knock(door chan struct{}) {
	select {
	case door <- struct{}{}:
	default:
	}
}

// pend returns what is pending of a stage. The caller holds mu.
func (r *recorder) pend(stage string) *registry.StageRecord {
	s := r.pending[stage]
	if s == nil {
		s = &registry.StageRecord{Stage: r.stages[stage]}
		r.pending[stage] = s
		r.order = append(r.order, stage)
	}
	return s
}

func (r *recorder) stage(e *dag.Event, state registry.StageState) {
	began := r.stages[e.Stage].Started
	if began.IsZero() {
		began = e.Time.Add(-time.Duration(e.Seconds * float64(time.Second)))
	}
	st := registry.Stage{Name: e.Stage, Kind: e.Kind, Key: e.Key, State: state, Started: began, Inputs: e.Inputs, Outputs: e.Outputs}
	if state != registry.StageRunning {
		st.Finished, st.Error = e.Time, e.Text
	}
	for _, x := range e.Externals {
		st.Externals = append(st.Externals, registry.External{Path: x.Path, Digest: x.Digest, Size: x.Size})
	}
	r.stages[e.Stage] = st
	s := r.pend(e.Stage)
	s.Stage = st
	if e.Type == dag.StageCached {
		s.Metrics = append(s.Metrics, metrics(e.Stage, e.Metrics)...)
	}
}

// metrics names a stage's metrics for the run: two stages may both report a
// loss.
func metrics(stage string, list []dag.Metric) []registry.Metric {
	out := make([]registry.Metric, len(list))
	for i, m := range list {
		out[i] = registry.Metric{Key: stage + "." + m.Name, Value: float64(m.Value), Step: m.Step, Time: m.Time}
	}
	return out
}

// write is the goroutine that owns the registry's side of the run.
func (r *recorder) write() {
	defer close(r.done)
	ctx := context.Background() // a run that is interrupted is written down, too
	if r.known == nil {
		r.describe(ctx)
		r.err = r.create(ctx)
	}
	alive := time.NewTicker(heartbeat)
	defer alive.Stop()
	for {
		select {
		case <-alive.C:
			if r.err == nil {
				r.err = r.registry.Heartbeat(ctx, r.start.ID)
			}
		case <-r.wake:
			select {
			case <-time.After(gatherFor):
			case <-r.many:
			case <-r.closed:
			case ack := <-r.flushed:
				r.put(ctx)
				close(ack)
				continue
			}
			r.put(ctx)
		case ack := <-r.flushed:
			r.put(ctx)
			close(ack)
		case <-r.closed:
			if !r.repeat(ctx) {
				r.put(ctx)
				r.finish(ctx)
			}
			return
		}
	}
}

func (r *recorder) create(ctx context.Context) error {
	exp, err := r.registry.EnsureExperiment(ctx, r.exp)
	if err != nil {
		return err
	}
	r.start.Experiment = exp.ID
	if _, err = r.registry.CreateRun(ctx, r.start); r.goesOn && errors.Is(err, registry.ErrExists) {
		r.reopened = true
		err = r.registry.ReopenRun(ctx, r.start.ID, *r.start.Process)
		if err == nil && r.start.Status == registry.Scheduled {
			_, err = r.registry.UpdateRun(ctx, r.start.ID, registry.RunChange{Status: &r.start.Status})
		}
	}
	return err
}

// describe fills in the state of the code.
func (r *recorder) describe(ctx context.Context) {
	r.start.Git = gitState(ctx)
}

func thisHost() registry.Host {
	h := registry.Host{OS: runtime.GOOS, Arch: runtime.GOARCH, Cores: runtime.NumCPU()}
	h.Name, _ = os.Hostname()
	return h
}

func (r *recorder) put(ctx context.Context) {
	r.mu.Lock()
	batch := make([]registry.StageRecord, len(r.order))
	for i, name := range r.order {
		batch[i] = *r.pending[name]
	}
	clear(r.pending)
	r.order = r.order[:0]
	began := r.began
	r.began = time.Time{}
	r.mu.Unlock()
	if r.err == nil && !began.IsZero() {
		running := registry.Running
		c := registry.RunChange{Status: &running, Start: &began}
		if r.reopened {
			c.Start = nil // it began at its first attempt
		}
		_, r.err = r.registry.UpdateRun(ctx, r.start.ID, c)
	}
	if r.err != nil || len(batch) == 0 {
		return
	}
	r.err = r.registry.PutStages(ctx, r.start.ID, batch)
}

// repeat writes a run in which every stage was found in the store, if an
// earlier run did the same: as that run once more.
func (r *recorder) repeat(ctx context.Context) (done bool) {
	if r.known != nil {
		return r.repeatKnown(ctx)
	}
	if r.err != nil || r.ran || r.reopened || r.end == nil || r.end.Status != "finished" || len(r.order) == 0 {
		return false
	}
	r.list = registry.NewWorkList(r.stages)
	var points []registry.Metric
	for _, name := range r.order {
		points = append(points, r.pending[name].Metrics...)
	}
	if r.err = r.store.Flush(); r.err == nil {
		done, r.err = r.registry.RepeatRun(ctx, r.start.ID, r.list, points, r.end.Time)
	}
	return done
}

// repeatKnown is repeat for a run of a memo, which has no row yet.
func (r *recorder) repeatKnown(ctx context.Context) (done bool) {
	r.describe(ctx)
	if r.end != nil {
		r.list = r.known.list
		var points []registry.Metric
		for stage, ms := range r.known.run.Metrics() {
			points = append(points, metrics(stage, ms)...)
		}
		if done, r.err = r.registry.CreateRepeat(ctx, r.exp, r.start, r.list, points, r.end.Time); done || r.err != nil {
			return done
		}
	}
	// Somebody has removed that run, or this one was interrupted.
	if r.err = r.create(ctx); r.err == nil && r.end != nil {
		for e := range r.known.run.Events() {
			e.Time = r.end.Time
			r.Event(e)
		}
	}
	return false
}

func (r *recorder) finish(ctx context.Context) {
	if r.err != nil || r.end == nil {
		return
	}
	// A run that counts as finished names only what a loss of power leaves there.
	if r.err = r.store.Flush(); r.err != nil {
		return
	}
	status := map[string]registry.Status{"finished": registry.Finished, "failed": registry.Failed, "killed": registry.Killed, dag.StatusWaiting: registry.Scheduled}[r.end.Status]
	if r.err = r.registry.FinishRun(ctx, r.start.ID, status, r.end.Time, r.end.Text); r.err == nil && status == registry.Finished && r.whole() {
		r.list = registry.NewWorkList(r.stages)
		r.err = r.registry.SetWorkList(ctx, r.start.ID, r.list)
	}
}

// whole tells whether every stage has a result: a run that left one out is no
// pattern for another.
func (r *recorder) whole() bool {
	for _, s := range r.stages {
		if s.State != registry.StageDone && s.State != registry.StageCached {
			return false
		}
	}
	return true
}

// Flush writes what is pending now: a stage that registers a model refers to
// its run.
func (r *recorder) Flush() {
	ack := make(chan struct{})
	select {
	case r.flushed <- ack:
		<-ack
	case <-r.done:
	}
}

// Close writes the rest and returns the first error that the registry gave.
func (r *recorder) Close() error {
	close(r.closed)
	<-r.done
	if r.err != nil {
		return fmt.Errorf("the run is not in the registry: %w", r.err)
	}
	return nil
}
