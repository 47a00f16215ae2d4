package inference

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Spans hang on the span of the request, which who serves this room has put into
// its context; without one nothing here costs more than a look.

// tracerOf is who makes the spans below a context's span; nil: it is not traced.
func tracerOf(ctx context.Context) trace.Tracer {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return nil
	}
	return span.TracerProvider().Tracer("pipe")
}

// tell adds to the request's span who answers it.
func (q *request) tell() {
	span := trace.SpanFromContext(q.ctx)
	if !span.IsRecording() {
		return
	}
	v := q.arm.version()
	span.SetAttributes(attribute.String("pipe.deployment", q.endpoint.name), attribute.String("pipe.model", v.Model), attribute.Int("pipe.version", v.Version),
		attribute.String("pipe.digest", string(v.Ref.Digest)), attribute.String("pipe.role", q.arm.role))
}

// spanOfRows is the span of rows from the queue to the answer.
func spanOfRows(ctx context.Context, rows int) (context.Context, func(error)) {
	t := tracerOf(ctx)
	if t == nil {
		return ctx, func(error) {}
	}
	ctx, span := t.Start(ctx, "predict", trace.WithAttributes(attribute.Int("pipe.rows", rows)))
	return ctx, func(err error) { endSpan(span, err) }
}

// spanOfBatch is the span of a computation. That of one request's rows belongs to
// it; one that several share is a trace of its own that links to them.
func spanOfBatch(a *arm, jobs []*job, rows int) func(error) {
	var of context.Context
	var links []trace.Link
	for _, j := range jobs {
		if tracerOf(j.ctx) != nil {
			of, links = j.ctx, append(links, trace.LinkFromContext(j.ctx))
		}
	}
	if of == nil {
		return func(error) {}
	}
	options := []trace.SpanStartOption{trace.WithAttributes(attribute.Int("pipe.batch.requests", len(jobs)), attribute.Int("pipe.batch.rows", rows),
		attribute.String("pipe.model", a.version().Model), attribute.Int("pipe.version", a.version().Version))}
	if len(jobs) > 1 {
		options = append(options, trace.WithNewRoot(), trace.WithLinks(links...))
	}
	_, span := tracerOf(of).Start(of, "batch", options...)
	return func(err error) { endSpan(span, err) }
}

func endSpan(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}
