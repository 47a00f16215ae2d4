// Package tracing owns how requests and runs become traces: spans by
// OpenTelemetry's SDK, sent as OTLP over HTTP in its JSON form. The exporter is ours
// because the official one links gRPC, whose initialisation every command would
// wait for. Nothing is set up unless an endpoint is in the environment.
package tracing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Tracer makes spans. The nil Tracer makes none.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	parent   context.Context // of runs: the trace that TRACEPARENT names
}

// scope names what the spans are made by.
const scope = "pipe"

// FromEnvironment gives a tracer that sends to the endpoint which the variables
// OTEL_EXPORTER_OTLP_TRACES_ENDPOINT or OTEL_EXPORTER_OTLP_ENDPOINT name, and nil
// where there is none. The other variables of the SDK hold as well:
// OTEL_EXPORTER_OTLP_HEADERS, _TIMEOUT and _COMPRESSION, OTEL_SERVICE_NAME,
// OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER, OTEL_BSP_…, OTEL_SDK_DISABLED.
func FromEnvironment(lookup func(string) (string, bool), log *slog.Logger) (*Tracer, error) {
	get := func(name string) string { v, _ := lookup(name); return v }
	if strings.EqualFold(get("OTEL_SDK_DISABLED"), "true") || get("OTEL_TRACES_EXPORTER") == "none" {
		return nil, nil
	}
	e, err := exporterFrom(get, log)
	if e == nil || err != nil {
		return nil, err
	}
	described, err := resource.Merge(resource.NewSchemaless(attribute.String("service.name", cmp.Or(get("OTEL_SERVICE_NAME"), "pipe"))), resource.Environment())
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	t := &Tracer{provider: sdk.NewTracerProvider(sdk.WithBatcher(e), sdk.WithResource(described))}
	t.tracer = t.provider.Tracer(scope)
	t.parent = propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": get("TRACEPARENT"), "tracestate": get("TRACESTATE")})
	return t, nil
}

// closing bounds how long the last spans may take.
const closing = 5 * time.Second

// Close sends what is left.
func (t *Tracer) Close() error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closing)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("traces: %w", err)
	}
	return nil
}

// Handler makes a span of each request that next answers. The trace goes on from
// the header traceparent (W3C Trace Context), and the answer carries that of the
// span, so that whoever asked finds it.
func (t *Tracer) Handler(next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	w3c := propagation.TraceContext{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := w3c.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		name := r.Pattern
		if !strings.HasPrefix(name, r.Method+" ") {
			name = r.Method + " " + name
		}
		ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
			attribute.String("http.request.method", r.Method), attribute.String("url.path", r.URL.Path), attribute.String("http.route", r.Pattern),
			attribute.String("user_agent.original", r.UserAgent())))
		defer span.End()
		w3c.Inject(ctx, propagation.HeaderCarrier(w.Header()))
		answer := &answered{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(answer, r.WithContext(ctx))
		span.SetAttributes(attribute.Int("http.response.status_code", answer.status))
		if answer.status >= http.StatusInternalServerError {
			span.SetStatus(errorCode, http.StatusText(answer.status))
		}
	})
}

// answered remembers the status.
type answered struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (a *answered) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (a *answered) Unwrap() http.ResponseWriter { return a.ResponseWriter }
