package stages

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The program of a stage ends with the process that runs it, even where that is
// killed. The test runs itself as that process.
func TestProgramEndsWithAKilledProcess(t *testing.T) {
	const variable = "PIPE_TEST_STARTS_A_PROGRAM"
	if place := os.Getenv(variable); place != "" {
		if _, p, err := start("/bin/sleep", []string{"sleep", "300"}, nil); err == nil {
			_ = os.WriteFile(place+".new", []byte(strconv.Itoa(p.Pid)), 0o666)
			_ = os.Rename(place+".new", place)
		}
		time.Sleep(time.Minute)
		return
	}
	place := filepath.Join(t.TempDir(), "pid")
	c := exec.Command(os.Args[0], "-test.run", "^TestProgramEndsWithAKilledProcess$")
	c.Env = append(os.Environ(), variable+"="+place)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	for end := time.Now().Add(30 * time.Second); pid == 0 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		b, _ := os.ReadFile(place)
		pid, _ = strconv.Atoi(string(b))
	}
	_ = c.Process.Kill()
	_ = c.Wait()
	if pid == 0 {
		t.Fatal("no program was started")
	}
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil || strings.Contains(string(b), ") Z ") {
			return
		}
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	t.Error("the program goes on")
}
