package dag

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"
)

// run tries a stage until it succeeds or its retries are used up. Attempts and
// waits are told as lines of the stage's log; the log and the metrics that are
// kept are those of the last attempt, as are the outputs.
func (w *worker) run(ctx context.Context, x *work, scratch string, o *outcome) {
	s := x.stage
	w.emit(Event{Time: w.now(), Type: StageStarted, Stage: s.Name, Kind: s.Info.Name, Key: o.key, Inputs: flatten(x.inputs)})
	draw := jitter(w.seed, s.Name)
	for attempt := 1; ; attempt++ {
		w.attempt(ctx, x, scratch, o)
		r := s.Retries
		if o.err == nil || r == nil || r.Times == 0 || ctx.Err() != nil || !r.again(o.err) {
			return
		}
		if attempt > r.Times {
			o.err = fmt.Errorf("failed %d times, the last time so: %w", attempt, o.err)
			return
		}
		d := r.wait(attempt, draw)
		w.emit(Event{Time: w.now(), Type: StageLog, Stage: s.Name, Text: fmt.Sprintf("attempt %d of %d failed: %v; the next one in %v", attempt, r.Times+1, o.err, d.Round(time.Millisecond))})
		if err := w.sleep(ctx, d); err != nil {
			o.err = err
			return
		}
	}
}

// attempt runs a stage once, with drafts of its own.
func (w *worker) attempt(ctx context.Context, x *work, scratch string, o *outcome) {
	s := x.stage
	var log bytes.Buffer
	hide := w.secrets.scrub(s.Secrets)
	kind, err := w.secrets.reveal(s)
	if err != nil {
		o.err = hide.err(err)
		return
	}
	env := newEnv(w.store, x.inputs, w.seed, nil, scratch, func(e Event) {
		e.Stage = s.Name
		hide.event(&e)
		w.emit(e)
	}, w.now)
	env.log, env.labels, env.hide = &log, x.labels, hide
	if s.Info.Effect {
		env.Models = w.models
	}
	if s.Info.Effect || s.hook {
		env.Run = w.about
	}
	limited, stop := ctx, context.CancelFunc(func() {})
	if s.Timeout > 0 {
		limited, stop = context.WithTimeout(ctx, time.Duration(s.Timeout))
	}
	o.outputs, o.err = env.execute(limited, kind)
	if o.err != nil && ctx.Err() == nil && errors.Is(limited.Err(), context.DeadlineExceeded) {
		o.err = fmt.Errorf("it took longer than its timeout of %v: %w", s.Timeout, o.err)
	}
	o.err = hide.err(o.err)
	stop()
	o.metrics, o.log = env.metrics, log.String()
	o.event = StageFinished
	if env.idle {
		o.event = StageCached
	}
	if o.err == nil {
		env.removeScratch()
	}
}
