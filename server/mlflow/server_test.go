package mlflow

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pipe/registry"
	"pipe/server/admit"
)

// TestMain lets the test binary be a server in a process of its own, for
// measurements and for faults: PIPE_MLFLOW_SERVE is its folder,
// PIPE_MLFLOW_ADDR where it listens.
func TestMain(m *testing.M) {
	if dir := os.Getenv("PIPE_MLFLOW_SERVE"); dir != "" {
		if err := serve(dir, os.Getenv("PIPE_MLFLOW_ADDR")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func serve(dir, addr string) error {
	reg, err := registry.Open(context.Background(), filepath.Join(dir, "registry.db"))
	if err != nil {
		return err
	}
	s, err := New(reg, filepath.Join(dir, "artifacts"), Options{})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return http.Serve(l, admit.Handler(admit.Rules{}, s))
}

// start serves an empty registry.
func start(t testing.TB) (*httptest.Server, *registry.Registry) { return startWith(t, Options{}) }

func startWith(t testing.TB, opt Options) (*httptest.Server, *registry.Registry) {
	t.Helper()
	dir := t.TempDir()
	reg, err := registry.Open(context.Background(), filepath.Join(dir, "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(reg, filepath.Join(dir, "artifacts"), opt)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(admit.Handler(admit.Rules{}, s))
	t.Cleanup(func() {
		web.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := reg.Close(); err != nil {
			t.Error(err)
		}
	})
	return web, reg
}

// client calls a server as MLflow's does.
type client struct {
	t    testing.TB
	base string
}

// do sends a body (JSON of anything, or raw bytes) and returns status and
// decoded answer.
func (c client) do(method, path string, body any) (int, map[string]any) {
	c.t.Helper()
	var in io.Reader
	kind := "application/json"
	switch body := body.(type) {
	case nil:
	case []byte:
		in, kind = bytes.NewReader(body), "application/octet-stream"
	case json.RawMessage: // also what is no JSON
		in = bytes.NewReader(body)
	default:
		text, err := json.Marshal(body)
		if err != nil {
			c.t.Fatal(err)
		}
		in = bytes.NewReader(text)
	}
	req, err := http.NewRequest(method, c.base+path, in)
	if err != nil {
		c.t.Fatal(err)
	}
	if in != nil {
		req.Header.Set("Content-Type", kind)
	}
	return c.send(req)
}

func (c client) send(req *http.Request) (int, map[string]any) {
	c.t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	answer := map[string]any{}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(text, &answer); err != nil {
			c.t.Fatalf("%s %s: %v in %s", req.Method, req.URL, err, text)
		}
	} else {
		answer["text"] = string(text)
	}
	return res.StatusCode, answer
}

const api = "/api/2.0/mlflow/"

// must calls and expects 200.
func (c client) must(method, path string, body any) map[string]any {
	c.t.Helper()
	status, answer := c.do(method, path, body)
	if status != http.StatusOK {
		c.t.Fatalf("%s %s %v: %d %v", method, path, body, status, answer)
	}
	return answer
}

// dig follows keys and indices into an answer.
func dig(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, ok := v.(map[string]any)
			if !ok {
				return nil
			}
			v = m[p]
		case int:
			l, ok := v.([]any)
			if !ok || p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

// run creates a run in experiment 0 and returns its id.
func (c client) run() string {
	return dig(c.must("POST", api+"runs/create", map[string]any{"experiment_id": "0", "start_time": 1}), "run", "info", "run_id").(string)
}
