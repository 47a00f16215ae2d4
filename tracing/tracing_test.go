package tracing

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"pipe/dag"
)

// collector is a small OTLP receiver.
type collector struct {
	*httptest.Server
	mu      sync.Mutex
	spans   []spanOf
	service string
	bodies  [][]byte
	headers http.Header
	answers []int // to the first requests; then 200
}

type spanOf struct {
	TraceID    string `json:"traceId"`
	SpanID     string `json:"spanId"`
	Parent     string `json:"parentSpanId"`
	Name       string
	Kind       int
	Start      string `json:"startTimeUnixNano"`
	End        string `json:"endTimeUnixNano"`
	Attributes []attributeOf
	Links      []struct {
		TraceID string `json:"traceId"`
	}
	Status struct {
		Code    int
		Message string
	}
}

type attributeOf struct {
	Key   string
	Value map[string]any
}

func (s *spanOf) get(key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			for _, v := range a.Value {
				return fmt.Sprint(v)
			}
		}
	}
	return ""
}

func newCollector(t *testing.T, answers ...int) *collector {
	c := &collector{answers: answers}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.answers) > 0 {
			status := c.answers[0]
			c.answers = c.answers[1:]
			http.Error(w, "not now", status)
			return
		}
		var body io.Reader = r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			body, _ = gzip.NewReader(body)
		}
		b, err := io.ReadAll(body)
		var v struct {
			ResourceSpans []struct {
				Resource   struct{ Attributes []attributeOf }
				ScopeSpans []struct {
					Scope struct{ Name string }
					Spans []spanOf
				}
			}
		}
		if err = errors.Join(err, json.Unmarshal(b, &v)); err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: %v\n%s", r.Method, r.URL, err, b)
			return
		}
		c.headers, c.bodies = r.Header, append(c.bodies, b)
		for _, rs := range v.ResourceSpans {
			c.service = (&spanOf{Attributes: rs.Resource.Attributes}).get("service.name")
			for _, ss := range rs.ScopeSpans {
				c.spans = append(c.spans, ss.Spans...)
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *collector) named(t *testing.T, name string) *spanOf {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.spans {
		if c.spans[i].Name == name {
			return &c.spans[i]
		}
	}
	t.Fatalf("no span %q in %+v", name, c.spans)
	return nil
}

// started is a tracer with some variables.
func started(t *testing.T, log *slog.Logger, variables ...string) *Tracer {
	t.Helper()
	tr, err := FromEnvironment(environment(variables...), log)
	if err != nil || tr == nil {
		t.Fatal(tr, err)
	}
	return tr
}

func environment(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		at := slices.Index(pairs, name)
		if at < 0 || at%2 != 0 {
			return "", false
		}
		return pairs[at+1], true
	}
}

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestRequestsBecomeSpansOfTheCallersTrace(t *testing.T) {
	c := newCollector(t)
	tr := started(t, slog.Default(), "OTEL_EXPORTER_OTLP_ENDPOINT", c.URL, "OTEL_EXPORTER_OTLP_HEADERS", "x-key=a%20b", "OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
	mux := http.NewServeMux()
	mux.Handle("POST /predict/{name}", tr.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		trace.SpanFromContext(r.Context()).SetAttributes(attribute.Float64("share", 0.5), attribute.Bool("yes", true))
		if r.PathValue("name") == "broken" {
			w.WriteHeader(500)
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Errorf("a stream cannot flush: %v", err)
		}
	})))
	web := httptest.NewServer(mux)
	defer web.Close()
	post := func(name string) http.Header {
		r, err := http.NewRequest("POST", web.URL+"/predict/"+name, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("traceparent", parent)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.Header
	}
	said := post("m").Get("traceparent")
	post("broken")
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	s := c.named(t, "POST /predict/{name}")
	if s.TraceID != "0af7651916cd43dd8448eb211c80319c" || s.Parent != "b7ad6b7169203331" || s.Kind != 2 || s.get("http.response.status_code") != "200" || s.get("url.path") != "/predict/m" {
		t.Errorf("%+v", s)
	}
	if said != "00-"+s.TraceID+"-"+s.SpanID+"-01" {
		t.Errorf("the answer says traceparent: %s", said)
	}
	if broken := c.spans[1]; broken.Status.Code != 2 || broken.get("http.response.status_code") != "500" {
		t.Errorf("%+v", broken)
	}
	if c.service != "pipe" || c.headers.Get("X-Key") != "a b" {
		t.Errorf("%q %v", c.service, c.headers)
	}
}

func TestRunAndItsStagesBecomeSpans(t *testing.T) {
	c := newCollector(t)
	tr := started(t, slog.Default(), "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", c.URL+"/v1/traces", "TRACEPARENT", parent, "OTEL_SERVICE_NAME", "nightly")
	r := tr.Run()
	at := time.Unix(1_700_000_000, 0)
	for i, e := range []dag.Event{
		{Type: dag.RunStarted, Pipeline: "p", Run: "r1", Stages: 3},
		{Type: dag.StageStarted, Stage: "a", Kind: "exec"}, {Type: dag.StageFinished, Stage: "a", Kind: "exec"},
		{Type: dag.StageCached, Stage: "b", Kind: "split"},
		{Type: dag.StageStarted, Stage: "c", Kind: "exec"}, {Type: dag.StageFailed, Stage: "c", Text: "no room"},
		{Type: dag.RunFinished, Status: dag.StatusFailed},
	} {
		e.Time = at.Add(time.Duration(i) * time.Second)
		r.Event(&e)
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	run := c.named(t, "run p")
	if run.Parent != "b7ad6b7169203331" || run.Start != "1700000000000000000" || run.End != "1700000006000000000" || run.Status.Code != 2 || run.get("pipe.run") != "r1" || c.service != "nightly" {
		t.Errorf("%+v %s", run, c.service)
	}
	for name, want := range map[string]string{"a": "1700000002000000000 false 0 ", "b": "1700000003000000000 true 0 ", "c": "1700000005000000000 false 2 no room"} {
		s := c.named(t, name)
		if got := fmt.Sprintln(s.End, s.get("pipe.cached"), s.Status.Code, s.Status.Message); strings.TrimSuffix(got, "\n") != want || s.Parent != run.SpanID || s.TraceID != run.TraceID {
			t.Errorf("%s: %q %+v", name, got, s)
		}
	}
}

// A collector that is away for a moment gets the spans all the same; one that stays
// away is told of once, and nothing fails.
func TestCollectorThatIsAway(t *testing.T) {
	c := newCollector(t, 503, 429)
	tr := started(t, slog.Default(), "OTEL_EXPORTER_OTLP_ENDPOINT", c.URL+"/")
	_, span := tr.tracer.Start(context.Background(), "late")
	span.End()
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	c.named(t, "late")

	var log bytes.Buffer
	gone := newCollector(t, 400, 400)
	tr = started(t, slog.New(slog.NewTextHandler(&log, nil)), "OTEL_EXPORTER_OTLP_ENDPOINT", gone.URL)
	for range 2 {
		_, span := tr.tracer.Start(context.Background(), "x")
		span.SetStatus(codes.Ok, "")
		span.End()
		if err := tr.provider.ForceFlush(context.Background()); err != nil {
			t.Error(err)
		}
	}
	if err := tr.Close(); err != nil {
		t.Error(err)
	}
	if got := log.String(); strings.Count(got, "traces cannot be sent") != 1 || !strings.Contains(got, "400 Bad Request: not now") {
		t.Error(got)
	}
}

func TestEnvironment(t *testing.T) {
	for _, pairs := range [][]string{{}, {"OTEL_EXPORTER_OTLP_ENDPOINT", "http://x", "OTEL_SDK_DISABLED", "true"}, {"OTEL_EXPORTER_OTLP_ENDPOINT", "http://x", "OTEL_TRACES_EXPORTER", "none"}} {
		tr, err := FromEnvironment(environment(pairs...), slog.Default())
		if tr != nil || err != nil {
			t.Errorf("%v: %v %v", pairs, tr, err)
		}
		if h := http.NotFoundHandler(); fmt.Sprint(tr.Handler(h)) != fmt.Sprint(h) || tr.Run() != nil || tr.Close() != nil {
			t.Error("no tracer does something")
		}
	}
	for want, pairs := range map[string][]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT is an address": {"OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"},
		"port 4318":                                        {"OTEL_EXPORTER_OTLP_ENDPOINT", "http://x:4317", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"},
		"OTEL_EXPORTER_OTLP_TIMEOUT is a number":           {"OTEL_EXPORTER_OTLP_ENDPOINT", "http://x", "OTEL_EXPORTER_OTLP_TIMEOUT", "10s"},
		"OTEL_EXPORTER_OTLP_TRACES_HEADERS is a list of N": {"OTEL_EXPORTER_OTLP_ENDPOINT", "http://x", "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "secret"},
	} {
		if _, err := FromEnvironment(environment(pairs...), slog.Default()); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v: %v", pairs, err)
		}
	}
}

// What is sent is what OpenTelemetry's own definition of the protocol reads.
func TestProtocolBufferReadsTheJSON(t *testing.T) {
	py := os.Getenv("PIPE_PYTHON")
	if py == "" || exec.Command(py, "-c", "import opentelemetry.proto, google.protobuf").Run() != nil {
		t.Skip("skipped: PIPE_PYTHON names no Python that can import opentelemetry.proto")
	}
	c := newCollector(t)
	tr := started(t, slog.Default(), "OTEL_EXPORTER_OTLP_ENDPOINT", c.URL)
	ctx, span := tr.tracer.Start(context.Background(), "a", trace.WithSpanKind(trace.SpanKindServer))
	_, child := tr.tracer.Start(ctx, "b", trace.WithNewRoot(), trace.WithLinks(trace.LinkFromContext(ctx)), trace.WithAttributes(
		attribute.Int64("n", 1<<60), attribute.Float64("f", 0.5), attribute.Bool("t", true), attribute.String("s", "é\n"), attribute.StringSlice("l", []string{"x"})))
	child.AddEvent("happened", trace.WithAttributes(attribute.Int("k", 1)))
	child.SetStatus(codes.Error, "broken")
	child.End()
	span.End()
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	read := exec.Command(py, "-c", `
import sys, json
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
v = json.load(sys.stdin)
import base64
for rs in v["resourceSpans"]:
    for ss in rs["scopeSpans"]:
        for s in ss["spans"] + [l for s in ss["spans"] for l in s.get("links", [])]:
            for k in ("traceId", "spanId", "parentSpanId"): # OTLP writes hexadecimal where protobuf's JSON has base64
                if k in s: s[k] = base64.b64encode(bytes.fromhex(s[k])).decode()
m = json_format.ParseDict(v, ExportTraceServiceRequest())
b, a = m.resource_spans[0].scope_spans[0].spans
print(a.name, a.kind, b.name, b.links[0].span_id == a.span_id, len(a.trace_id), b.status.code, b.status.message, b.attributes[0].value.int_value == 1 << 60, b.events[0].name, b.end_time_unix_nano > b.start_time_unix_nano)
`)
	read.Stdin = bytes.NewReader(c.bodies[0])
	out, err := read.CombinedOutput()
	if got := strings.TrimSpace(string(out)); err != nil || got != "a 2 b True 16 2 broken True happened True" {
		t.Errorf("%v %s", err, got)
	}
}
