package dag

import (
	"context"
	"fmt"
	"time"

	"pipe/dag/text"
)

// Hooks are stages that run after all others, according to what the run came
// to. They are no part of the DAG: nothing depends on them, nothing that they do
// is kept in the store, and one that fails does not change what the run came to.
type Hooks struct {
	Success []*Stage // after a run that finished
	Failure []*Stage // after one that failed or was interrupted
	Waiting []*Stage // after one that waits for a person
	Finally []*Stage // after these, whatever the run came to
}

// All lists the hooks in the order in which they would run.
func (h Hooks) All() (all []*Stage) {
	for _, some := range [][]*Stage{h.Success, h.Failure, h.Waiting, h.Finally} {
		all = append(all, some...)
	}
	return all
}

// after gives the hooks for what a run came to.
func (h Hooks) after(status string) []*Stage {
	some := map[string][]*Stage{StatusFinished: h.Success, StatusFailed: h.Failure, StatusKilled: h.Failure, StatusWaiting: h.Waiting}[status]
	return append(append([]*Stage(nil), some...), h.Finally...)
}

// loadHooks reads the hooks under one key: a stage, or a list of them.
func (l *loader) loadHooks(key string, n *text.Node, sp *space, sc *scope) (hooks []*Stage) {
	if absent(n) {
		return nil
	}
	items := []*text.Node{n}
	if n.Kind == text.Sequence {
		items = n.Items
	}
	for i, it := range items {
		if it.Kind != text.Mapping {
			l.errorf(it, "type", "%s: expected a stage, such as { uses: notify, with: { to: … } }, found %s", key, it.What())
			continue
		}
		for _, k := range it.Keys {
			if k.Raw == "matrix" || k.Raw == "foreach" || k.Raw == "stages" {
				l.errorf(k, "unknown-key", "%s: a hook is one stage and has no %s", key, k.Raw)
			}
		}
		name := key
		if i > 0 {
			name = fmt.Sprintf("%s/%d", key, i+1)
		}
		if uses := it.Get("uses"); uses != nil {
			l.substitute(sc, uses)
		}
		s := &Stage{Name: name, label: name, name: &text.Node{Pos: it.Pos, Raw: name}, node: it, Schemas: map[string]Schema{}, scope: sc, space: sp, hook: true}
		l.loadStage(s)
		s.NoCache = true
		hooks = append(hooks, s)
	}
	return hooks
}

// hookPatience is how long the hooks of an interrupted run may take together.
const hookPatience = 10 * time.Second

// runHooks runs the hooks for what the run came to, one after the other. The
// loop over messages has ended by then, so this one takes its place.
func (r *runner) runHooks(ctx context.Context, status string, started time.Time) {
	hooks := r.pipeline.Hooks.after(status)
	if len(hooks) == 0 {
		return
	}
	if ctx.Err() != nil {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(context.WithoutCancel(ctx), hookPatience)
		defer stop()
	}
	outcome := &Outcome{Status: status, Failures: r.result.Failures, Waiting: r.result.Waiting, Ran: r.result.Ran, Cached: r.result.Cached, Seconds: r.options.Now().Sub(started).Seconds()}
	for _, s := range hooks {
		r.runHook(ctx, s, outcome)
	}
}

func (r *runner) runHook(ctx context.Context, s *Stage, about *Outcome) {
	w := &work{stage: s}
	in, err := gather(s, r.outputs)
	if err != nil {
		r.endHook(s, &outcome{event: StageFailed, err: err})
		return
	}
	w.inputs, w.labels = in, labelsOf(s, r.outputs)
	if s.when != nil {
		ok, err := s.when.holds(s, in, r.reported)
		if err != nil {
			r.endHook(s, &outcome{event: StageFailed, err: err})
			return
		}
		if !ok {
			r.emit(Event{Time: r.options.Now(), Type: StageSkipped, Stage: s.Name, Kind: s.Info.Name, Text: s.when.why()})
			return
		}
	}
	wk := r.worker(s)
	wk.about.Outcome = about
	go r.work(ctx, wk, w)
	for {
		m := <-r.messages
		if m.done == w {
			r.endHook(s, &w.outcome)
			return
		}
		r.receive(m)
	}
}

// endHook tells what became of a hook.
func (r *runner) endHook(s *Stage, o *outcome) {
	e := Event{Time: r.options.Now(), Type: o.event, Stage: s.Name, Kind: s.Info.Name, Key: o.key, Outputs: o.outputs, Seconds: o.seconds}
	if o.err != nil {
		e.Text = o.err.Error()
		r.result.HookFailures = append(r.result.HookFailures, StageError{Stage: s.Name, Err: o.err})
	}
	r.emit(e)
}
