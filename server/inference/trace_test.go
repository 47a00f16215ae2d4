package inference

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// A request's span tells who answered; below it lie the wait and the computation.
// One that several requests share is a trace of its own that links to all of them.
func TestSpansOfRequestsAndBatches(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Workers = 1 })
	m := &fake{gate: make(chan struct{})}
	b.served("m", "", m)
	spans := tracetest.NewSpanRecorder()
	tracer := sdk.NewTracerProvider(sdk.WithSpanProcessor(spans)).Tracer("test")
	var asked sync.WaitGroup
	ask := func(n string) {
		asked.Go(func() {
			ctx, span := tracer.Start(t.Context(), "request "+n)
			defer span.End()
			r := httptest.NewRequest("POST", "/predict/m", strings.NewReader("x")).WithContext(ctx)
			r.Header.Set("Content-Type", "text/plain")
			w := httptest.NewRecorder()
			if b.ServeHTTP(w, r); w.Code != http.StatusOK {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	until := func(what string, yes func() bool) {
		for i := 0; !yes(); i++ {
			if i > 5000 {
				t.Fatal(what)
			}
			time.Sleep(time.Millisecond)
		}
	}
	ask("1")
	until("the first is not computed", func() bool { return m.calls.Load() == 2 }) // one is the smoke test
	e, err := b.endpoint("m")
	if err != nil {
		t.Fatal(err)
	}
	ask("2")
	ask("3")
	until("two do not wait", func() bool { return e.route.Load().main.queue.depth() == 2 })
	m.gate <- struct{}{}
	m.gate <- struct{}{}
	asked.Wait()
	by := map[string][]sdk.ReadOnlySpan{}
	for _, s := range spans.Ended() {
		by[s.Name()] = append(by[s.Name()], s)
	}
	if len(by["predict"]) != 3 || len(by["batch"]) != 2 {
		t.Fatalf("%d spans of rows and %d of batches", len(by["predict"]), len(by["batch"]))
	}
	for _, s := range by["predict"] {
		if !s.Parent().IsValid() {
			t.Error("the rows belong to no request")
		}
	}
	alone, shared := by["batch"][0], by["batch"][1]
	if !alone.Parent().IsValid() || len(alone.Links()) != 0 {
		t.Errorf("the batch of one request: parent %v, %d links", alone.Parent(), len(alone.Links()))
	}
	if shared.Parent().IsValid() || len(shared.Links()) != 2 {
		t.Errorf("the shared batch: parent %v, %d links", shared.Parent(), len(shared.Links()))
	}
	got := attribute.NewSet(by["request 1"][0].Attributes()...)
	for k, want := range map[attribute.Key]string{"pipe.deployment": "m", "pipe.version": "1", "pipe.role": "main"} {
		if v, _ := got.Value(k); v.String() != want {
			t.Errorf("%s is %q, want %q", k, v.String(), want)
		}
	}
}
