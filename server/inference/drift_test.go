package inference

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"pipe/registry"
	"pipe/stages/monitor"
)

// lengths is the profile of a model that learnt texts of 0 to 99 characters, and
// said yes to half of them.
func lengths() *monitor.Profile {
	f := func(name, of string, role monitor.Role, k monitor.Kind) *monitor.Feature {
		return &monitor.Feature{Name: name, Of: of, Role: role, Kind: k, Rows: 1000}
	}
	long, says := f("text_length", "length", monitor.Input, monitor.Numbers), f("prediction", "label", monitor.Prediction, monitor.Categories)
	long.Column = "text"
	long.Counts = []int64{0}
	for i := range 10 {
		long.Edges, long.Counts = append(long.Edges, float64(10*i)), append(long.Counts, 100)
	}
	long.Edges, long.Counts = append(long.Edges, 100), append(long.Counts, 0)
	says.Values, says.Counts = []string{"no", "yes"}, []int64{500, 500}
	return &monitor.Profile{Version: monitor.Version, Rows: 1000, Judged: 1000, JudgedPort: "train", Features: []*monitor.Feature{long, says}}
}

// ask sends texts, of which half are good, until as many have been counted: of
// requests that come fast only a part is.
func (b *bench) ask(name string, n int64, text func(i int) string) {
	b.t.Helper()
	for i := 0; ; i++ {
		b.do("POST", "/predict/"+name, "text/plain", text(i))
		if i%20 > 0 {
			continue
		}
		r, ok := b.Drift(name)
		if !ok {
			b.t.Fatal("no such deployment")
		}
		if s := r.Versions[0].Status; s != nil && s.Rows >= n {
			return
		}
		if i > 100_000 {
			b.t.Fatal("the rows are not counted")
		}
	}
}

func usual(i int) string {
	return ([]string{"good", "poor"})[i%2] + strings.Repeat("x", i*37%100/10*10)
}

func unusual(i int) string { return ([]string{"good", "poor"})[i%2] + strings.Repeat("x", 200) }

// The page of JSON that tells of drift, and the lines for Prometheus.
func TestDriftIsToldByJSONAndMetrics(t *testing.T) {
	b := newBench(t, nil)
	b.served("m", `{"drift":{"min_rows":100}}`, &fake{profile: lengths()})
	if _, _, body := b.do("GET", "/api/models/m/drift", "", ""); !strings.Contains(body, "loaded when it is first asked") {
		t.Error(body)
	}
	b.ask("m", 100, usual)
	report := func() (v struct {
		Deployment, Model string
		Versions          []DriftOf
	}) {
		status, _, body := b.do("GET", "/api/models/m/drift", "", "")
		if err := json.Unmarshal([]byte(body), &v); status != 200 || err != nil || len(v.Versions) != 1 || v.Versions[0].Status == nil {
			t.Fatalf("%d %v %s", status, err, body)
		}
		return v
	}
	if r := report(); r.Deployment != "m" || r.Versions[0].Role != "main" || !r.Versions[0].Enough || r.Versions[0].Drifted != 0 {
		t.Errorf("%+v: %s", r, r.Versions[0].Why(9))
	}
	b.ask("m", 1000, unusual)
	r := report()
	if s := r.Versions[0].Status; s.Drifted != 1 || !strings.HasPrefix(s.Why(9), "text_length: PSI is ") || s.InputPSIMax < 0.2 || s.PredictionPSIMax > 0.2 {
		t.Errorf("%+v: %s", s, s.Why(9))
	}
	_, _, metrics := b.do("GET", "/metrics", "", "")
	for _, want := range []string{
		`pipe_drift_features{deployment="m",model="m",version="1"} 1`,
		`pipe_drift_psi{deployment="m",model="m",version="1",feature="text_length",role="input"} `,
		`pipe_drift_distance{deployment="m",model="m",version="1",feature="text_length",role="input"} 0.`,
		`pipe_drift_new_ratio{deployment="m",model="m",version="1",feature="prediction",role="prediction"} 0`,
	} {
		if !strings.Contains(metrics, "\n"+want) {
			t.Errorf("no line %s in\n%s", want, metrics)
		}
	}
	if status, _, body := b.do("GET", "/api/models/mm/drift", "", ""); status != 404 || !strings.Contains(body, "did you mean") {
		t.Error(status, body)
	}
}

func TestModelWithoutProfileSaysSo(t *testing.T) {
	b := newBench(t, nil)
	b.served("m", "", &fake{})
	b.do("POST", "/predict/m", "text/plain", "x")
	if _, _, body := b.do("GET", "/api/models/m/drift", "", ""); !strings.Contains(body, "no profile") || strings.Contains(body, "psi_max") {
		t.Error(body)
	}
}

// People are told once when traffic drifts, and where a limit says so the version
// before takes over. That one is not left for the same reason: what has moved is the
// world.
func TestDriftIsToldAndRolledBackOnce(t *testing.T) {
	alerts := make(chan string, 10)
	b := newBench(t, func(o *Options) {
		o.Alert = func(_ context.Context, title, text string) error { alerts <- title + ": " + text; return nil }
	})
	b.served("m", `{"drift":{"min_rows":50},"rollback":{"drift":0.5}}`, &fake{profile: lengths()})
	for range 2 {
		b.alias("m", "champion", b.register("m", &fake{profile: lengths()}))
	}
	if err := b.Ready(context.Background()); err != nil || b.now("m") != 3 {
		t.Fatal(b.now("m"), err)
	}
	ctx := context.Background()
	told := func() string {
		b.shadows.Wait()
		select {
		case a := <-alerts:
			return a
		default:
			return ""
		}
	}
	b.ask("m", 50, usual)
	if b.guard(ctx, time.Now()); told() != "" || b.now("m") != 3 {
		t.Fatalf("usual requests: version %d answers", b.now("m"))
	}
	b.ask("m", 200, unusual)
	b.guard(ctx, time.Now())
	if err := b.Ready(ctx); err != nil || b.now("m") != 2 {
		t.Fatalf("version %d answers, %v", b.now("m"), err)
	}
	got := told() + "\n" + told()
	for _, want := range []string{"The requests of m have drifted: Version 3, ", "text_length: PSI is ", "Model m was rolled back: From version 3 to 2: PSI of text_length over "} {
		if !strings.Contains(got, want) {
			t.Errorf("nobody was told %q in %q", want, got)
		}
	}
	log, err := b.reg.AuditLog(ctx, "m@champion", 1)
	if err != nil || log[0].Who != guardian || !strings.HasPrefix(log[0].Why, "PSI of text_length over ") {
		t.Errorf("%+v %v", log, err)
	}
	for i := range 2 {
		b.ask("m", 100, unusual)
		b.guard(ctx, time.Now())
		if err := b.Ready(ctx); err != nil || b.now("m") != 2 {
			t.Fatalf("version %d answers, %v", b.now("m"), err)
		}
		if got := told(); strings.Contains(got, "have drifted") != (i == 0) {
			t.Errorf("look %d: %q", i, got)
		}
	}
	b.alias("m", "champion", 3)
	if err := b.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	if r, _ := b.Drift("m"); r.Versions[0].Rows != 0 {
		t.Errorf("who begins anew has %d rows", r.Versions[0].Rows)
	}
}

func TestDriftingCanaryEnds(t *testing.T) {
	b := newBench(t, nil)
	b.register("m", &fake{answer: "yes"})
	b.register("m", &fake{answer: "no", profile: lengths()})
	b.alias("m", "champion", 1)
	b.deploy("m", `{"canary":{"target":"/2","percent":90},"rollback":{"drift":0.5},"drift":{"min_rows":20}}`)
	e, err := b.endpoint("m")
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; e.route.Load().canary != nil; i++ {
		if i > 5000 {
			t.Fatal("the canary goes on")
		}
		b.do("POST", "/predict/m", "text/plain", usual(i))
		b.guard(context.Background(), time.Now())
	}
	log, err := b.reg.AuditLog(context.Background(), "", 1)
	if err != nil || !strings.Contains(fmt.Sprint(log[0]), "canary version 2: PSI of prediction over ") {
		t.Errorf("%+v %v", log, err)
	}
}

// Another policy begins another window; what is kept by one version belongs to one
// deployment.
func TestWindowFollowsThePolicy(t *testing.T) {
	b := newBench(t, nil)
	b.served("m", "", &fake{profile: lengths()})
	b.ask("m", 10, usual)
	d := registry.Deployment{Name: "m", Model: "m", Target: "@champion", Policy: []byte(`{"drift":{"window":"10m"}}`)}
	if _, err := b.reg.SetDeployment(context.Background(), d, registry.Audit{}); err != nil {
		t.Fatal(err)
	}
	if err := b.Ready(context.Background()); err != nil {
		t.Fatal(err)
	}
	if r, _ := b.Drift("m"); r.Versions[0].WindowSeconds != 600 || r.Versions[0].Rows != 0 {
		t.Errorf("%+v", r.Versions[0].Status)
	}
}
