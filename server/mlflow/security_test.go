package mlflow

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"pipe/registry"
	"pipe/server/admit"
)

// rawStatus sends a request line as it is, which net/http's client would clean.
func rawStatus(t *testing.T, web *httptest.Server, method, target, body string) (int, string) {
	t.Helper()
	conn, err := net.Dial("tcp", web.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	request := method + " " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: " +
		strconv.Itoa(len(body)) + "\r\n\r\n" + body
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(answer))
	if len(fields) < 2 {
		t.Fatalf("%s %s: answer %q", method, target, answer)
	}
	status, err := strconv.Atoi(fields[1])
	if err != nil {
		t.Fatalf("%s %s: answer %q", method, target, answer)
	}
	return status, string(answer)
}

// tricks are paths that try to leave the artifact folder: CVE-2023-1177,
// -2780, -6018, -6909, -6977, CVE-2024-1483, -1558, -1560, -1594, -3848,
// CVE-2025-11201 and CVE-2026-2393 are of these kinds.
var tricks = []string{
	"../secret", "..%2fsecret", "%2e%2e/secret", "%2e%2e%2fsecret", "%252e%252e%252fsecret", "%25252e%25252e%25252fsecret", "a/../../secret", "a/..%2f..%2fsecret",
	"..%5csecret", "..\\secret", "%5c..%5csecret", "/etc/passwd", "%2fetc%2fpasswd", "%252fetc%252fpasswd", "file:///etc/passwd", "file:%2f%2f%2fetc%2fpasswd",
	"C:/Windows/win.ini", "c%3a%5cwindows", "a%00b", "a/./b", "./a", "%2e/a", "a//b", "http://x/y", "a%0ab", "link/secret", "a/b/",
}

func TestArtifactPathsNeverLeaveTheFolder(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("top secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(dir, "artifacts")
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	reg, err := registry.Open(t.Context(), filepath.Join(dir, "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer reg.Close()
	s, err := New(reg, root, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	web := httptest.NewServer(admit.Handler(admit.Rules{}, s))
	defer web.Close()
	run := client{t, web.URL}.run()
	for _, trick := range tricks {
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			status, answer := rawStatus(t, web, method, "/api/2.0/mlflow-artifacts/artifacts/"+trick, "evil")
			if status < 400 || status >= 500 || strings.Contains(answer, "top secret") {
				t.Errorf("%s %s: %d", method, trick, status)
			}
		}
		for _, target := range []string{"/api/2.0/mlflow-artifacts/artifacts?path=" + trick, "/api/2.0/mlflow/artifacts/list?run_id=" + run + "&path=" + trick,
			"/get-artifact?run_uuid=" + run + "&path=" + trick, "/ajax-api/2.0/mlflow/logged-models/m-x/artifacts/files?artifact_file_path=" + trick} {
			status, answer := rawStatus(t, web, "GET", target, "")
			listsNothing := status == 200 && !strings.Contains(answer, "secret") && !strings.Contains(answer, "registry.db") && !strings.Contains(answer, "passwd")
			if (status < 400 || status >= 500) && !listsNothing {
				t.Errorf("GET %s: %d %s", target, status, answer)
			}
		}
	}
	text, err := os.ReadFile(secret)
	if err != nil || string(text) != "top secret" {
		t.Fatalf("the file outside is now %q, %v", text, err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) > 5 { // artifacts, secret, registry.db and its two logs
		t.Fatalf("files were made outside: %v", entries)
	}
}

// Locations and sources that name the server's own files, CVE-2023-6831,
// -6015, -6014, CVE-2024-1594, -3848, CVE-2025-14279 and the two that MLflow
// 3.17 lets pass (a fragment or parameter after the path).
var localSources = []string{
	"/etc/passwd", "file:///etc/passwd", "FILE:///etc/passwd", "file:etc", "./x", "../x", "x", "mlflow-artifacts:/../x", "mlflow-artifacts:/%2e%2e/x",
	"mlflow-artifacts:/%252e%252e/x", "mlflow-artifacts:/a?/../../x", "mlflow-artifacts:/a#/../../x", "mlflow-artifacts:/a;/../x", "mlflow-artifacts:/a%3f/../x",
	"http:///a/../../x", "http://host/a?../../x", "http://host/#/../x", "s3:/b/../../x", "s3://b/x%00", "s3://b/..\\x", "runs:/../x", "models:/../x", "sqlite:///x", "c:\\x", "",
}

func TestLocalSourcesAreRefused(t *testing.T) {
	web, _ := start(t)
	c := client{t, web.URL}
	run := c.run()
	c.must("POST", api+"registered-models/create", map[string]any{"name": "m"})
	for _, source := range localSources {
		for _, body := range []map[string]any{{"name": "m", "source": source}, {"name": "m", "source": source, "run_id": run}} {
			if status, answer := c.do("POST", api+"model-versions/create", body); status < 400 || status >= 500 {
				t.Errorf("source %q: %d %v", source, status, answer)
			}
		}
		if source == "" {
			continue // means the default
		}
		if status, answer := c.do("POST", api+"experiments/create", map[string]any{"name": "e" + source, "artifact_location": source}); status < 400 || status >= 500 {
			t.Errorf("artifact location %q: %d %v", source, status, answer)
		}
	}
	for _, name := range []string{"../m", "a/b", "a:b", "..", " ", strings.Repeat("x", 1<<20)} { // CVE-2024-6838 and names as files
		if status, _ := c.do("POST", api+"registered-models/create", map[string]any{"name": name}); status != 400 {
			t.Errorf("model name of %d bytes: %d", len(name), status)
		}
	}
}

// A page of another origin, or one that rebinds its name to the loopback
// interface, gets nothing (CVE-2023-43472 and its kind).
func TestForeignPagesAreRefused(t *testing.T) {
	web, _ := start(t)
	c := client{t, web.URL}
	for name, c2 := range map[string]struct {
		change func(*http.Request)
		want   int
	}{
		"client":           {func(*http.Request) {}, 200},
		"own origin":       {func(r *http.Request) { r.Header.Set("Origin", "http://localhost:5000") }, 200},
		"foreign host":     {func(r *http.Request) { r.Host = "evil.example" }, 403},
		"foreign port":     {func(r *http.Request) { r.Host = "evil.example:80" }, 403},
		"foreign origin":   {func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") }, 403},
		"null origin":      {func(r *http.Request) { r.Header.Set("Origin", "null") }, 403},
		"cross site":       {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		"simple request":   {func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 400},
		"form":             {func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }, 400},
		"no type":          {func(r *http.Request) { r.Header.Del("Content-Type") }, 400},
		"type with params": {func(r *http.Request) { r.Header.Set("Content-Type", "application/json; charset=utf-8") }, 200},
	} {
		req, err := http.NewRequest("POST", web.URL+api+"experiments/search", strings.NewReader(`{"max_results": 5}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		c2.change(req)
		if status, answer := c.send(req); status != c2.want {
			t.Errorf("%s: %d %v, want %d", name, status, answer, c2.want)
		}
	}
}

// What somebody uploads is never run by a browser in this origin.
func TestUploadsAreNotPages(t *testing.T) {
	web, _ := start(t)
	c := client{t, web.URL}
	for _, name := range []string{"x.html", "x.svg", "x.xml", "x.js", "x", "x.htm"} {
		c.must("PUT", "/api/2.0/mlflow-artifacts/artifacts/0/"+name, []byte("<script>alert(1)</script>"))
		res, err := http.Get(web.URL + "/api/2.0/mlflow-artifacts/artifacts/0/" + name)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		h := res.Header
		kind := h.Get("Content-Type")
		if !strings.HasPrefix(h.Get("Content-Disposition"), "attachment") || h.Get("X-Content-Type-Options") != "nosniff" ||
			!strings.HasPrefix(h.Get("Content-Security-Policy"), "sandbox") || strings.Contains(kind, "html") || strings.Contains(kind, "xml") || strings.Contains(kind, "script") {
			t.Errorf("%s: %v", name, h)
		}
	}
}

func TestSizesAreBounded(t *testing.T) {
	web, _ := start(t)
	c := client{t, web.URL}
	run := c.run()
	long := strings.Repeat("x", 1<<20)
	metrics := make([]map[string]any, 1001)
	for i := range metrics {
		metrics[i] = map[string]any{"key": "m", "value": 1, "timestamp": i}
	}
	for _, body := range []struct {
		path string
		body any
	}{
		{"experiments/create", map[string]any{"name": long}},
		{"runs/log-metric", map[string]any{"run_id": run, "key": long, "value": 1, "timestamp": 1}},
		{"runs/log-parameter", map[string]any{"run_id": run, "key": long, "value": "1"}},
		{"runs/log-batch", map[string]any{"run_id": run, "metrics": metrics}},
		{"runs/log-batch", map[string]any{"run_id": run, "tags": []map[string]any{{"key": "k", "value": long}}}},
		{"runs/search", map[string]any{"experiment_ids": []string{"0"}, "filter": "params.x = '" + long + "'"}},
		{"runs/search", map[string]any{"experiment_ids": []string{"0"}, "filter": strings.Repeat("(", 60000)}},
		{"runs/search", map[string]any{"experiment_ids": []string{"0"}, "max_results": 50001}},
		{"runs/search", map[string]any{"experiment_ids": []string{"0"}, "max_results": -1}},
	} {
		if status, answer := c.do("POST", api+body.path, body.body); status != 400 || len(answer["message"].(string)) > 2000 {
			t.Errorf("%s: %d with a message of %d bytes", body.path, status, len(answer["message"].(string)))
		}
	}
	if status, _ := c.do("POST", api+"runs/create", map[string]any{"run_name": strings.Repeat("x", maxBody)}); status != 400 {
		t.Errorf("a body of %d bytes: %d", maxBody, status)
	}
	web, _ = startWith(t, Options{MaxUpload: 10})
	small := web.URL
	req, err := http.NewRequest("PUT", small+"/api/2.0/mlflow-artifacts/artifacts/0/big", io.MultiReader(bytes.NewReader(make([]byte, 100))))
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := c.send(req); status != http.StatusRequestEntityTooLarge {
		t.Errorf("an upload of 100 bytes of unknown length where 10 are allowed: %d", status)
	}
	if answer := (client{t, small}).must("GET", "/api/2.0/mlflow-artifacts/artifacts?path=0", nil); len(answer) != 0 {
		t.Errorf("a refused upload left %v", answer)
	}
}
