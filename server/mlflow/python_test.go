package mlflow

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// python finds an interpreter that has MLflow: PIPE_MLFLOW_PYTHON, or python3.
func python(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped: -short, and MLflow's client takes a minute")
	}
	py := os.Getenv("PIPE_MLFLOW_PYTHON")
	if py == "" {
		py = "python3"
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, py, "-c", "import mlflow, sklearn").CombinedOutput(); err != nil {
		t.Skipf("skipped: %s cannot import mlflow and sklearn (%v: %s); set PIPE_MLFLOW_PYTHON to one that can", py, err, lastLine(out))
	}
	return py
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

// TestClientFlows runs what users do by MLflow's own client, unmodified.
func TestClientFlows(t *testing.T) {
	py := python(t)
	web, _ := start(t)
	cmd := exec.CommandContext(t.Context(), py, "testdata/flows.py")
	cmd.Env = append(os.Environ(), "MLFLOW_TRACKING_URI="+web.URL, "PYTHONWARNINGS=ignore", "MPLBACKEND=Agg", "GIT_PYTHON_REFRESH=quiet")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(line, "ok ") || strings.HasPrefix(line, "FAILED ") {
			t.Log(strings.TrimSpace(line))
		}
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
}
