package inference

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// A version whose live traffic fails is replaced by the one before, by itself.
func TestFailingVersionIsRolledBack(t *testing.T) {
	alerts := make(chan string, 10)
	b := newBench(t, func(o *Options) {
		o.Alert = func(_ context.Context, title, text string) error { alerts <- title + ": " + text; return nil }
	})
	b.served("m", `{"rollback":{"error_rate":0.1,"min_requests":20}}`, &fake{answer: "first"})
	turns := &fake{answer: "second"}
	b.register("m", turns)
	b.alias("m", "champion", 2)
	if err := b.Ready(context.Background()); err != nil {
		t.Fatal(err)
	}
	turns.err = errors.New("it fails on live traffic, and did not in the smoke test")
	for range 19 {
		b.do("POST", "/predict/m", asJSON, `{"text":"x"}`)
	}
	b.guard(context.Background(), time.Now())
	if err := b.Ready(context.Background()); err != nil || b.now("m") != 2 {
		t.Fatalf("19 requests decide nothing: version %d answers, %v", b.now("m"), err)
	}
	b.do("POST", "/predict/m", asJSON, `{"text":"x"}`)
	b.guard(context.Background(), time.Now())
	if err := b.Ready(context.Background()); err != nil || b.now("m") != 1 {
		t.Fatalf("version %d answers, %v", b.now("m"), err)
	}
	b.shadows.Wait()
	if got := <-alerts; got != "Model m was rolled back: From version 2 to 1: 1 of 20 requests failed, the limit is 0.1." {
		t.Error(got)
	}
	log, err := b.reg.AuditLog(context.Background(), "m@champion", 1)
	if err != nil || log[0].Action != "alias.rollback" || log[0].Who != guardian || !strings.Contains(log[0].Why, "1 of 20 requests failed") {
		t.Errorf("%+v %v", log, err)
	}
	if status, h, _ := b.do("POST", "/predict/m", asJSON, `{"text":"x"}`); status != 200 || h.Get(headerVersion) != "1" {
		t.Errorf("%d by version %s", status, h.Get(headerVersion))
	}
}

func TestSlowCanaryEnds(t *testing.T) {
	b := newBench(t, nil)
	b.register("m", &fake{})
	b.register("m", &fake{delay: 30 * time.Millisecond})
	b.alias("m", "champion", 1)
	b.deploy("m", `{"canary":{"target":"/2","percent":50},"rollback":{"p99":"20ms","min_requests":5}}`)
	e, err := b.endpoint("m")
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; e.route.Load().canary.stats.requests.Load() < 5; i++ {
		if i > 200 {
			t.Fatal("the canary gets no requests")
		}
		b.do("POST", "/predict/m", asJSON, `{"text":"x"}`)
	}
	e.route.Load().main.stats.recent.reset() // of a loaded machine
	b.guard(context.Background(), time.Now())
	if err := b.Ready(context.Background()); err != nil {
		t.Fatal(err)
	}
	if e.route.Load().canary != nil || b.now("m") != 1 {
		t.Error("the canary still answers")
	}
	d, err := b.reg.Deployment(context.Background(), "m")
	if err != nil || strings.Contains(string(d.Policy), "canary") {
		t.Errorf("%s %v", d.Policy, err)
	}
}

func TestMetricsForPrometheus(t *testing.T) {
	b := newBench(t, nil)
	b.served("m", "", &fake{})
	for range 3 {
		b.do("POST", "/predict/m", asJSON, `["a","b"]`)
	}
	b.do("POST", "/predict/m", asJSON, `{"tex":1}`)
	_, h, body := b.do("GET", "/metrics", "", "")
	for _, want := range []string{
		`pipe_requests_total{deployment="m",model="m",version="1"} 4`,
		`pipe_requests_refused_total{deployment="m",model="m",version="1"} 1`,
		`pipe_requests_failed_total{deployment="m",model="m",version="1"} 0`,
		`pipe_rows_total{deployment="m",model="m",version="1"} 6`,
		`pipe_request_seconds_bucket{deployment="m",model="m",version="1",le="+Inf"} 4`,
		`pipe_request_seconds_count{deployment="m",model="m",version="1"} 4`,
		"# TYPE pipe_request_seconds histogram",
		`pipe_deployment_version{deployment="m",model="m"} 1`,
	} {
		if !strings.Contains(body, want+"\n") {
			t.Errorf("no line %s in\n%s", want, body)
		}
	}
	if !strings.HasPrefix(h.Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Error(h.Get("Content-Type"))
	}
}

func TestQuantiles(t *testing.T) {
	var h histogram
	for i := range 100 {
		h.add(time.Duration(i+1) * time.Millisecond)
	}
	for _, q := range []float64{0.5, 0.9, 0.99} {
		got := quantile(h.read(), q).Seconds()
		if want := q / 10; got < want || got > 1.26*want {
			t.Errorf("quantile %v is %v, want about %v", q, got, want)
		}
	}
	if quantile((&histogram{}).read(), 0.5) != 0 {
		t.Error("of nothing")
	}
	var w window
	now := time.Unix(1000, 0)
	w.add(now, time.Millisecond, true)
	w.add(now.Add(30*time.Second), time.Millisecond, false)
	if got := fmt.Sprint(w.since(now.Add(40*time.Second), time.Minute).requests, w.since(now.Add(40*time.Second), 20*time.Second).failed); got != "2 0" {
		t.Error(got)
	}
}
