package ui

import (
	"bufio"
	"context"
	"encoding/csv"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pipe/dag"
	"pipe/registry"
	"pipe/server/auth"
)

// TestActions sends the forms of the pages and looks at what the registry has
// afterwards.
func TestActions(t *testing.T) {
	x := newSite(t, plain)
	ctx := t.Context()
	send := func(path string, status int, pairs ...string) *http.Response {
		t.Helper()
		form := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			form.Add(pairs[i], pairs[i+1])
		}
		res := x.post(path, form)
		if res.StatusCode != status {
			t.Fatalf("%s %v: %d, want %d", path, form, res.StatusCode, status)
		}
		return res
	}
	id := x.runs[0]
	edit := "/runs/" + id + "/edit"
	send(edit, 303, "do", "note", "note", "two\r\nlines")
	send(edit, 303, "do", "tag", "tag", " stage = final=yes ")
	send(edit, 303, "do", "untag", "tag", "team")
	send(edit, 303, "do", "name", "name", "renamed")
	send(edit, 400, "do", "name", "name", "  ")
	send(edit, 400, "do", "tag", "tag", "=x")
	send(edit, 400, "do", "nonsense")
	run, err := x.w.Registry.RunByID(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	note, _ := registry.Value(run.Tags, noteTag)
	stage, _ := registry.Value(run.Tags, "stage")
	if _, has := registry.Value(run.Tags, "team"); note != "two\nlines" || stage != "final=yes" || has || run.Name != "renamed" {
		t.Errorf("after the edits the run is %+v", run)
	}
	send("/runs/bulk", 400, "do", "delete")
	send("/runs/bulk", 303, "do", "delete", "run", id, "run", x.runs[1])
	if n, err := x.w.Registry.CountRuns(ctx, registry.RunQuery{}); n != 1 || err != nil {
		t.Errorf("after two of three are deleted there are %d, %v", n, err)
	}
	send("/runs/bulk", 303, "do", "restore", "run", id, "run", x.runs[1])
	send("/runs/bulk", 303, "do", "tag", "run", id, "tag", "best=1")
	if to := send("/runs/bulk", 303, "do", "compare", "run", id, "run", x.runs[1]).Header.Get("Location"); to != "/compare?run="+id+"&run="+x.runs[1] {
		t.Errorf("compare leads to %s", to)
	}
	if to := send(edit, 303, "do", "note", "back", "https://evil.example/").Header.Get("Location"); to != "/runs/"+id {
		t.Errorf("an action leads to another site: %s", to)
	}
	model := "/models/textclass/edit"
	send(model, 303, "do", "alias", "alias", "challenger", "version", "2", "why", "a trial")
	send(model, 404, "do", "alias", "alias", "challenger", "version", "9")
	send(model, 303, "do", "describe-version", "version", "2", "description", "the second")
	send(model, 303, "do", "unalias", "alias", "champion")
	m, err := x.w.Registry.Model(ctx, "textclass")
	if err != nil || m.Aliases["challenger"] != 2 || len(m.Aliases) != 1 {
		t.Errorf("the aliases are %v, %v", m.Aliases, err)
	}
	if log, err := x.w.Registry.AuditLog(ctx, "textclass@challenger", 1); err != nil || len(log) != 1 || log[0].Why != "a trial" {
		t.Errorf("the audit log has %v, %v", log, err)
	}
	res := send("/theme", 303, "theme", "dark", "back", "/models")
	if c := res.Cookies(); len(c) != 1 || c[0].Value != "dark" || res.Header.Get("Location") != "/models" {
		t.Errorf("the theme: %v", res.Header)
	}
}

// TestDeployments tries a model, promotes, rolls back, and ends a deployment.
func TestDeployments(t *testing.T) {
	x := newSite(t, plain)
	ask := func(text string) (int, string) {
		t.Helper()
		res := x.post("/deployments/texts/try", url.Values{"in.text": {text}})
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(b)
	}
	status, body := ask(`<b>it"s`)
	b, a := strings.Index(body, "<td>b</td>"), strings.Index(body, "<td>a</td>")
	if status != 200 || !strings.Contains(body, `&lt;b&gt;it`) || strings.Contains(body, `<b>it`) || b < 0 || a < b {
		t.Errorf("the answer: %d\n%s", status, body)
	}
	if status, body := ask("refuse"); status != 400 || !strings.Contains(body, "refused /predict/texts") {
		t.Errorf("a refusal: %d\n%s", status, body)
	}
	edit := func(want int, version int, pairs ...string) {
		t.Helper()
		form := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			form.Set(pairs[i], pairs[i+1])
		}
		if res := x.post("/deployments/texts/edit", form); res.StatusCode != want {
			t.Errorf("%v: %d, want %d", form, res.StatusCode, want)
		}
		if v, err := x.w.Registry.VersionByAlias(t.Context(), "textclass", "champion"); err != nil || v.Version != version {
			t.Errorf("%v: the champion is %d, %v, want %d", form, v.Version, err, version)
		}
	}
	edit(409, 1, "do", "rollback")
	edit(303, 2, "do", "promote", "version", "2", "why", "better")
	edit(303, 1, "do", "rollback", "why", "worse")
	edit(404, 1, "do", "promote", "version", "7")
	edit(303, 1, "do", "end")
	if status, _ := x.get("/deployments/texts"); status != 404 {
		t.Errorf("an ended deployment: %d", status)
	}
	if res := x.post("/deployments", url.Values{"model": {"textclass"}, "target": {"champion"}, "name": {"again"}}); res.StatusCode != 303 {
		t.Errorf("deploy: %d", res.StatusCode)
	}
	if d, err := x.w.Registry.Deployment(t.Context(), "again"); err != nil || d.Target != "@champion" {
		t.Errorf("deployed %+v, %v", d, err)
	}
}

// TestSchedules pauses, resumes, runs now, and fills past times.
func TestSchedules(t *testing.T) {
	x := newSite(t, plain)
	send := func(want int, pairs ...string) {
		t.Helper()
		form := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			form.Set(pairs[i], pairs[i+1])
		}
		if res := x.post("/schedules/nightly/edit", form); res.StatusCode != want {
			t.Errorf("%v: %d, want %d", form, res.StatusCode, want)
		}
	}
	paused := func(want bool) {
		t.Helper()
		if st, err := x.schedules.Show(t.Context(), "nightly"); err != nil || st.Paused != want {
			t.Errorf("paused is %v, %v, want %v", st.Paused, err, want)
		}
	}
	send(303, "do", "pause", "why", "a holiday")
	paused(true)
	if _, body := x.get("/schedules/nightly"); !strings.Contains(body, "Resume") || !strings.Contains(body, "Nothing while it is paused") {
		t.Errorf("the page does not say that it is paused:\n%s", body)
	}
	send(303, "do", "resume")
	paused(false)
	send(303, "do", "trigger")
	send(303, "do", "backfill", "from", "2026-04-01", "to", "2026-04-03", "jobs", "2")
	send(422, "do", "backfill", "from", "2026-04-03", "to", "2026-04-01")
	send(400, "do", "backfill", "from", "yesterday", "to", "2026-04-01")
	send(409, "do", "cancel", "run", "x")
	send(400, "do", "nonsense")
	fires, err := x.schedules.History(t.Context(), "nightly", registry.FireQuery{Oldest: true})
	if err != nil || len(fires) != 4 || fires[0].Cause != "backfill" || fires[3].Cause != "manual" {
		t.Errorf("the fires are %+v, %v", fires, err)
	}
	if status, _ := x.get("/schedules/nothing"); status != 404 {
		t.Errorf("an unknown schedule: %d", status)
	}
}

// TestLaunch: retry and run now call the launcher with the command that a person
// would type, and values of a form cannot become options.
func TestLaunch(t *testing.T) {
	x := newSite(t, plain)
	t.Chdir(t.TempDir())
	text := "pipeline: fresh\nparams: { data: { type: string }, epochs: 3 }\nstages:\n  rows: { uses: source.csv, with: { path: \"${params.data}\" } }\n"
	if err := os.WriteFile("fresh.yaml", []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, body := x.get("/pipelines/fresh"); !strings.Contains(body, `name="param.data"`) || !strings.Contains(body, `value="3"`) {
		t.Errorf("the form lacks params:\n%s", body)
	}
	x.post("/pipelines/fresh/run", url.Values{"param.data": {"--store=/"}, "param.epochs": {"3"}, "default.epochs": {"3"}, "name": {"-x"}})
	x.post("/runs/"+x.runs[0]+"/retry", url.Values{"edits": {"1"}})
	want := [][]string{{"run", "fresh.yaml", "--name=-x", "--param=data=--store=/"}, {"retry", x.runs[0], "--with-edits"}}
	if !slices.EqualFunc(x.launched, want, func(a, b []string) bool { return slices.Equal(a, b) }) {
		t.Errorf("launched %q, want %q", x.launched, want)
	}
	if res := x.post("/pipelines/unknown/run", nil); res.StatusCode != 404 {
		t.Errorf("an unknown pipeline: %d", res.StatusCode)
	}
}

// TestCSV: a line for each run with all that it has, and no cell that a
// spreadsheet would compute.
func TestCSV(t *testing.T) {
	x := newSite(t, func(s string) string { return "=" + s })
	res := x.do(httptest.NewRequest("GET", "/runs.csv", nil))
	rows, err := csv.NewReader(res.Body).ReadAll()
	if err != nil || len(rows) != 4 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	accuracy := slices.Index(rows[0], "metrics.accuracy")
	if accuracy < 0 || rows[2][accuracy] != "0.8500000000000001" {
		t.Errorf("accuracy is not in the table to the last bit: %v", rows)
	}
	for _, row := range rows[1:] {
		for _, c := range row {
			if strings.HasPrefix(c, "=") {
				t.Errorf("a cell begins with =: %q", c)
			}
		}
	}
	res = x.do(httptest.NewRequest("GET", "/runs.csv?run="+x.runs[1], nil))
	if rows, err := csv.NewReader(res.Body).ReadAll(); err != nil || len(rows) != 2 {
		t.Errorf("one selected run gives %d rows, %v", len(rows), err)
	}
}

// TestEvents follows a run whose journal is written meanwhile.
func TestEvents(t *testing.T) {
	x := newSite(t, plain)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	id := strings.Repeat("d", 32)
	if _, err := x.w.Registry.CreateRun(ctx, registry.NewRun{ID: id}); err != nil {
		t.Fatal(err)
	}
	j, err := dag.CreateJournal(x.w.RunDir(id), []byte("pipeline: p\n"))
	if err != nil {
		t.Fatal(err)
	}
	j.Event(&dag.Event{Type: dag.StageStarted, Stage: "rows", Kind: "source.csv", Time: noon})
	server := httptest.NewServer(x.s)
	defer server.Close()
	r, err := http.NewRequestWithContext(ctx, "GET", server.URL+"/runs/"+id+"/events?after=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	next := func(want string) {
		t.Helper()
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "data:") {
				if !strings.Contains(lines.Text(), want) {
					t.Fatalf("%s, want %s", lines.Text(), want)
				}
				return
			}
		}
		t.Fatalf("the stream ended before %s: %v", want, lines.Err())
	}
	next(`"state":"running"`)
	j.Event(&dag.Event{Type: dag.StageLog, Stage: "rows", Text: "a <line>", Time: noon})
	next(`"stage":"rows","text":"a \u003cline\u003e"`)
	j.Event(&dag.Event{Type: dag.StageFinished, Stage: "rows", Kind: "source.csv", Seconds: 2, Time: noon})
	next(`"state":"done","note":"source.csv · 2.0 s"`)
	next(`done in 2.0 s`)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := x.w.Registry.FinishRun(ctx, id, registry.Finished, noon, ""); err != nil {
		t.Fatal(err)
	}
	next(`"done"`)
	for lines.Scan() {
		if lines.Text() != "" {
			t.Errorf("after the end comes %q", lines.Text())
		}
	}
}

// TestWhoMaySee: the pages are for people who may read everything, and change
// something only for those who may write.
func TestWhoMaySee(t *testing.T) {
	x := newSite(t, plain)
	gate := auth.New(x.w.Registry, auth.Options{SignIn: x.s.SignIn, Open: Open})
	handler := gate.Handler(x.s)
	token := func(name, level string, grants ...registry.Grant) string {
		t.Helper()
		if err := x.w.Registry.AddUser(t.Context(), registry.User{Name: name, Level: level}, registry.Audit{}); err != nil {
			t.Fatal(err)
		}
		for _, g := range grants {
			if err := x.w.Registry.SetGrant(t.Context(), name, g, registry.Audit{}); err != nil {
				t.Fatal(err)
			}
		}
		_, secret, err := x.w.Registry.AddToken(t.Context(), registry.Token{User: name, Level: "admin"}, registry.Audit{})
		if err != nil {
			t.Fatal(err)
		}
		return secret
	}
	ask := func(method, path, token string) int {
		r := httptest.NewRequest(method, path, strings.NewReader("do=tag&tag=a=b"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Code
	}
	reader, writer := token("reader", "read"), token("writer", "write")
	partly := token("partly", "read", registry.Grant{Kind: "model", Name: "salaries", Level: "none"})
	edit := "/runs/" + x.runs[0] + "/edit"
	for _, c := range []struct {
		method, path, token string
		want                int
	}{
		{"GET", "/runs", "", 401}, {"GET", asset("pipe.css"), "", 200}, {"GET", "/runs", reader, 200}, {"GET", "/runs", partly, 403}, {"GET", "/models", partly, 403}, {"GET", "/schedules", partly, 403},
		{"POST", edit, reader, 403}, {"POST", edit, writer, 303}, {"POST", "/theme", reader, 303},
	} {
		if got := ask(c.method, c.path, c.token); got != c.want {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, got, c.want)
		}
	}
}

// TestFormsCarryTheToken: every form that changes something has the session's
// token, wherever it stands.
func TestFormsCarryTheToken(t *testing.T) {
	x := newSite(t, plain)
	for name, path := range x.paths(plain) {
		_, body := x.get(path)
		body = string(withToken([]byte(body), `se"cret`))
		forms, tokens := strings.Count(body, `method="post"`), strings.Count(body, `name="csrf" value="se&#34;cret"`)
		if forms == 0 || forms != tokens {
			t.Errorf("%s: %d forms, %d tokens", name, forms, tokens)
		}
	}
}
