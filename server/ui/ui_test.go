package ui

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"pipe/artifacts"
	"pipe/registry"
	"pipe/schedule"
	"pipe/server/inference"
	"pipe/stages/drift"
	"pipe/stages/monitor"
	"pipe/workspace"
)

var update = flag.Bool("update", false, "rewrite the golden pages")

// noon is when the tests take place.
var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// site is a served workspace with two runs of a pipeline, a run of another tool,
// and a model of two versions. Its names are those that a test gives it.
type site struct {
	t         *testing.T
	w         *workspace.Workspace
	s         *Server
	launched  [][]string
	schedules *schedule.Service
	table     artifacts.Ref
	runs      [3]string
	logged    []inference.LoggedRow
	drift     inference.DriftReport
}

// Drift implements Models.
func (x *site) Drift(string) (*inference.DriftReport, bool) { return &x.drift, true }

// asked is the id of a request that is in the log.
var asked = strings.Repeat("5", 32)

// Logged implements Models.
func (x *site) Logged(_ string, q inference.LoggedQuery) ([]inference.LoggedRow, error) {
	var rows []inference.LoggedRow
	for _, r := range x.logged {
		if q.Request == "" && (q.Version == 0 || q.Version == r.Version) || q.Request == r.Request {
			rows = append(rows, r)
		}
	}
	return rows, nil
}

// Launch implements Launcher.
func (x *site) Launch(_ context.Context, args ...string) (string, error) {
	x.launched = append(x.launched, args)
	return x.runs[1], nil
}

// Status implements Models.
func (x *site) Status(string) (inference.Status, bool) {
	return inference.Status{Waiting: 2, Answers: 1, Versions: []inference.VersionStatus{{Model: "textclass", Version: 1, Requests: 1200, Failed: 3, Rows: 5000, Median: time.Millisecond, P95: 2 * time.Millisecond, P99: 9 * time.Millisecond}}}, true
}

// ServeHTTP implements Models: it answers with what it was asked.
func (x *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	if err != nil || r.URL.Path != "/predict/texts" && r.URL.Path != "/predict/pictures" || bytes.Contains(b, []byte("refuse")) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"error":"refused %s"}`, r.URL.Path)
		return
	}
	fmt.Fprintf(w, `{"prediction":%q,"probabilities":{"a":0.25,"b":0.75}}`, b)
}

func newSite(t *testing.T, name func(string) string) *site {
	t.Helper()
	ctx := context.Background()
	w, err := workspace.Open(ctx, filepath.Join(t.TempDir(), ".pipe"))
	if err != nil {
		t.Fatal(err)
	}
	x := &site{t: t, w: w}
	file := filepath.Join(filepath.Dir(w.Dir), "nightly.yaml")
	x.must(os.WriteFile(file, []byte("pipeline: nightly\nschedule: { cron: \"0 3 * * *\" }\nstages:\n  a: { uses: exec, with: { run: \"echo a\" } }\n"), 0o666))
	x.schedules = &schedule.Service{Workspace: w, Now: func() time.Time { return noon }}
	_, err = x.schedules.Add(ctx, file, "")
	x.must(err)
	x.s = New(w, Options{Schedules: x.schedules, Now: func() time.Time { return noon }, Launcher: x, Models: x})
	t.Cleanup(func() { x.s.Close(); w.Close() })
	x.fill(ctx, name)
	return x
}

// must ends the test where the site cannot be made.
func (x *site) must(err error) {
	x.t.Helper()
	if err != nil {
		x.t.Fatal(err)
	}
}

func (x *site) put(typ artifacts.Type, format, text string) artifacts.Ref {
	x.t.Helper()
	ref, err := x.w.Store.PutBytes(typ, format, []byte(text))
	x.must(err)
	return ref
}

func (x *site) fill(ctx context.Context, name func(string) string) {
	reg := x.w.Registry
	e, err := reg.EnsureExperiment(ctx, name("search"))
	x.must(err)
	x.table = x.put(artifacts.Table, "csv", name("text")+",label\n"+name("hello")+",1\nworld,2\n")
	x.table.Rows = 2
	report := x.put("report", "html", "<h1>"+name("report")+"</h1><script>document.title='bad'</script>")
	var versions []artifacts.Ref
	for i := range 2 {
		id := strings.Repeat(fmt.Sprint(i+1), 32)
		x.runs[i] = id
		start := noon.Add(time.Duration(i-3) * time.Hour)
		_, err := reg.CreateRun(ctx, registry.NewRun{ID: id, Experiment: e.ID, Name: name(fmt.Sprintf("run %d", i)), User: name("ada"), Start: start, Pipeline: name("textclass"), PipelineText: "pipeline: " + name("textclass") + "\n",
			Git: registry.Git{Commit: "0123456789abcdef0123456789abcdef01234567", Branch: name("main")}, Params: registry.Pairs(map[string]string{name("units"): fmt.Sprint(32 * (i + 1)), "same": name("value")}),
			Tags: registry.Pairs(map[string]string{name("team"): name("search"), noteTag: name("a note")})})
		x.must(err)
		model := x.put("model", "json", fmt.Sprintf(`{"version":%d}`, i))
		versions = append(versions, model)
		key := artifacts.Key(strings.Repeat(fmt.Sprint(i+3), 64))
		x.must(reg.PutStage(ctx, id, registry.Stage{Name: name("rows"), Kind: "source.csv", Key: key, State: []registry.StageState{registry.StageDone, registry.StageCached}[i], Started: start, Finished: start.Add(time.Second),
			Outputs: map[string]artifacts.Ref{"out": x.table}, Externals: []registry.External{{Path: name("rows.csv"), Digest: artifacts.Digest(strings.Repeat("a", 64)), Size: 100}}}))
		var curve []registry.Metric
		for step := range 20 {
			curve = append(curve, registry.Metric{Key: name("train") + ".loss", Step: int64(step), Value: 1 / float64(step+1), Time: start.Add(time.Duration(step) * time.Second)})
		}
		x.must(reg.PutStage(ctx, id, registry.Stage{Name: name("train"), Kind: "nn.train", State: registry.StageDone, Started: start.Add(time.Second), Finished: start.Add(time.Minute),
			Inputs: map[string]artifacts.Ref{"in": x.table}, Outputs: map[string]artifacts.Ref{"out": model, "report": report}}, curve...))
		x.must(reg.LogMetrics(ctx, id, []registry.Metric{{Key: "accuracy", Value: 0.8 + 0.05*float64(i), Time: start}}))
		x.must(reg.FinishRun(ctx, id, registry.Finished, start.Add(2*time.Minute), ""))
	}
	x.runs[2] = strings.Repeat("c", 32)
	run, err := reg.CreateRun(ctx, registry.NewRun{ID: x.runs[2], Experiment: e.ID, Name: name("by a client"), Start: noon.Add(-10 * time.Minute)})
	x.must(err)
	x.must(reg.FinishRun(ctx, x.runs[2], registry.Failed, noon.Add(-5*time.Minute), name("the loss is NaN")))
	base, ok := proxied(run.ArtifactURI)
	if !ok {
		x.t.Fatalf("%s is not under the proxy", run.ArtifactURI)
	}
	dir := filepath.Join(x.w.Dir, "mlartifacts", filepath.FromSlash(base))
	x.must(os.MkdirAll(dir, 0o777))
	x.must(os.WriteFile(filepath.Join(dir, "notes.txt"), []byte(name("some text")), 0o666))
	x.must(os.WriteFile(filepath.Join(dir, "data.csv"), []byte("a,b\n1,"+name("x")+"\n"), 0o666))
	for i, ref := range versions {
		_, _, err := reg.RegisterVersion(ctx, registry.NewVersion{Model: name("textclass"), RunID: x.runs[i], Ref: ref, User: name("ada"), Description: name("a version"), Metrics: map[string]float64{name("accuracy"): 0.8 + 0.05*float64(i)},
			Tags: registry.Pairs(map[string]string{name("k"): name("v")}), Signature: mustJSON(map[string]any{"inputs": []any{map[string]any{"name": name("text"), "type": name("string")}}, "outputs": []any{}})})
		x.must(err)
	}
	x.logged = []inference.LoggedRow{{Request: asked, Deployment: "texts", Time: noon.Add(-time.Minute), Took: 3 * time.Millisecond, Model: name("textclass"), Version: 2, Digest: string(versions[1].Digest), Role: "main",
		Inputs: []inference.LoggedInput{{Name: name("text"), Value: name("a text\nof two lines")}}, Prediction: name("sport"), Probability: 0.75},
		{Deployment: "texts", Time: noon.Add(-time.Hour), Took: time.Millisecond, Version: 1, Role: "canary", Prediction: name("old"), Probability: math.NaN()}}
	x.drift = drifts(name)
	x.must(reg.DescribeModel(ctx, name("textclass"), name("says what a text is about")))
	x.must(reg.SetAlias(ctx, name("textclass"), "champion", 1, registry.Audit{Who: name("ada"), Why: name("it is better")}))
	_, err = reg.SetDeployment(ctx, registry.Deployment{Name: "texts", Model: name("textclass"), Target: "@champion", Policy: json.RawMessage(`{"max_batch":8,"log":{"sample":1}}`)}, registry.Audit{Who: name("ada"), Why: name("first")})
	x.must(err)
}

// drifts is a report of a version that has drifted, and of one that nothing is known
// of.
func drifts(name func(string) string) inference.DriftReport {
	at := func(v float64) *float64 { return &v }
	bins := []drift.Bin{{Name: name("low"), Reference: 0.5, Current: 0.1}, {Name: name("high"), Reference: 0.5, Current: 0.9}}
	st := &monitor.Status{WindowSeconds: 3600, Limits: monitor.Limits{PSI: 0.2, Change: 0.1, MinRows: 200}, Rows: 1000, Enough: true, Drifted: 1,
		History: monitor.History{Times: []int64{noon.Add(-time.Hour).Unix(), noon.Add(-30 * time.Minute).Unix(), noon.Unix()}}}
	st.Features = []*monitor.FeatureStatus{
		{Result: drift.Result{Name: name("length"), Kind: "numbers", PSI: at(0.05), Bins: bins, Missing: 0.25}, Role: monitor.Input, Of: "length", History: []*float64{at(0.01), nil, at(0.05)}},
		{Result: drift.Result{Name: name("unknown"), Kind: "rate"}, Role: monitor.Input, Of: "unknown", Rate: at(0.3), ReferenceRate: at(0.05), History: []*float64{nil, at(0.2), at(0.3)}},
		{Result: drift.Result{Name: name("prediction"), Kind: "categories", PSI: at(0.9), Drifted: true, Why: []string{name("the index is 0.9")}, Bins: bins, NewShare: 0.1}, Role: monitor.Prediction, Of: "label", History: []*float64{at(0.1), at(0.5), at(0.9)}},
		{Result: drift.Result{Name: name("score"), Kind: "numbers", PSI: at(0.1), Bins: bins}, Role: monitor.Prediction, Of: "probability"},
	}
	return inference.DriftReport{Deployment: "texts", Rollback: 0.95, Versions: []inference.DriftOf{{Version: 1, Role: "main", Status: st}, {Version: 2, Role: "canary", Note: name("nothing has been compared yet")}}}
}

func mustJSON(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func plain(s string) string { return s }

// do sends a request and reads the whole answer.
func (x *site) do(r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	x.s.ServeHTTP(w, r)
	return w.Result()
}

func (x *site) get(path string) (status int, body string) {
	x.t.Helper()
	res := x.do(httptest.NewRequest("GET", path, nil))
	b, err := io.ReadAll(res.Body)
	x.must(err)
	return res.StatusCode, string(b)
}

func (x *site) post(path string, form url.Values) *http.Response {
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return x.do(r)
}

// paths are all pages of a site.
func (x *site) paths(name func(string) string) map[string]string {
	run, model := "/runs/"+x.runs[1], "/models/"+url.PathEscape(name("textclass"))
	return map[string]string{
		"runs": "/runs", "runs-filter": "/runs?q=" + url.QueryEscape("metrics.accuracy > 0.8") + "&sort=metrics.accuracy+DESC", "runs-wrong": "/runs?q=metrics.accuracy+%3E", "runs-none": "/runs?q=" + url.QueryEscape(name("nothing")),
		"runs-group": "/runs?group=" + url.QueryEscape("params."+name("units")), "run": run, "run-client": "/runs/" + x.runs[2], "run-metrics": run + "/metrics", "run-logs": run + "/logs", "run-artifacts": run + "/artifacts",
		"run-files": "/runs/" + x.runs[2] + "/artifacts", "run-file": "/runs/" + x.runs[2] + "/files/notes.txt", "run-file-table": "/runs/" + x.runs[2] + "/files/data.csv",
		"run-pipeline": run + "/pipeline", "stage": run + "/stages/" + url.PathEscape(name("train")), "artifact": "/artifacts/" + string(x.table.Digest), "artifact-stats": "/artifacts/" + string(x.table.Digest) + "/stats",
		"artifact-external": "/artifacts/" + strings.Repeat("a", 64), "compare": "/compare?run=" + x.runs[0] + "&run=" + x.runs[1] + "&run=" + x.runs[2], "compare-two": "/compare?run=" + x.runs[0] + "&run=" + x.runs[1],
		"models": "/models", "model": model, "version": model + "/2", "pipelines": "/pipelines", "pipeline": "/pipelines/" + url.PathEscape(name("textclass")), "deployments": "/deployments", "deployment": "/deployments/texts", "drift": "/deployments/texts/drift", "predictions": "/deployments/texts/predictions", "prediction": "/predictions/" + asked, "prediction-none": "/predictions/" + strings.Repeat("0", 32), "schedules": "/schedules", "schedule": "/schedules/nightly", "missing": "/runs/ffffffff", "nowhere": "/runs/x/y/z",
	}
}

var (
	mainOf = regexp.MustCompile(`(?s)<main id="main">.*</main>`)
	clocks = regexp.MustCompile(`20\d\d-\d\d-\d\d( \d\d:\d\d(:\d\d UTC)?)?`)
	agos   = regexp.MustCompile(`(in )?\d+ (days|h|min)( ago)?|just now|in \d+ \w+ 20\d\d`)
	folder = regexp.MustCompile(`/tmp/[^ "<]*`)
)

// TestPages compares each page with testdata/NAME.html, without the times that
// the registry's own clock gives.
func TestPages(t *testing.T) {
	x := newSite(t, plain)
	for name, path := range x.paths(plain) {
		t.Run(name, func(t *testing.T) {
			_, body := x.get(path)
			got := mainOf.FindString(body)
			if got == "" {
				t.Fatalf("%s: no page:\n%s", path, body)
			}
			got = folder.ReplaceAllString(agos.ReplaceAllString(clocks.ReplaceAllString(got, "DATE"), "AGO"), "FOLDER") + "\n"
			file := filepath.Join("testdata", name+".html")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal([]byte(got), want) {
				t.Errorf("%s differs from %s; go test ./server/ui -update rewrites it. It is now:\n%s", path, file, got)
			}
		})
	}
}

// TestThousandsOfMetrics: what a run measures may be more than a page can list; no
// page lists all, and all are found by a part of their name.
func TestThousandsOfMetrics(t *testing.T) {
	x := newSite(t, plain)
	var points []registry.Metric
	for i := range 3000 {
		points = append(points, registry.Metric{Key: fmt.Sprintf("unit_%04d", i), Value: float64(i), Time: noon})
	}
	x.must(x.w.Registry.LogMetrics(t.Context(), x.runs[0], points))
	x.must(x.w.Registry.LogMetrics(t.Context(), x.runs[1], points))
	two := "run=" + x.runs[0] + "&run=" + x.runs[1]
	for path, last := range map[string]string{"/runs": "", "/runs/" + x.runs[0]: "/runs/" + x.runs[0] + "?find=_2999", "/compare?" + two: "/compare?" + two + "&find=_2999"} {
		_, body := x.get(path)
		if n := strings.Count(body, "unit_"); n > 700 {
			t.Errorf("%s names %d metrics", path, n)
		}
		if last == "" {
			continue
		}
		if _, body := x.get(last); !strings.Contains(body, "unit_<wbr>2999") {
			t.Errorf("%s does not find the metric", last)
		}
	}
	if _, body := x.get("/runs/columns?find=UNIT_29&col=metrics.unit_2900"); strings.Count(body, "<label>") != foundColumns || strings.Contains(body, "unit_2900") || !strings.Contains(body, "unit_2901") {
		t.Errorf("the search finds:\n%s", body)
	}
	if _, body := x.get("/runs/columns?find=metrics.unit_2999"); strings.Count(body, "<label>") != 1 {
		t.Errorf("the search finds:\n%s", body)
	}
}
