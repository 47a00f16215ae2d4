package mlflow

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// python finds an interpreter that has MLflow: the one that the environment
// variable names, or standard.
func python(t *testing.T, variable, standard string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped: -short, and MLflow's client takes a minute")
	}
	py := os.Getenv(variable)
	if py == "" {
		py = standard
	}
	if py == "" {
		t.Skipf("skipped: %s is not set", variable)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, py, "-c", "import mlflow, sklearn").CombinedOutput(); err != nil {
		t.Skipf("skipped: %s cannot import mlflow and sklearn (%v: %s); set %s to one that can", py, err, lastLine(out), variable)
	}
	return py
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

// TestClientFlows runs what users do by MLflow's own client, unmodified.
func TestClientFlows(t *testing.T) { runFlows(t, python(t, "PIPE_MLFLOW_PYTHON", "python3")) }

// The same by the last client of MLflow 2, where one is at hand.
func TestClientFlowsOfMLflow2(t *testing.T) { runFlows(t, python(t, "PIPE_MLFLOW2_PYTHON", "")) }

func runFlows(t *testing.T, py string) {
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

// TestSameAnswersAsMLflow makes the same calls to this server and to `mlflow
// server` and compares the answers.
func TestSameAnswersAsMLflow(t *testing.T) {
	py := python(t, "PIPE_MLFLOW_PYTHON", "python3")
	web, _ := start(t)
	peer := startMLflow(t, py)
	out, err := exec.CommandContext(t.Context(), py, "testdata/differential.py", web.URL, peer).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Log(lastLine(out))
}

// startMLflow runs MLflow's own server until the test ends.
func startMLflow(t *testing.T, py string) string {
	t.Helper()
	dir, port := t.TempDir(), freePort(t)
	cmd := exec.Command(py, "-m", "mlflow", "server", "--workers", "1", "--host", "127.0.0.1", "--port", port,
		"--backend-store-uri", "sqlite:///"+filepath.Join(dir, "db"), "--artifacts-destination", filepath.Join(dir, "artifacts"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // it starts processes of its own
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	url := "http://127.0.0.1:" + port
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if res, err := http.Get(url + "/health"); err == nil {
			_ = res.Body.Close()
			return url
		}
	}
	t.Fatal("mlflow server does not answer")
	return ""
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
