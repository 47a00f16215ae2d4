package dag

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pipe/artifacts"
)

// RunOptions say how a pipeline is run.
type RunOptions struct {
	ID     string // of the run
	Store  *artifacts.Store
	Models Models // the registry, for stages with an effect
	Sink   Sink   // takes the events, one at a time
	Selection
	Jobs      int    // stages at a time; 0 means one for each core
	KeepGoing bool   // after a failure, run what does not depend on it
	Verify    bool   // run what the store has once more and compare the bytes
	Remote    Remote // asked where the store does not know; nil asks nobody
	Secrets   Secrets
	// Decisions are what people have decided about stages that ask them.
	Decisions map[string]Decision
	// Working tells which run, and which stage of it, computes a key just now. It may
	// be nil; an empty run says that it is not known.
	Working func(ctx context.Context, k artifacts.Key) (run, stage string)
	// Memory is what stages may take together; 0 means what the machine has.
	Memory Bytes
	Now    func() time.Time
	// Sleep waits between two attempts at a stage, or gives the context's error.
	Sleep func(context.Context, time.Duration) error
}

// Remote is a cache that several stores share.
type Remote interface {
	// Fetch brings the result of a key into the store and tells whether it is
	// there now. A remote that cannot be asked has nothing.
	Fetch(ctx context.Context, k artifacts.Key) bool
	// Share is told that the store has a new result. It does not wait.
	Share(k artifacts.Key)
}

// Result is what a run came to.
type Result struct {
	Status   string // StatusFinished and so on
	Outputs  map[string]map[string]artifacts.Ref
	Ran      int
	Verified int // of those that ran: found in the store, and the bytes are the same
	Cached   int
	Failures []StageError
	// HookFailures are hooks that failed; they change nothing else.
	HookFailures []StageError
	Waiting      []string // the stages that wait for a person
	Seconds      float64
}

// StageError is a stage that failed, and why.
type StageError struct {
	Stage string
	Err   error
}

func (e StageError) Error() string { return fmt.Sprintf("stage %q: %v", e.Stage, e.Err) }
func (e StageError) Unwrap() error { return e.Err }

// ErrInterrupted says that the run was told to stop.
var ErrInterrupted = errors.New("interrupted")

// InterruptedError is ErrInterrupted where it is known who told the run to stop.
// As the cause of the context of a run, it becomes the error of the run.
type InterruptedError struct {
	Why string // "cancelled by …", "replaced by …"
}

func (e *InterruptedError) Error() string { return ErrInterrupted.Error() + ": " + e.Why }
func (e *InterruptedError) Unwrap() error { return ErrInterrupted }

// Interruption is the error of a run whose context has ended.
func Interruption(ctx context.Context) error {
	var known *InterruptedError
	if errors.As(context.Cause(ctx), &known) {
		return known
	}
	return ErrInterrupted
}

// grace is how long an interrupted run waits for its stages to notice.
const grace = 700 * time.Millisecond

// Run executes the pipeline. The error is nil when everything that was asked
// for is there; else it is ErrInterrupted or joins the StageErrors.
func Run(ctx context.Context, p *Pipeline, o RunOptions) (*Result, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	if o.Jobs <= 0 {
		o.Jobs = runtime.GOMAXPROCS(0)
	}
	if o.Memory <= 0 {
		o.Memory = machineMemory(p)
	}
	if o.Sink == nil {
		o.Sink = Sinks{}
	}
	o.Sink = newLag(o.Sink)
	chosen, err := p.choose(o.Selection)
	if err != nil {
		return nil, err
	}
	r := &runner{pipeline: p, options: o, chosen: chosen, result: &Result{Outputs: map[string]map[string]artifacts.Ref{}},
		outputs: map[*Stage]map[string]artifacts.Ref{}, waiting: map[*Stage]int{}, reported: map[*Stage][]Metric{}, ended: map[*Stage]bool{}, messages: make(chan message, 64), jobs: make(chan job, o.Jobs), over: make(chan struct{})}
	return r.run(ctx)
}

// runner owns the state of a run; only the goroutine in run touches it.
// Workers send messages and nothing else.
type runner struct {
	pipeline *Pipeline
	options  RunOptions
	chosen   *chosen
	result   *Result

	waiting     map[*Stage]int
	outputs     map[*Stage]map[string]artifacts.Ref
	reported    map[*Stage][]Metric
	ended       map[*Stage]bool
	ready       readyQueue       // their inputs are there; the store has not been asked
	missed      readyQueue       // the store has not their results: they wait for a job
	looked      map[*Stage]*work // of the stages in missed
	running     map[*Stage]*work
	jobs        chan job // for the goroutines that carry stages out
	workers     int      // how many there are
	busy        int      // how many of them have a stage
	taken       budget
	stopped     bool // nothing new is started
	interrupted bool
	messages    chan message
	over        chan struct{} // closed at the end: a worker that was left behind sends no more
}

// message is an event of a stage, or its end.
type message struct {
	event Event
	done  *work
}

func (r *runner) run(ctx context.Context) (*Result, error) {
	started := r.options.Now()
	r.running, r.looked = map[*Stage]*work{}, map[*Stage]*work{}
	r.taken.pools = map[string]int{}
	r.emit(Event{Time: started, Type: RunStarted, Pipeline: r.pipeline.Name, Stages: len(r.chosen.stages)})
	r.prepare()
	workCtx, stopWork := context.WithCancel(ctx)
	defer stopWork()
	defer close(r.over)
	interrupted := ctx.Done()
	var patience <-chan time.Time
	for r.dispatch(workCtx); len(r.running) > 0; r.dispatch(workCtx) {
		select {
		case m := <-r.messages:
			r.receive(m)
		case <-interrupted:
			interrupted, r.stopped, r.interrupted = nil, true, true
			timer := time.NewTimer(grace)
			defer timer.Stop()
			patience = timer.C
		case <-patience:
			// A stage that does not listen is left behind: the process ends now, and
			// its temporary files are swept by the next one.
			clear(r.running)
		}
	}
	return r.finish(ctx, started)
}

// prepare counts what each stage waits for and finds who can start.
func (r *runner) prepare() {
	stages := r.chosen.stages
	depth := make(map[*Stage]int, len(stages))
	for i := len(stages) - 1; i >= 0; i-- {
		s := stages[i]
		for _, u := range s.users {
			if r.chosen.part[u] {
				depth[s] = max(depth[s], depth[u]+1)
			}
		}
	}
	r.ready.depth, r.missed.depth = depth, depth
	for _, s := range stages {
		r.waiting[s] = len(s.In)
		if len(s.In) == 0 {
			heap.Push(&r.ready, s)
		}
	}
}

// dispatch ends what the store has, however many stages run already, and
// starts of the rest what there are jobs for.
func (r *runner) dispatch(ctx context.Context) {
	for r.look(ctx); !r.stopped && ctx.Err() == nil; r.look(ctx) {
		s := r.next()
		if s == nil {
			return
		}
		w := r.looked[s]
		delete(r.looked, s)
		if !r.mayStart(ctx, w) {
			continue
		}
		r.running[s], w.took = w, true
		r.take(s, 1)
		r.hand(job{ctx, r.worker(s), w})
	}
}

// job is a stage that is to be carried out.
type job struct {
	ctx    context.Context
	worker *worker
	work   *work
}

// hand gives a job to a goroutine that has done its last one, or to a new one. The
// stack of one that has carried out a stage has already grown to what the next needs.
func (r *runner) hand(j job) {
	if r.busy++; r.busy <= r.workers {
		select {
		case r.jobs <- j:
			return
		default: // more stages than jobs, such as those that wait elsewhere
		}
	}
	r.workers++
	go r.carryOut(j)
}

// carryOut is the goroutine of a worker.
func (r *runner) carryOut(j job) {
	for {
		r.work(j.ctx, j.worker, j.work)
		select {
		case j = <-r.jobs:
		case <-r.over:
			return
		}
	}
}

// look asks the store for every stage that is ready, and for those that become
// ready by its answers.
func (r *runner) look(ctx context.Context) {
	for !r.stopped && r.ready.Len() > 0 && ctx.Err() == nil {
		var batch []*work
		for r.ready.Len() > 0 {
			if w := r.begin(heap.Pop(&r.ready).(*Stage)); w != nil {
				batch = append(batch, w)
			}
		}
		for i, hit := range r.hits(batch) {
			w := batch[i]
			if hit {
				r.running[w.stage] = w
				r.end(w)
				continue
			}
			r.looked[w.stage] = w
			heap.Push(&r.missed, w.stage)
		}
		r.drain()
	}
}

// begin gathers what a stage reads. It returns nil for a stage that ended with
// that.
func (r *runner) begin(s *Stage) *work {
	w := &work{stage: s}
	r.running[s] = w
	in, err := gather(s, r.outputs)
	if err != nil {
		w.outcome = outcome{event: StageFailed, err: err}
		r.end(w)
		return nil
	}
	w.inputs, w.labels = in, labelsOf(s, r.outputs)
	if !r.wanted(s, w) {
		return nil
	}
	delete(r.running, s)
	return w
}

// hits looks stages up in the store, several at a time where there are enough
// of them to be worth a second processor.
func (r *runner) hits(batch []*work) []bool {
	const worthwhile = 4
	found := make([]bool, len(batch))
	var next atomic.Int64
	look := func() {
		for i := int(next.Add(1)) - 1; i < len(batch); i = int(next.Add(1)) - 1 {
			found[i] = r.worker(batch[i].stage).hit(batch[i])
		}
	}
	var others sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(batch)/worthwhile) - 1 {
		others.Go(look)
	}
	look()
	others.Wait()
	return found
}

// wanted computes a stage's condition and ends the stage where it does not
// hold, or cannot be computed.
func (r *runner) wanted(s *Stage, w *work) bool {
	if s.when == nil {
		return true
	}
	ok, err := s.when.holds(s, w.inputs, r.reported)
	if err != nil {
		w.outcome = outcome{event: StageFailed, err: err}
		r.end(w)
	} else if !ok {
		delete(r.running, s)
		r.leaveOut(s, s.when.why())
	}
	return ok
}

// drain takes in what workers have sent meanwhile, so that a thousand hits do
// not keep them waiting.
func (r *runner) drain() {
	for {
		select {
		case m := <-r.messages:
			r.receive(m)
		default:
			return
		}
	}
}

func (r *runner) worker(s *Stage) *worker {
	return &worker{store: r.options.Store, seed: r.pipeline.Seed, models: r.options.Models, secrets: r.options.Secrets, about: RunInfo{ID: r.options.ID, Pipeline: r.pipeline.Name}, now: r.options.Now, sleep: r.options.Sleep,
		force: r.chosen.force[s], cacheOnly: r.chosen.before[s], verify: r.options.Verify,
		remote: r.options.Remote, working: r.options.Working, emit: func(e Event) { r.send(message{event: e}) }}
}

// work is the body of a worker.
func (r *runner) work(ctx context.Context, wk *worker, w *work) {
	w.outcome = wk.do(ctx, w, func(k artifacts.Key) string {
		return filepath.Join(r.options.Store.Dir(), "scratch", string(k))
	})
	r.send(message{done: w})
}

func (r *runner) send(m message) {
	select {
	case r.messages <- m:
	case <-r.over:
	}
}

func (r *runner) receive(m message) {
	if m.done == nil {
		r.emit(m.event)
		return
	}
	r.end(m.done)
}

// end takes in a stage that is done and frees or skips what waited for it.
func (r *runner) end(w *work) {
	s, o := w.stage, w.outcome
	if r.running[s] != w {
		return // it was left behind
	}
	delete(r.running, s)
	if w.took {
		r.busy--
		r.take(s, -1)
	}
	r.ended[s] = true
	e := Event{Time: r.options.Now(), Type: o.event, Stage: s.Name, Kind: s.Info.Name, Key: o.key, Inputs: flatten(w.inputs), Outputs: o.outputs, Externals: o.externals, Seconds: o.seconds}
	switch o.event {
	case StageFailed:
		if r.interrupted && errors.Is(o.err, context.Canceled) {
			e.Type, e.Text = StageSkipped, "interrupted"
			r.emit(e)
			return
		}
		e.Text = o.err.Error()
		r.emit(e)
		r.fail(s, o.err)
		return
	case StageCached:
		e.Metrics, e.Replayed = o.metrics, true
		r.result.Cached++
	default:
		r.result.Ran++
		if o.verified {
			r.result.Verified++
		}
	}
	r.emit(e)
	r.outputs[s], r.result.Outputs[s.Name], r.reported[s] = o.outputs, o.outputs, o.metrics
	for _, u := range s.users {
		n, takesPart := r.waiting[u]
		if !takesPart {
			continue
		}
		r.waiting[u] = n - 1
		if n == 1 && !r.ended[u] {
			heap.Push(&r.ready, u)
		}
	}
}

func (r *runner) finish(ctx context.Context, started time.Time) (*Result, error) {
	res := r.result
	why := "the run was interrupted"
	if ctx.Err() == nil && len(res.Failures) > 0 {
		why = fmt.Sprintf("not started: stage %q failed", res.Failures[0].Stage)
	}
	for _, s := range r.chosen.stages {
		if !r.ended[s] {
			r.skip(s, why)
		}
	}
	var err error
	switch {
	case ctx.Err() != nil:
		res.Status, err = StatusKilled, Interruption(ctx)
	case len(res.Failures) > 0:
		res.Status = StatusFailed
		errs := make([]error, len(res.Failures))
		for i, f := range res.Failures {
			errs[i] = f
		}
		err = errors.Join(errs...)
	case len(res.Waiting) > 0:
		res.Status = StatusWaiting
	default:
		res.Status = StatusFinished
	}
	r.runHooks(ctx, res.Status, started)
	now := r.options.Now()
	res.Seconds = now.Sub(started).Seconds()
	e := Event{Time: now, Type: RunFinished, Status: res.Status, Seconds: res.Seconds}
	if res.Status == StatusWaiting {
		e.Text = "waits for an approval: " + strings.Join(res.Waiting, ", ")
	}
	if err != nil {
		e.Text = err.Error()
	}
	r.emit(e)
	return res, err
}

func (r *runner) emit(e Event) {
	e.Run = r.options.ID
	r.options.Sink.Event(&e)
}

// readyQueue hands out the stage with the highest priority, of those the one with the longest way to the end first, and
// among equals the one that is first in the file.
type readyQueue struct {
	stages []*Stage
	depth  map[*Stage]int
}

func (q *readyQueue) Len() int { return len(q.stages) }
func (q *readyQueue) Less(i, j int) bool {
	a, b := q.stages[i], q.stages[j]
	if a.Priority != b.Priority {
		return a.Priority > b.Priority
	}
	if q.depth[a] != q.depth[b] {
		return q.depth[a] > q.depth[b]
	}
	return a.index < b.index
}
func (q *readyQueue) Swap(i, j int) { q.stages[i], q.stages[j] = q.stages[j], q.stages[i] }
func (q *readyQueue) Push(x any)    { q.stages = append(q.stages, x.(*Stage)) }
func (q *readyQueue) Pop() any {
	n := len(q.stages) - 1
	s := q.stages[n]
	q.stages = q.stages[:n]
	return s
}
