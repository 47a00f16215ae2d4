package mlflow

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"pipe/registry"
	"pipe/server/auth"
)

// TestCallsTakeLevels makes calls for users of several levels: each route is
// asked for what its request names, and a search shows what may be seen.
func TestCallsTakeLevels(t *testing.T) {
	dir := t.TempDir()
	reg, err := registry.Open(t.Context(), filepath.Join(dir, "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer reg.Close()
	s, err := New(reg, filepath.Join(dir, "artifacts"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	tokens := map[string]string{}
	add := func(name, level string, grants ...registry.Grant) {
		if err := reg.AddUser(t.Context(), registry.User{Name: name, Level: level}, registry.Audit{}); err != nil {
			t.Fatal(err)
		}
		for _, g := range grants {
			if err := reg.SetGrant(t.Context(), name, g, registry.Audit{}); err != nil {
				t.Fatal(err)
			}
		}
		var err error
		if _, tokens[name], err = reg.AddToken(t.Context(), registry.Token{User: name, Level: "admin"}, registry.Audit{}); err != nil {
			t.Fatal(err)
		}
	}
	add("root", "admin")
	add("writer", "write", registry.Grant{Kind: "experiment", Name: "1", Level: "none"}, registry.Grant{Kind: "model", Name: "secret", Level: "none"})
	add("reader", "read")
	add("guest", "none", registry.Grant{Kind: "experiment", Name: "2", Level: "write"}, registry.Grant{Kind: "model", Name: "open", Level: "read"})
	web := httptest.NewServer(auth.New(reg, auth.Options{}).Handler(s))
	defer web.Close()
	as := func(name, method, path string, body any) (int, map[string]any) {
		c := client{t, web.URL}
		http.DefaultClient.Transport = bearerTransport(tokens[name])
		defer func() { http.DefaultClient.Transport = nil }()
		return c.do(method, path, body)
	}
	must := func(method, path string, body any) map[string]any {
		status, answer := as("root", method, path, body)
		if status != 200 {
			t.Fatalf("%s %s: %d %v", method, path, status, answer)
		}
		return answer
	}
	type obj = map[string]any
	run := map[string]string{}
	for i, id := range []string{"1", "2"} {
		must("POST", api+"experiments/create", obj{"name": []string{"closed", "shared"}[i]})
		run[id] = dig(must("POST", api+"runs/create", obj{"experiment_id": id}), "run", "info", "run_id").(string)
		must("PUT", "/api/2.0/mlflow-artifacts/artifacts/"+id+"/"+run[id]+"/artifacts/f", []byte("text"))
	}
	logged := dig(must("POST", api+"logged-models", obj{"experiment_id": "1", "name": "lm"}), "model", "info", "model_id").(string)
	for _, m := range []string{"secret", "open"} {
		must("POST", api+"registered-models/create", obj{"name": m})
		must("POST", api+"model-versions/create", obj{"name": m, "source": "runs:/" + run["1"] + "/f", "run_id": run["1"]})
	}
	must("POST", "/api/3.0/mlflow/traces", obj{"trace": obj{"trace_info": obj{"trace_id": "tr-1", "request_time": "2026-01-01T00:00:00Z",
		"trace_location": obj{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": obj{"experiment_id": "1"}}}}})
	metric := func(id string) obj { return obj{"run_id": run[id], "key": "m", "value": 1, "timestamp": 1} }
	for _, c := range []struct {
		method, path string
		body         any
		allowed      string // who may, beside root
	}{
		{"GET", api + "experiments/get?experiment_id=1", nil, "reader"},
		{"GET", api + "experiments/get?experiment_id=2", nil, "writer reader guest"},
		{"GET", api + "experiments/get-by-name?experiment_name=closed", nil, "reader"},
		{"POST", api + "experiments/set-experiment-tag", obj{"experiment_id": "1", "key": "k", "value": "v"}, ""},
		{"POST", api + "experiments/set-experiment-tag", obj{"experiment_id": "2", "key": "k", "value": "v"}, "writer guest"},
		{"POST", api + "experiments/create", obj{"name": "mlflow", "artifact_location": "mlflow-artifacts:/1/x"}, "-"},
		{"POST", api + "runs/create", obj{}, "writer"},
		{"POST", api + "runs/create", obj{"experiment_id": "1"}, ""},
		{"POST", api + "runs/create", obj{"experiment_id": "2"}, "writer guest"},
		{"GET", api + "runs/get?run_id=" + run["1"], nil, "reader"},
		{"GET", api + "runs/get?run_uuid=" + run["1"], nil, "reader"},
		{"POST", api + "runs/log-metric", metric("1"), ""},
		{"POST", api + "runs/log-metric", metric("2"), "writer guest"},
		{"POST", api + "runs/log-metric", obj{"run_id": run["2"], "key": "m", "value": 1, "timestamp": 1, "model_id": logged}, ""},
		{"POST", api + "runs/log-batch", obj{"run_id": run["1"], "tags": []obj{{"key": "k", "value": "v"}}}, ""},
		{"POST", api + "runs/set-tag", obj{"run_uuid": run["1"], "key": "k", "value": "v"}, ""},
		{"GET", api + "metrics/get-history?metric_key=m&run_id=" + run["1"], nil, "reader"},
		{"GET", api + "metrics/get-history-bulk?metric_key=m&run_id=" + run["1"] + "&run_id=" + run["2"], nil, "reader"},
		{"GET", api + "metrics/get-history-bulk-interval?metric_key=m&run_ids=" + run["2"], nil, "writer reader guest"},
		{"GET", api + "artifacts/list?run_id=" + run["1"], nil, "reader"},
		{"GET", "/get-artifact?path=f&run_id=" + run["1"], nil, "reader"},
		{"GET", "/api/2.0/mlflow-artifacts/artifacts/1/" + run["1"] + "/artifacts/f", nil, "reader"},
		{"GET", "/api/2.0/mlflow-artifacts/artifacts?path=1/" + run["1"], nil, "reader"},
		{"GET", "/api/2.0/mlflow-artifacts/artifacts", nil, "writer reader"},
		{"PUT", "/api/2.0/mlflow-artifacts/artifacts/1/x", []byte("x"), ""},
		{"PUT", "/api/2.0/mlflow-artifacts/artifacts/2/x", []byte("x"), "writer guest"},
		{"DELETE", "/api/2.0/mlflow-artifacts/artifacts/1/x", nil, ""},
		{"GET", api + "logged-models/" + logged, nil, "reader"},
		{"PATCH", api + "logged-models/" + logged + "/tags", obj{"tags": []obj{{"key": "k", "value": "v"}}}, ""},
		{"GET", api + "registered-models/get?name=secret", nil, "reader"},
		{"GET", api + "registered-models/get?name=open", nil, "writer reader guest"},
		{"GET", api + "model-versions/get?name=secret&version=1", nil, "reader"},
		{"GET", "/model-versions/get-artifact?name=secret&version=1&path=x", nil, "reader"},
		{"POST", api + "registered-models/alias", obj{"name": "open", "alias": "champion", "version": "1"}, "writer"},
		{"POST", api + "model-versions/create", obj{"name": "open", "source": "runs:/" + run["1"] + "/g"}, ""},
		{"POST", api + "model-versions/create", obj{"name": "open", "source": "models:/" + logged}, ""},
		{"GET", "/api/3.0/mlflow/traces/tr-1", nil, "reader"},
		{"DELETE", api + "registered-models/delete", obj{"name": "open"}, ""},
		{"POST", api + "experiments/delete", obj{"experiment_id": "2"}, ""},
	} {
		for _, name := range []string{"writer", "reader", "guest"} {
			status, answer := as(name, c.method, c.path, c.body)
			if may := strings.Contains(c.allowed, name); may != (status != http.StatusForbidden) {
				t.Errorf("%s: %s %s %v: %d %v", name, c.method, c.path, c.body, status, answer["message"])
			}
		}
	}
	for name, want := range map[string][3]int{"root": {3, 2, 1}, "reader": {3, 2, 1}, "writer": {2, 1, 0}, "guest": {1, 1, 0}} {
		_, experiments := as(name, "POST", api+"experiments/search", obj{"max_results": 10})
		_, models := as(name, "GET", api+"registered-models/search", nil)
		_, versions := as(name, "GET", api+"model-versions/search", nil)
		_, runs := as(name, "POST", api+"runs/search", obj{"experiment_ids": []string{"1", "01"}})
		_, traces := as(name, "POST", "/api/3.0/mlflow/traces/search", obj{"locations": []obj{{"mlflow_experiment": obj{"experiment_id": "1"}}}})
		_, traces2 := as(name, "GET", api+"traces?experiment_ids=1", nil)
		_, lms := as(name, "POST", api+"logged-models/search", obj{"experiment_ids": []string{"1"}})
		n := func(a map[string]any, key string) int { l, _ := a[key].([]any); return len(l) }
		got := [3]int{n(experiments, "experiments"), n(models, "registered_models"), n(runs, "runs")}
		if got != want || n(versions, "model_versions") != want[1] || n(traces, "traces") != want[2] || n(traces2, "traces") != want[2] || n(lms, "models") != want[2] {
			t.Errorf("%s sees %v, %d traces, %d logged models, %d versions; want %v", name, got, n(traces, "traces"), n(lms, "models"), n(versions, "model_versions"), want)
		}
	}
	// Who makes a thing may delete it.
	_, made := as("writer", "POST", api+"experiments/create", obj{"name": "own"})
	if status, answer := as("writer", "POST", api+"experiments/delete", obj{"experiment_id": made["experiment_id"]}); status != 200 {
		t.Errorf("own experiment: %d %v", status, answer)
	}
	if log, err := reg.AuditLog(t.Context(), made["experiment_id"].(string), 1); err != nil || len(log) != 1 || log[0].Who != "writer" {
		t.Errorf("audit: %v %v", log, err)
	}
}

type bearerTransport string

func (b bearerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}
