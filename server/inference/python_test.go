package inference

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// python finds the interpreter that a variable names and that can import what is
// needed.
func python(t *testing.T, variable, imports string) string {
	t.Helper()
	py := os.Getenv(variable)
	if testing.Short() || py == "" {
		t.Skipf("skipped: %s is not set, or -short; it names a Python that can import %s", variable, imports)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, py, "-c", "import "+imports).CombinedOutput(); err != nil {
		t.Skipf("skipped: %s cannot import %s: %v %s", py, imports, err, out)
	}
	return py
}

func TestRealClients(t *testing.T) {
	for _, c := range []struct{ flow, variable, imports string }{
		{"triton", "PIPE_SERVING_PYTHON", "tritonclient.http, numpy"},
		{"openai", "PIPE_SERVING_PYTHON", "openai; openai.OpenAI"},
		{"openai-old", "PIPE_OPENAI0_PYTHON", "openai; openai.Completion.create"},
		{"mlflow", "PIPE_MLFLOW_PYTHON", "mlflow, pandas, requests"},
	} {
		t.Run(c.flow, func(t *testing.T) {
			py := python(t, c.variable, c.imports)
			b := newBench(t, nil)
			b.all()
			sole := newBench(t, nil)
			sole.served("topics", "", &fake{})
			// GET /version is the registry's; it stands beside in `pipe up`.
			beside := http.NewServeMux()
			beside.Handle("/", sole)
			beside.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "3.17.2") })
			alone := httptest.NewServer(beside)
			defer alone.Close()
			u, err := url.Parse(alone.URL)
			if err != nil {
				t.Fatal(err)
			}
			wav := filepath.Join(t.TempDir(), "a.wav")
			if err := os.WriteFile(wav, wave(800), 0o666); err != nil {
				t.Fatal(err)
			}
			out, err := exec.CommandContext(t.Context(), py, "testdata/clients.py", b.web.URL, wav, u.Port(), c.flow).CombinedOutput()
			t.Logf("%s", out)
			if err != nil {
				t.Errorf("%v", err)
			}
		})
	}
}

// schemathesis asks what openapi.json promises, and much that it does not.
func TestSchemathesis(t *testing.T) {
	py := python(t, "PIPE_SERVING_PYTHON", "schemathesis")
	b := newBench(t, nil)
	b.served("topics", "", &fake{})
	b.served("sums", "", tabular{})
	examples := "15"
	if n := os.Getenv("PIPE_SCHEMATHESIS_EXAMPLES"); n != "" {
		examples = n
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(filepath.Dir(py), "schemathesis"), "run", b.web.URL+"/openapi.json",
		"--max-examples", examples, "--seed", "1", "--exclude-checks", "unsupported_method")
	cmd.Dir = t.TempDir()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "No issues found") {
		t.Logf("%s", out)
	}
}
