package tracing

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"pipe/dag"
)

// Run makes a span of a run and one of each stage: a dag.Sink. It goes on with the
// trace that the variable TRACEPARENT names.
type Run struct {
	tracer *Tracer
	ctx    context.Context // of the run's span
	run    trace.Span
	stages map[string]trace.Span
}

// Run begins; nil where nothing is traced.
func (t *Tracer) Run() *Run {
	if t == nil {
		return nil
	}
	return &Run{tracer: t, ctx: t.parent, stages: map[string]trace.Span{}}
}

// Event implements dag.Sink.
func (r *Run) Event(e *dag.Event) {
	at := trace.WithTimestamp(e.Time)
	switch e.Type {
	case dag.RunStarted:
		r.ctx, r.run = r.tracer.tracer.Start(r.tracer.parent, "run "+e.Pipeline, at, trace.WithAttributes(
			attribute.String("pipe.run", e.Run), attribute.String("pipe.pipeline", e.Pipeline), attribute.Int("pipe.stages", e.Stages)))
	case dag.StageStarted:
		_, s := r.tracer.tracer.Start(r.ctx, e.Stage, at, trace.WithAttributes(
			attribute.String("pipe.stage", e.Stage), attribute.String("pipe.kind", e.Kind), attribute.String("pipe.key", string(e.Key))))
		r.stages[e.Stage] = s
	case dag.StageCached, dag.StageFinished, dag.StageFailed:
		s := r.stages[e.Stage]
		if s == nil { // a hit is told without having been started
			_, s = r.tracer.tracer.Start(r.ctx, e.Stage, at, trace.WithAttributes(
				attribute.String("pipe.stage", e.Stage), attribute.String("pipe.kind", e.Kind), attribute.String("pipe.key", string(e.Key))))
		}
		s.SetAttributes(attribute.Bool("pipe.cached", e.Type == dag.StageCached))
		if e.Type == dag.StageFailed {
			s.SetStatus(codes.Error, e.Text)
		}
		s.End(at)
		delete(r.stages, e.Stage)
	case dag.RunFinished:
		if r.run == nil {
			return
		}
		r.run.SetAttributes(attribute.String("pipe.status", e.Status))
		if e.Status != dag.StatusFinished && e.Status != dag.StatusWaiting {
			r.run.SetStatus(codes.Error, e.Text)
		}
		r.run.End(at)
	}
}
