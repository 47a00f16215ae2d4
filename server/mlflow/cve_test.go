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

// attack is one request of a published attack on MLflow. It must be answered
// with a 4xx, or with nothing of what it is after.
type attack struct {
	cve, what    string
	method, path string
	body         any
	head         map[string]string
}

// TestPublishedAttacksAreRefused makes, under the number of each vulnerability
// that was published for MLflow, an attack of its kind. Variants by encoding are
// in security_test.go.
func TestPublishedAttacksAreRefused(t *testing.T) {
	web, _ := start(t)
	c := client{t, web.URL}
	type obj = map[string]any
	run := c.run()
	c.must("POST", api+"registered-models/create", obj{"name": "m"})
	version := func(source string) obj { return obj{"name": "m", "source": source, "run_id": run} }
	const proxied = "/api/2.0/mlflow-artifacts/artifacts/"
	for _, a := range []attack{
		{"CVE-2023-1177", "a version whose source is the root of the file system", "POST", api + "model-versions/create", version("file:///"), nil},
		{"CVE-2023-2780", "a source with a path trick before the file", "POST", api + "model-versions/create", version("//proc/self/root"), nil},
		{"CVE-2023-6015", "an upload to an absolute path", "PUT", proxied + "%2Fetc%2Fcron.d%2Fx", []byte("x"), nil},
		{"CVE-2023-6018", "an upload over a file of the server", "PUT", proxied + "..%2F..%2Fregistry.db", []byte("x"), nil},
		{"CVE-2023-6568", "a script in the content type", "POST", api + "experiments/create", obj{"name": "b"}, map[string]string{"Content-Type": "<script>alert(1)</script>"}},
		{"CVE-2023-6753", "backslashes of another system", "PUT", proxied + "..%5C..%5Cx", []byte("x"), nil},
		{"CVE-2023-6831", "a deletion outside of the folder, encoded twice", "DELETE", proxied + "%252e%252e%252f%252e%252e%252fregistry.db", nil, nil},
		{"CVE-2023-6909", "an artifact location with a fragment", "POST", api + "experiments/create", obj{"name": "c", "artifact_location": "http:///#/../../../../etc/"}, nil},
		{"CVE-2023-6977", "a source that is a local path after a query", "POST", api + "model-versions/create", version("mlflow-artifacts:/a?/../../../etc"), nil},
		{"CVE-2023-43472", "a request by a page of another site", "GET", api + "experiments/get?experiment_id=0", nil, map[string]string{"Origin": "http://evil.example"}},
		{"CVE-2024-1483", "a fragment in an artifact location", "POST", api + "experiments/create", obj{"name": "d", "artifact_location": "mlflow-artifacts:/x#/../../../etc"}, nil},
		{"CVE-2024-1558", "a parameter in a source", "POST", api + "model-versions/create", version("mlflow-artifacts:/x;/../../../etc"), nil},
		{"CVE-2024-1560", "a deletion through a decoded path", "DELETE", proxied + "x%2F..%2F..%2Fregistry.db", nil, nil},
		{"CVE-2024-1594", "dots after a fragment", "POST", api + "experiments/create", obj{"name": "e", "artifact_location": "s3://b/#/../../etc"}, nil},
		{"CVE-2024-3848", "dots in a fragment of a source", "POST", api + "model-versions/create", version("http://host/#/../../etc/passwd"), nil},
		{"CVE-2024-6838", "a name of a megabyte", "POST", api + "experiments/create", obj{"name": strings.Repeat("x", 1<<20)}, nil},
		{"CVE-2025-11201", "a source that writes where the server runs", "POST", api + "model-versions/create", version("mlflow-artifacts:/../../x"), nil},
		{"CVE-2025-14279", "another name rebound to this machine", "POST", api + "experiments/search", obj{"max_results": 1}, map[string]string{"Host": "rebound.example"}},
		{"CVE-2025-52967", "a URL that the server should fetch", "POST", "/ajax-api/2.0/mlflow/gateway-proxy", obj{"gateway_path": "http://169.254.169.254/latest/meta-data/"}, nil},
		{"CVE-2026-2393", "a webhook to the metadata of the cloud", "POST", api + "webhooks", obj{"name": "w", "url": "http://169.254.169.254/latest/meta-data/", "events": []obj{{"entity": "MODEL_VERSION", "action": "CREATED"}}}, nil},
		{"CVE-2026-2614", "a prompt's version whose source is a file", "POST", api + "model-versions/create", obj{"name": "m", "source": "/etc/passwd", "tags": []obj{{"key": "mlflow.prompt.is_prompt", "value": "true"}}}, nil},
	} {
		t.Run(a.cve, func(t *testing.T) {
			status, answer := c.attack(t, a)
			if status < 400 || status >= 500 && status != http.StatusNotImplemented {
				t.Errorf("%s: answered with %d %v", a.what, status, answer)
			}
			if text, _ := answer["message"].(string); strings.Contains(text, "<script>") {
				t.Errorf("%s: the answer repeats a script", a.what)
			}
		})
	}
}

// Three of the attacks are on MLflow's own users: made without an account, or
// with one that may not.
func TestPublishedAttacksOnUsersAreRefused(t *testing.T) {
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
	tokens := map[string]string{"nobody": "pipe_not-a-token"}
	for name, level := range map[string]string{"owner": "write", "other": "none"} {
		if err := reg.AddUser(t.Context(), registry.User{Name: name, Level: level}, registry.Audit{}); err != nil {
			t.Fatal(err)
		}
		if _, tokens[name], err = reg.AddToken(t.Context(), registry.Token{User: name, Level: "admin"}, registry.Audit{}); err != nil {
			t.Fatal(err)
		}
	}
	web := httptest.NewServer(auth.New(reg, auth.Options{}).Handler(s))
	defer web.Close()
	as := func(name, method, path string, body any) (int, map[string]any) {
		http.DefaultClient.Transport = bearerTransport(tokens[name])
		defer func() { http.DefaultClient.Transport = nil }()
		return client{t, web.URL}.do(method, path, body)
	}
	type obj = map[string]any
	const model = "/api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/model.pkl"
	if status, answer := as("owner", "PUT", model, []byte("mine")); status != http.StatusOK {
		t.Fatal(status, answer)
	}
	for _, a := range []struct{ cve, what, who, method, path string }{
		{"CVE-2023-6014", "an account made by somebody who has none", "nobody", "POST", "/api/2.0/mlflow/users/create"},
		{"CVE-2023-6014", "an account made by the form", "nobody", "POST", "/signup"},
		{"CVE-2023-6014", "an account made by one who may nothing", "other", "POST", "/api/2.0/mlflow/users/create"},
		{"CVE-2026-2651", "a multipart upload over another's model: begun", "other", "POST", "/api/2.0/mlflow-artifacts/mpu/create/0/r/artifacts/model.pkl"},
		{"CVE-2026-2651", "and completed", "other", "POST", "/api/2.0/mlflow-artifacts/mpu/complete/0/r/artifacts/model.pkl"},
		{"CVE-2026-2651", "and aborted", "other", "POST", "/ajax-api/2.0/mlflow-artifacts/mpu/abort/0/r/artifacts/model.pkl"},
		{"CVE-2026-2651", "or without parts", "other", "PUT", model},
		{"CVE-2026-2652", "a job started by somebody who has no account", "nobody", "POST", "/ajax-api/3.0/jobs/"},
		{"CVE-2026-2652", "a job cancelled", "nobody", "PATCH", "/ajax-api/3.0/jobs/cancel/1"},
		{"CVE-2026-2652", "traces put in", "nobody", "POST", "/v1/traces"},
	} {
		status, answer := as(a.who, a.method, a.path, obj{"username": "eve", "password": "0123456789ab", "path": "x", "num_parts": 1, "upload_id": "u", "parts": []obj{}})
		if status < 400 || status >= 500 && status != http.StatusNotImplemented {
			t.Errorf("%s, %s: answered with %d %v", a.cve, a.what, status, answer)
		}
		if a.who == "nobody" && status != http.StatusUnauthorized {
			t.Errorf("%s, %s: %d, want 401", a.cve, a.what, status)
		}
	}
	if users, err := reg.Users(t.Context()); err != nil || len(users) != 2 {
		t.Errorf("users are %v, %v", users, err)
	}
	if _, answer := as("owner", "GET", model, nil); answer["text"] != "mine" {
		t.Errorf("the model is %v now", answer)
	}
}

func (c client) attack(t *testing.T, a attack) (int, map[string]any) {
	t.Helper()
	c.t = t
	http.DefaultClient.Transport = headTransport(a.head)
	defer func() { http.DefaultClient.Transport = nil }()
	return c.do(a.method, a.path, a.body)
}

// headTransport replaces headers of requests.
type headTransport map[string]string

func (h headTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	for name, value := range h {
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header.Set(name, value)
	}
	return http.DefaultTransport.RoundTrip(r)
}
