package schedule

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"pipe/dag"
)

// TestREST asks every path, in an order in which each shows what the one before
// has done, and compares what is in the JSON.
func TestREST(t *testing.T) {
	w := inFolder(t)
	put(t, w.Registry, "m", dag.Schedule{Cron: "0 * * * *"})
	clock := &fakeClock{now: epoch.Add(90 * time.Minute)}
	s := &Service{Workspace: w, Now: clock.Now} // without an engine, so that what is queued stays so
	h := s.Handler()
	ask := func(method, path, body string) (int, string) {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		a := httptest.NewRecorder()
		h.ServeHTTP(a, r)
		return a.Code, a.Body.String()
	}
	for _, c := range []struct {
		method, path, body string
		code               int
		want               string // parts that the answer holds, between " … "
	}{
		{"GET", "/api/schedules", "", 200, `[{"name":"m","pipeline":"m","file":"m.yaml","when":"0 * * * *" … "paused":false … "next":"2026-03-01T02:00:00Z"`},
		{"GET", "/api/schedules/m", "", 200, `{"name":"m" … "queued":0`},
		{"GET", "/api/schedules/m/next?n=2", "", 200, `"schedule":"m","at":"2026-03-01T02:00:00Z" … "at":"2026-03-01T03:00:00Z" … "why":"0 * * * *"`},
		{"GET", "/api/schedules/m/history", "", 200, "[]"},
		{"GET", "/api/schedules/m/explain", "", 200, `["m: 0 * * * *, from m.yaml" … "it has not run yet"]`},
		{"POST", "/api/schedules/m/pause", `{"why":"holidays"}`, 200, `{"ok":true}`},
		{"GET", "/api/schedules/m", "", 200, `"paused":true … "reason":"holidays"`},
		{"GET", "/api/schedules/m/next", "", 200, "[]"},
		{"POST", "/api/schedules/m/resume", "", 200, `{"ok":true}`},
		{"GET", "/api/schedules/m", "", 200, `"paused":false`},
		{"POST", "/api/schedules/m/trigger", `{"params":{"epochs":"3"},"why":"look"}`, 200, `"at":"2026-03-01T01:00:00Z" … "epochs":"3"`},
		{"GET", "/api/schedules/m/history?state=queued&limit=5", "", 200, `"why":"look"`},
		{"GET", "/api/schedules/m/history?state=failed", "", 200, "[]"},
		{"POST", "/api/schedules/m/backfill", `{"from":"2026-02-01T00:00:00Z","to":"2026-02-01T02:00:00Z","jobs":2}`, 200,
			`2026-02-01T00:00:00Z … 2026-02-01T01:00:00Z`},
		{"POST", "/api/schedules/m/backfill", `{"from":"2026-02-01T00:00:00Z","to":"2026-02-01T02:00:00Z"}`, 200, "[]"}, // they wait already
		{"GET", "/api/fires?schedule=m&from=2026-02-01&to=2026-02-02", "", 200, `"cause":"backfill"`},
		{"GET", "/api/calendar?from=2026-03-01&to=2026-03-02", "", 200, `"date":"2026-03-01","fires":[ … "next":[ … "date":"2026-03-02"`},
		{"GET", "/metrics/schedules", "", 200, ""},

		{"GET", "/api/schedules/none", "", 404, `{"error":"`},
		{"GET", "/api/schedules/none/history", "", 404, `{"error":"`},
		{"POST", "/api/schedules/none/trigger", "", 404, `{"error":"`},
		{"GET", "/api/schedules/m/future", "", 400, "there is no such path"},
		{"POST", "/api/schedules/m/explode", "", 400, "there is no such path"},
		{"GET", "/api/schedules/m/next?n=0", "", 400, `n is a number from 1 to 10000, not \"0\"`},
		{"POST", "/api/schedules/m/trigger", `{"when":"now"}`, 400, "the body is no JSON with why, at, params"},
		{"POST", "/api/schedules/m/trigger", `{"at":"soon"}`, 400, `{"error":"`},
		{"POST", "/api/schedules/m/backfill", `{"from":"2026-02-02"}`, 400, "from and to are needed"},

		{"DELETE", "/api/schedules/m", "", 200, `{"ok":true}`},
		{"GET", "/api/schedules/m", "", 404, `{"error":"`},
		{"GET", "/api/fires?schedule=", "", 200, `"why":"look"`}, // the history stays
	} {
		code, got := ask(c.method, c.path, c.body)
		if code != c.code {
			t.Errorf("%s %s: %d %s, want %d", c.method, c.path, code, got, c.code)
			continue
		}
		if c.path != "/metrics/schedules" && !json.Valid([]byte(got)) {
			t.Errorf("%s %s: no JSON: %s", c.method, c.path, got)
		}
		rest := got
		for _, part := range strings.Split(c.want, " … ") {
			_, after, ok := strings.Cut(rest, part)
			if !ok {
				t.Errorf("%s %s: no %s in %s", c.method, c.path, part, got)
				break
			}
			rest = after
		}
		if c.want == "[]" && got != "[]\n" {
			t.Errorf("%s %s: %s, want nothing", c.method, c.path, got)
		}
	}
	// Cancelling needs a run under way.
	if code, got := ask("POST", "/api/fires/none/cancel", ""); code != http.StatusNotFound || !strings.Contains(got, "under way") {
		t.Errorf("cancel of nothing: %d %s", code, got)
	}
}
