package mlflow

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// What the server acknowledged before kill -9 is there after it: eight clients
// log, the server is killed under them, and another one on the same folder is
// asked for every point that was answered with 200.
func TestKillLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		server, url := child(t, dir)
		c := client{t, url}
		runs := make([]string, 8)
		for i := range runs {
			runs[i] = c.run()
		}
		acknowledged := make([]atomic.Int64, len(runs))
		var total atomic.Int64
		var wg sync.WaitGroup
		for i, run := range runs {
			wg.Go(func() {
				for step := int64(0); ; step++ {
					body := fmt.Sprintf(`{"run_id": %q, "key": "m", "value": 1, "timestamp": %d, "step": %d}`, run, step+1, step)
					res, err := http.Post(url+api+"runs/log-metric", "application/json", strings.NewReader(body))
					if err != nil {
						return // killed
					}
					_ = res.Body.Close()
					if res.StatusCode != http.StatusOK {
						t.Errorf("status %d", res.StatusCode)
						return
					}
					acknowledged[i].Store(step + 1)
					if total.Add(1) == 400 {
						if err := server.Process.Kill(); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		wg.Wait()
		_ = server.Wait()
		again, url := child(t, dir)
		for i, run := range runs {
			points, _ := client{t, url}.must("GET", api+"metrics/get-history?run_id="+run+"&metric_key=m", nil)["metrics"].([]any)
			if int64(len(points)) < acknowledged[i].Load() {
				t.Errorf("run %s: %d points of %d acknowledged", run, len(points), acknowledged[i].Load())
			}
		}
		_ = again.Process.Kill()
		_ = again.Wait()
	}
}

// child starts a server in a process of its own and returns its address.
func child(t *testing.T, dir string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PIPE_MLFLOW_SERVE="+dir, "PIPE_MLFLOW_ADDR=127.0.0.1:0")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal("the server said nothing")
	}
	return cmd, "http://" + lines.Text()
}
